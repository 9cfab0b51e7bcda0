import pytest
import torch

from studies import costs
from tutorial_lib.instruments import METHODS
from tutorial_lib.results import stored

SIZES = {"signs/classifier": {"C": 14, "S": costs.SAMPLES}, "resnet18": {"C": 1000, "S": costs.SAMPLES}}


@pytest.fixture(scope="module")
def fresh():
    with pytest.MonkeyPatch.context() as few:
        few.setattr(costs, "PICTURES", {"signs/classifier": 2})
        few.setattr(costs, "ROUNDS", 1)
        return costs.run_part("signs/classifier", 0, "cpu")


def test_passes_do_not_depend_on_when_and_how_many(fresh):
    kept = {row["method"]: row for row in stored("costs").where(network="signs/classifier")}
    assert [row["method"] for row in fresh] == list(kept)
    for row in fresh:
        assert (row["forward"], row["backward"]) == (kept[row["method"]]["forward"], kept[row["method"]]["backward"])
        assert row["pictures"] == 2 and row["milliseconds"] > 0 and row["MiB"] > 0


@pytest.mark.parametrize("name", SIZES)
def test_stored_passes_are_the_prices_of_the_map(name):
    for row in stored("costs").where(network=name):
        if row["method"] == "forward pass":
            assert (row["forward"], row["backward"], row["times a forward pass"]) == (1, 0, 1)
            continue
        sizes = dict(SIZES[name])
        if row["method"] == "adversarial attacks, many steps":
            sizes["S"] = costs.STEPS
        if name == "resnet18" and row["method"] in ("implicit saliency", "Gram matrix of gradients"):
            sizes["C"] = costs.ASKED
        assert row["backward"] == METHODS[row["method"]].price(**sizes), row["method"]


def test_what_chapter_5_says_of_prices():
    """Its sentences, not its numbers: a pass back is about a pass, asking again multiplies, all contrasts are cheap, occlusion is dear."""
    for name in SIZES:
        of = {row["method"]: row["times a forward pass"] for row in stored("costs").where(network=name)}
        assert 0.7 < of["energy"] < 1.3 and 0.8 < of["Grad-CAM"] < 1.5
        assert 1.5 < of["saliency"] < 3.5
        assert of["SmoothGrad"] > 10 * of["saliency"] and of["variance over Q (VOICE)"] < 2 * of["saliency"]
        assert of["occlusion"] == max(of.values()) and of["Gram matrix of gradients"] > of["variance over Q (VOICE)"]


def test_the_network_for_photographs_leaves_no_trace_on_randomness():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    first = costs.network_of("resnet18", "cpu")
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(first.fc.weight, costs.network_of("resnet18", "cpu").fc.weight)
