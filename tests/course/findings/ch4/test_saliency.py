"""The numbers of saliency maps that the sentences of chapter 4 print."""

import pandas as pd
import pytest
import torch

from tutorial_course.findings import ch4 as findings
from tutorial_lib import metrics
from tutorial_lib.data import odd_one_out_arrays


def stored(**row):
    return row | {"auc": 0.7, "auc, low": 0.6, "auc, high": 0.8}


TABLE = pd.DataFrame(
    [
        stored(kind="fixations", data="osie", map="a", prior=False),
        stored(kind="fixations", data="osie", map="a", prior=True) | {"auc": 0.75},
        stored(kind="fixations", data="scene500", map="b", prior=False),
        *(
            {**stored(kind="noise", map="a", prior=prior, sd=sd), "under the noise": under}
            for prior in (False, True)
            for sd, unders in ((0.0, ["photograph"]), (0.4, ["photograph", "nothing"]))
            for under in unders
        ),
    ]
)


def test_stored_interval_selects_the_only_row_with_the_values():
    interval = findings.stored_interval(TABLE, "auc", kind="fixations", data="osie", map="a", prior=True)
    assert interval == (0.75, 0.6, 0.8)
    noisy = dict(kind="noise", map="a", prior=False, sd=0.4)
    assert findings.stored_interval(TABLE, "auc", **noisy, under_the_noise="nothing").value == 0.7
    with pytest.raises(ValueError, match="expected one stored row .*, got 2"):
        findings.stored_interval(TABLE, "auc", **noisy)


def test_fixation_scores_leave_out_maps_that_were_not_evaluated():
    titles = {("a", False): "A", ("b", False): "B"}
    assert list(findings.fixation_scores(TABLE, "osie", "auc", titles)) == ["A"]
    assert findings.fixation_scores(TABLE, "scene500", "auc", titles) == {"B": (0.7, 0.6, 0.8)}


def test_noise_scores_are_those_of_the_strongest_noise_without_the_prior():
    scores = findings.noise_scores(TABLE, "auc", ["a"])
    assert list(scores) == ["photograph", "nothing"] and scores.index.tolist() == ["a"]
    assert scores.loc["a", "nothing"] == (0.7, 0.6, 0.8)


def test_odd_sign_hits_are_certain_for_the_mask_of_the_odd_sign():
    arrays = odd_one_out_arrays("class", 3, generator=torch.Generator().manual_seed(0))
    assert findings.odd_sign_hits(arrays.mask[:, 0].float(), arrays).all()
    assert not findings.odd_sign_hits(-arrays.mask[:, 0].float(), arrays).any()


def test_metric_changes_separate_the_conventions_of_sim_and_information_gain():
    prior = metrics.center_bias_map(torch.zeros(20, 30))
    points, others = torch.tensor([[9, 14], [11, 16]]), torch.tensor([[1, 2], [18, 27]])
    density = metrics.fixation_density(points, (20, 30), blur=3)
    changed = {"unchanged": prior, "plus": prior + 0.5, "squared": prior**2}
    same, plus, squared = findings.metric_changes(changed, points, density, prior, others)
    assert [row["map"] for row in (same, plus, squared)] == list(changed)
    for name in ("AUC", "sAUC", "NSS", "CC", "SIM, benchmark", "IG, benchmark"):
        assert plus[name] == pytest.approx(same[name], abs=1e-5), name
    assert plus["SIM"] < same["SIM"] - 0.05 and plus["IG"] < same["IG"] - 0.1 and plus["KL"] > same["KL"]
    assert squared["AUC"] == same["AUC"] and squared["NSS"] != pytest.approx(same["NSS"], abs=0.01)
    assert same["IG"] == pytest.approx(0, abs=1e-6)
