"""Objectives: their formulas, their derivatives, their rows."""

import pytest
import torch
import torch.nn.functional as F

from tutorial_lib import gradients as g

Z = torch.randn(4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
Y = torch.tensor([0, 3, 4, 1])
P = Z.softmax(1)
E = F.one_hot(Y, 5).double()
HOT = torch.tensor([[1, 0, 1, 0, 0]] * 2 + [[0, 1, 1, 1, 0]] * 2).double()
TABLE = {
    "logit": (g.logit(Y), Z[range(4), Y], E),
    "logit, a class": (g.logit(2), Z[:, 2], F.one_hot(torch.full((4,), 2), 5)),
    "logit, predicted": (g.logit(), Z.amax(1), F.one_hot(Z.argmax(1), 5)),
    "log_prob": (g.log_prob(Y), P[range(4), Y].log(), E - P),
    "cross_entropy": (g.cross_entropy(Y), F.cross_entropy(Z, Y, reduction="none"), P - E),
    "loss_to": (g.loss_to(Y), F.cross_entropy(Z, Y, reduction="none"), P - E),
    "logit_difference": (g.logit_difference(Y, 2), Z[:, 2] - Z[range(4), Y], F.one_hot(torch.full((4,), 2), 5) - E),
    "confounding": (g.confounding(), -Z.sigmoid().log().mean(1), (Z.sigmoid() - 1) / 5),
    "confounding, one label": (g.confounding(HOT[0], reduction="sum"), None, Z.sigmoid() - HOT[0]),
    "confounding, labels": (g.confounding(HOT), None, (Z.sigmoid() - HOT) / 5),
    "confounding, uniform": (g.confounding("uniform"), None, (Z.sigmoid() - 0.2) / 5),
    "confounding, uniform, softmax": (g.confounding("uniform", "softmax"), -P.log().mean(1) / 5, (P - 0.2) / 5),
    "confounding, softmax": (g.confounding(link="softmax", reduction="sum"), -P.log().sum(1), 5 * P - 1),
    "uniform": (g.uniform(), (0.2 * (0.2 / P).log()).sum(1), P - 0.2),
    "uniform, warm": (g.uniform(4.0), None, ((Z / 4).softmax(1) - 0.2) / 4),
    "reconstruction": (g.reconstruction(HOT), (Z - HOT).square().mean(1), 2 * (Z - HOT) / 5),
    "a callable": (lambda z: z.square().sum(1), Z.square().sum(1), 2 * Z),
}


@pytest.mark.parametrize("objective, value, derivative", TABLE.values(), ids=TABLE.keys())
def test_value_derivative_and_rows(objective, value, derivative):
    objective = g.as_objective(objective)
    if value is not None:
        torch.testing.assert_close(objective(Z), value.double(), rtol=1e-12, atol=1e-12)
    delta, h = g.last_layer_gradient(Z, Z[:, :2], objective)
    torch.testing.assert_close(delta, derivative.double(), rtol=1e-12, atol=1e-14)
    assert torch.equal(h, Z[:, :2])
    for index in (slice(1, 3), torch.tensor([3, 0, 3])):
        torch.testing.assert_close(objective.rows(index)(Z[index]), objective(Z)[index])


def test_the_identities_of_the_last_layer():
    deltas = torch.stack([g.last_layer_gradient(Z, Z, g.loss_to(q))[0] for q in range(5)], 1)
    # Σ_Q p_Q (p − e_Q) = 0, and their covariance is the Fisher information diag p − p pᵀ.
    assert torch.einsum("nq,nqc->nc", P, deltas).abs().max() < 1e-15
    fisher = torch.einsum("nq,nqc,nqe->nce", P, deltas, deltas)
    torch.testing.assert_close(fisher, torch.diag_embed(P) - P[:, :, None] * P[:, None])


def test_the_predicted_class_is_fixed_once():
    fixed = g.as_objective(None).at(Z)
    assert torch.equal(fixed(-Z), -Z.amax(1))
    assert torch.equal(g.logit_difference(1).at(Z)(-Z), -Z.amax(1) + Z[:, 1])


@pytest.mark.parametrize(
    "objective, said",
    [
        (lambda z: z, r"one number a row, \(4,\), not \(4, 5\): bind batch tensors with per_sample"),
        (lambda z: z.sum(), "bind batch tensors with per_sample"),
        (lambda z: 1.0, "not float"),
        (lambda z: z[:2, 0], "bind batch tensors with per_sample"),
        (7, "class 7 of a network with 5 outputs"),
        (torch.tensor([0, 1, 2, 5]), "labels must lie in 0…4"),
        (torch.tensor([0, 1]), "bound to 2 rows, the outputs have 4"),
    ],
)
def test_an_objective_that_does_not_fit(objective, said):
    with pytest.raises(ValueError, match=said):
        g.last_layer_gradient(Z, Z, objective)


def test_numbers_that_are_no_classes(untouched):
    counts = g.per_sample(lambda z, t: z[:, 0] * t, torch.tensor([7, 100, 0, 3]))
    torch.testing.assert_close(counts(Z), Z[:, 0] * torch.tensor([7, 100, 0, 3]))
    # A network may answer with one number a sample.
    model = untouched(torch.nn.Flatten(0))
    assert torch.equal(g.input_gradient(model, Z[:, :1], lambda q: 2 * q), torch.full((4, 1), 2.0, dtype=torch.float64))


def test_what_is_no_objective():
    for wrong in ("stop", True, 1.5):
        with pytest.raises(TypeError, match="an objective is a callable"):
            g.as_objective(wrong)
    for make in (
        lambda: g.confounding("zeros"),
        lambda: g.confounding(link="tanh"),
        lambda: g.confounding(reduction="max"),
    ):
        with pytest.raises(ValueError):
            make()
    for make in (g.loss_to, g.logit_difference):
        with pytest.raises(ValueError, match="other class"):
            make(None)
    with pytest.raises(ValueError, match="integer labels"):
        g.logit(torch.ones(3))
    with pytest.raises(ValueError, match=r"outputs of shape \(n, C\)"):
        g.logit(1).at(torch.ones(2, 3, 4))


def test_bernoulli_is_the_likelihood_of_a_picture_and_its_least_value_the_entropy():
    x, out = torch.rand(4, 1, 3, 3, generator=torch.Generator().manual_seed(5)).double(), Z.sigmoid()[:, :, None, None]
    x, out = x.expand(4, 5, 3, 3), out.expand(4, 5, 3, 3)
    naive = torch.stack(
        [-sum(a * b.log() + (1 - a) * (1 - b).log() for a, b in zip(i.flatten(), j.flatten())) for i, j in zip(x, out)]
    )
    torch.testing.assert_close(g.bernoulli(x)(out), naive)
    torch.testing.assert_close(g.bernoulli(x).rows(slice(1, 3))(out[1:3]), naive[1:3])
    assert (g.bernoulli(x)(x) < g.bernoulli(x)(out)).all() and (g.bernoulli(x)(x) > 0).all()
    black = torch.zeros(1, 4).double()
    assert g.bernoulli(black)(black) == 0 and g.bernoulli(black)(1 - black).isfinite().all()
