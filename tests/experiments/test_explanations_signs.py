"""Tests of the experiment on explanations of signs."""

import pytest
import torch
from torch import nn

from experiments import explanations_signs
from tutorial_course.results import load_result
from tutorial_lib import attribution
from tutorial_lib.metrics import srcc
from tutorial_lib.models import load


@pytest.fixture(scope="module")
def model():
    return load(explanations_signs.NETWORKS[0])


def test_edge_detector_map_is_difference_of_neighbors():
    x = torch.zeros(1, 3, 4, 5)
    x[..., 3:] = 1.0  # one vertical edge between the columns 2 and 3
    assert torch.equal(explanations_signs.edge_detector_map(x)[0, 1:-1], torch.tensor([0.0, 0, 1, 1, 0]).expand(2, 5))
    assert torch.equal(explanations_signs.edge_detector_map(x.mT)[0], explanations_signs.edge_detector_map(x)[0].T)


def test_reinitialized_head_is_a_copy_with_equal_scale():
    model = nn.Sequential(nn.Flatten(), nn.Linear(100, 50))
    before = model[1].weight.detach().clone()
    other = explanations_signs.reinitialized_head(model, "1", torch.Generator().manual_seed(0))
    assert torch.equal(model[1].weight, before) and not torch.equal(other[1].weight, before)
    assert other[1].weight.std().item() == pytest.approx(before.std().item(), rel=0.05)
    assert abs(other[1].weight.mean()) < 0.05 * before.std()


def test_explanations_rank_correlation_is_computed_per_image():
    a, b = torch.rand(2, 3, 3, generator=torch.Generator().manual_seed(0)), torch.ones(2, 3, 3)
    b[1] = torch.rand(3, 3, generator=torch.Generator().manual_seed(1))
    assert explanations_signs.rank_correlation(a, b) == [0.0, srcc(a[1].flatten(), b[1].flatten())]


def test_explanation_maps_have_image_size(model):
    x = torch.rand(2, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    for name, explain in explanations_signs.methods("block3").items():
        maps = explanations_signs.to_image_maps(explain(model, x, torch.tensor([1, 2])))
        assert maps.shape == (2, 48, 48) and maps.isfinite().all() and maps.any(), name


def test_randomization_rows_keep_edge_maps_and_lower_accuracy(model):
    x, _, _, p, q = explanations_signs.sign_scenes(1, 2, "cpu")
    x, p, q = x[:3], p[:3], q[:3]
    slow = ("occlusion", "SmoothGrad", "integrated gradients")
    rows = explanations_signs.randomization_rows("here", model, x, p, q, "block3", ("head",), 0, 1, skip=slow)
    assert not {row["method"] for row in rows} & set(slow)
    for row in rows:
        if row["randomized"] == "nothing" or row["method"] == "edges of the image":
            assert row["signed"] == pytest.approx(1) and row["magnitude"] == pytest.approx(1)
    accuracy_rows = explanations_signs.accuracy_under_randomization("here", model, x, p, ("head",), 0, 2)
    assert [row["randomized"] for row in accuracy_rows] == ["nothing", "head"]
    assert (
        accuracy_rows[0]["accuracy"] == explanations_signs.mean(explanations_signs.correctly_classified(model, x, p))
        and accuracy_rows[1]["accuracy"] < accuracy_rows[0]["accuracy"]
    )


def test_counterfactual_localization_averages_over_correct_pairs(model):
    rows = explanations_signs.counterfactual_localization("here", model, 5, "cpu", each=1)
    x, counterfactual, mask, p, q = explanations_signs.sign_scenes(1, 5, "cpu")
    valid = (
        explanations_signs.correctly_classified(model, x, p)
        & explanations_signs.correctly_classified(model, counterfactual, q)
        & mask.flatten(1).any(1)
    )
    maps = attribution.reduce_channels(attribution.guided_backprop(model, x[valid], p[valid])).double()
    share = sum((m * k).sum() / m.sum() for m, k in zip(maps, mask[valid])) / valid.sum()
    (row,) = [r for r in rows if r["method"] == "guided backpropagation" and r["question"] == "why P"]
    assert row["images"] == valid.sum() and row["mass"] == pytest.approx(share.item(), abs=1e-3)
    assert {r["question"] for r in rows if r["method"] == "uniform"} == {"none"}


def test_explanations_signs_table_is_complete():
    table = load_result("explanations_signs")
    methods = set(explanations_signs.methods("block3"))
    for network in explanations_signs.NETWORKS:
        rows = table[table["network"] == network]
        assert set(rows.query("kind == 'counterfactual pairs' and question == 'why P'")["method"]) == methods
        for stage in ("nothing", *explanations_signs.LAYERS, "head, re-initialized"):
            forget = rows.query("kind == 'randomization' and randomized == @stage")
            assert set(forget["method"]) == methods | {
                "Grad-CAM, positive part",
                "contrast",
                "edges of the image",
            }
            assert forget["signed"].between(-1, 1).all()
            assert (forget["draws"] == explanations_signs.N_RANDOMIZATIONS).all()
        metrics = rows.query("kind == 'metrics'").set_index("method")
        assert len(metrics) == len(methods) + 4
        assert metrics.loc["uniform", "drop"] == 0
