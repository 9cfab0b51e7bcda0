"""Tests of the experiment on method costs."""

import pytest
import torch

from experiments import method_costs
from tutorial_course.methods import METHODS
from tutorial_course.results import load_result

SIZES = {"signs/classifier": {"C": 14, "S": method_costs.SAMPLES}, "resnet18": {"C": 1000, "S": method_costs.SAMPLES}}


@pytest.fixture(scope="module")
def fresh():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(method_costs, "N_IMAGES", {"signs/classifier": 2})
        patch.setattr(method_costs, "N_REPEATS", 1)
        return method_costs.run_part("signs/classifier", 0, "cpu")


def test_method_costs_passes_match_stored_table(fresh):
    stored = load_result("method_costs").query("network == 'signs/classifier'").set_index("method")
    assert [row["method"] for row in fresh] == stored.index.tolist()
    for row in fresh:
        assert [row["forward"], row["backward"]] == stored.loc[row["method"], ["forward", "backward"]].tolist()
        assert row["images"] == 2 and row["milliseconds"] > 0 and row["MiB"] > 0


@pytest.mark.parametrize("name", SIZES)
def test_method_costs_table_matches_declared_costs(name):
    for row in load_result("method_costs").query("network == @name").to_dict("records"):
        if row["method"] == "forward pass":
            assert (row["forward"], row["backward"], row["times a forward pass"]) == (1, 0, 1)
            continue
        sizes = dict(SIZES[name])
        if row["method"] == "adversarial attacks, many steps":
            sizes["S"] = method_costs.STEPS
        if name == "resnet18" and row["method"] in ("implicit saliency", "Gram matrix of gradients"):
            sizes["C"] = method_costs.N_CLASSES
        assert row["backward"] == METHODS[row["method"]].cost(**sizes), row["method"]


def test_method_costs_table_supports_statements_of_chapter_5():
    """Test the order of the costs: one backward pass costs about a forward pass, and occlusion is expensive."""
    for name in SIZES:
        cost = load_result("method_costs").query("network == @name").set_index("method")["times a forward pass"]
        assert 0.7 < cost["energy"] < 1.3 and 0.8 < cost["Grad-CAM"] < 1.5
        assert 1.5 < cost["saliency"] < 3.5
        assert cost["SmoothGrad"] > 10 * cost["saliency"] and cost["variance over Q (VOICE)"] < 2 * cost["saliency"]
        assert cost["occlusion"] == cost.max() and cost["Gram matrix of gradients"] > cost["variance over Q (VOICE)"]


def test_method_costs_load_model_keeps_global_rng_state():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    first = method_costs.load_model("resnet18", "cpu")
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(first.fc.weight, method_costs.load_model("resnet18", "cpu").fc.weight)
