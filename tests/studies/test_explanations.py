import pytest
import torch
from torch import nn

from studies import explanations
from tutorial_lib import information
from tutorial_lib.measures import srcc
from tutorial_lib.networks import load
from tutorial_lib.results import stored


@pytest.fixture(scope="module")
def model():
    return load(explanations.NETWORKS[0])


def test_edges_are_differences_of_neighbours():
    x = torch.zeros(1, 3, 4, 5)
    x[..., 3:] = 1.0  # one upright edge between the columns 2 and 3
    assert torch.equal(explanations.edges(x)[0, 1:-1], torch.tensor([0.0, 0, 1, 1, 0]).expand(2, 5))
    assert torch.equal(explanations.edges(x.mT)[0], explanations.edges(x)[0].T)


def test_the_head_is_drawn_anew_on_a_copy():
    model = nn.Sequential(nn.Flatten(), nn.Linear(100, 50))
    before = model[1].weight.detach().clone()
    other = explanations.drawn_anew(model, "1", torch.Generator().manual_seed(0))
    assert torch.equal(model[1].weight, before) and not torch.equal(other[1].weight, before)
    assert other[1].weight.std().item() == pytest.approx(before.std().item(), rel=0.05)
    assert abs(other[1].weight.mean()) < 0.05 * before.std()


def test_alike_is_a_rank_correlation_a_picture():
    a, b = torch.rand(2, 3, 3, generator=torch.Generator().manual_seed(0)), torch.ones(2, 3, 3)
    b[1] = torch.rand(3, 3, generator=torch.Generator().manual_seed(1))
    assert explanations.alike(a, b) == [0.0, srcc(a[1].flatten(), b[1].flatten())]


def test_every_method_answers_as_large_as_the_picture(model):
    x = torch.rand(2, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    for name, explain in explanations.methods("block3").items():
        maps = explanations.shown(explain(model, x, torch.tensor([1, 2])))
        assert maps.shape == (2, 48, 48) and maps.isfinite().all() and maps.any(), name


def test_what_asks_no_network_keeps_its_map_and_answers_are_lost(model):
    x, _, _, p, q = explanations.scenes(1, 2, "cpu")
    x, p, q = x[:3], p[:3], q[:3]
    slow = ("occlusion", "SmoothGrad", "integrated gradients")
    rows = explanations.forgetting("here", model, x, p, q, "block3", ("head",), 0, 1, skip=slow)
    assert not {row["method"] for row in rows} & set(slow)
    for row in rows:
        if row["forgot"] == "nothing" or row["method"] == "edges of the picture":
            assert row["signed"] == pytest.approx(1) and row["magnitude"] == pytest.approx(1)
    right = explanations.still_right("here", model, x, p, ("head",), 0, 2)
    assert [row["forgot"] for row in right] == ["nothing", "head"]
    assert (
        right[0]["right"] == explanations.mean(explanations.correct(model, x, p))
        and right[1]["right"] < right[0]["right"]
    )


def test_rows_of_the_twins_are_the_mean_over_fair_pairs(model):
    rows = explanations.before_twins("here", model, 5, "cpu", each=1)
    x, other, mask, p, q = explanations.scenes(1, 5, "cpu")
    fair = explanations.correct(model, x, p) & explanations.correct(model, other, q) & mask.flatten(1).any(1)
    maps = information.magnitude(information.guided_backprop(model, x[fair], p[fair])).double()
    share = sum((m * k).sum() / m.sum() for m, k in zip(maps, mask[fair])) / fair.sum()
    (row,) = [r for r in rows if r["method"] == "guided backpropagation" and r["question"] == "why P"]
    assert row["pictures"] == fair.sum() and row["mass"] == pytest.approx(share.item(), abs=1e-3)
    assert {r["question"] for r in rows if r["method"] == "uniform"} == {"none"}


def test_what_is_stored_is_whole():
    kept = stored("explanations")
    methods = set(explanations.methods("block3"))
    for network in explanations.NETWORKS:
        assert {row["method"] for row in kept.where(kind="twins", network=network, question="why P")} == methods
        for stage in ("nothing", *explanations.LAYERS, "head, drawn anew"):
            found = kept.where(kind="forget", network=network, forgot=stage)
            assert {row["method"] for row in found} == methods | {
                "Grad-CAM, positive part",
                "contrast",
                "edges of the picture",
            }
            assert all(-1 <= row["signed"] <= 1 and row["draws"] == explanations.DRAWS for row in found)
        assert len(kept.where(kind="jurors", network=network)) == len(methods) + 4
        (uniform,) = kept.where(kind="jurors", network=network, method="uniform")
        assert uniform["drop"] == 0
