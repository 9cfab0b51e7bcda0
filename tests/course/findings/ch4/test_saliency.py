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
        stored(kind="fixations", data="osie", map="center prior", prior=True),
        *(
            stored(kind="fixations, difference", data=data, map=name, prior=prior)
            | {"compared with": control, "auc": value, "nss": 2 * value, "nss, low": value, "nss, high": 3 * value}
            for data, name, control, prior, value in (
                ("osie", "a", "b", False, 0.1),
                ("osie", "a", "b", True, 0.2),
                ("osie", "a", "c", False, 0.25),
                ("scene500", "b", "a", False, 0.4),
            )
        ),
        *(
            {"kind": "array", "network": network, "array": array, "map": name, "hit rate": rate}
            for network, array, name, rate in (
                ("1", "class", "a", 1.0),
                ("2", "class", "a", 0.5),
                ("1", "size", "a", 0.25),
                ("1", "class", "b", 0.125),
                ("1", "size", "b", 0.0),
                ("1", "size", "c", 0.9),
            )
        ),
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


def test_stored_intervals_are_those_of_one_row_by_metric():
    keys = dict(kind="fixations, difference", map="a", compared_with="c")
    assert findings.stored_intervals(TABLE, ["nss", "auc"], **keys) == {
        "nss": (0.5, 0.25, 0.75),
        "auc": (0.25, 0.6, 0.8),
    }
    with pytest.raises(ValueError, match="expected one stored row"):
        findings.stored_intervals(TABLE, ["nss"], kind="fixations, difference", map="a")


def test_hit_rates_by_kind_are_means_over_networks_in_the_given_order():
    rates = findings.hit_rates_by_kind(TABLE, {"size": "size", "class": "another class"}, {"b": "B", "a": "A"})
    assert rates.index.tolist() == ["size", "another class"] and rates.columns.tolist() == ["B", "A"]
    assert rates.to_numpy().tolist() == [[0.0, 0.25], [0.125, 0.75]]


def test_fixation_differences_are_missing_where_the_pair_was_not_measured():
    data, columns = {"scene500": "Scene500", "osie": "OSIE"}, {"nss": "NSS", "auc": "AUC"}
    differences = findings.fixation_differences(TABLE, "a", "b", True, data, columns)
    assert list(differences) == ["Scene500, NSS", "Scene500, AUC", "OSIE, NSS", "OSIE, AUC"]
    assert differences["Scene500, NSS"] is None and differences["OSIE, NSS"] == pytest.approx((0.4, 0.2, 0.6))
    assert findings.fixation_differences(TABLE, "a", "b", False, data, columns)["OSIE, AUC"].value == 0.1


def test_fixation_metrics_leave_out_the_center_prior_alone_and_name_the_product():
    rows = findings.fixation_metrics(TABLE, "osie", {"a": "map A"})
    assert rows["map"].tolist() == ["map A", "map A × center prior"] and rows["auc"].tolist() == [0.7, 0.75]
    assert findings.fixation_metrics(TABLE, "scene500", {"a": "map A"})["map"].tolist() == ["b"]


def test_center_prior_auc_is_the_mean_over_the_given_photographs():
    class Fixations:
        def fixations(self, i, size):
            middle = torch.tensor([[size[0] // 2, size[1] // 2]])
            return middle if i else torch.zeros(1, 2, dtype=torch.int64)

    center, corner = findings.center_prior_auc(Fixations(), [1, 2]), findings.center_prior_auc(Fixations(), [0])
    assert center > 0.99 and corner < 0.01
    assert findings.center_prior_auc(Fixations(), [0, 1, 2]) == pytest.approx((2 * center + corner) / 3)


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
