import pytest
import torch

from experiments import method_costs
from tutorial_course.methods import METHODS
from tutorial_course.results import load_result

SIZES = {"signs/classifier": {"C": 14, "S": method_costs.SAMPLES}, "resnet18": {"C": 1000, "S": method_costs.SAMPLES}}


@pytest.fixture(scope="module")
def fresh():
    with pytest.MonkeyPatch.context() as few:
        few.setattr(method_costs, "N_IMAGES", {"signs/classifier": 2})
        few.setattr(method_costs, "N_REPEATS", 1)
        return method_costs.run_part("signs/classifier", 0, "cpu")


def test_method_costs_passes_match_stored_table(fresh):
    kept = {row["method"]: row for row in load_result("method_costs").select(network="signs/classifier")}
    assert [row["method"] for row in fresh] == list(kept)
    for row in fresh:
        assert (row["forward"], row["backward"]) == (kept[row["method"]]["forward"], kept[row["method"]]["backward"])
        assert row["pictures"] == 2 and row["milliseconds"] > 0 and row["MiB"] > 0


@pytest.mark.parametrize("name", SIZES)
def test_method_costs_table_matches_declared_costs(name):
    for row in load_result("method_costs").select(network=name):
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
    """Its sentences, not its numbers: a pass back is about a pass, asking again multiplies, all contrasts are cheap, occlusion is dear."""
    for name in SIZES:
        of = {row["method"]: row["times a forward pass"] for row in load_result("method_costs").select(network=name)}
        assert 0.7 < of["energy"] < 1.3 and 0.8 < of["Grad-CAM"] < 1.5
        assert 1.5 < of["saliency"] < 3.5
        assert of["SmoothGrad"] > 10 * of["saliency"] and of["variance over Q (VOICE)"] < 2 * of["saliency"]
        assert of["occlusion"] == max(of.values()) and of["Gram matrix of gradients"] > of["variance over Q (VOICE)"]


def test_method_costs_load_model_keeps_global_rng_state():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    first = method_costs.load_model("resnet18", "cpu")
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(first.fc.weight, method_costs.load_model("resnet18", "cpu").fc.weight)
