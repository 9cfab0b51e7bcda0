"""Objectives: formulas, derivatives and rows."""

import pytest
import torch
import torch.nn.functional as F

from tutorial_lib import gradients as g

Z = torch.randn(4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
Y = torch.tensor([0, 3, 4, 1])
P = Z.softmax(1)
E = F.one_hot(Y, 5).double()
MULTI_HOT = torch.tensor([[1, 0, 1, 0, 0]] * 2 + [[0, 1, 1, 1, 0]] * 2).double()
CASES = {
    "logit": (g.logit(Y), Z[range(4), Y], E),
    "logit, a class": (g.logit(2), Z[:, 2], F.one_hot(torch.full((4,), 2), 5)),
    "logit, predicted": (g.logit(), Z.amax(1), F.one_hot(Z.argmax(1), 5)),
    "log_prob": (g.log_prob(Y), P[range(4), Y].log(), E - P),
    "cross_entropy": (g.cross_entropy(Y), F.cross_entropy(Z, Y, reduction="none"), P - E),
    "loss_to": (g.contrast_loss(Y), F.cross_entropy(Z, Y, reduction="none"), P - E),
    "logit_difference": (g.logit_difference(Y, 2), Z[:, 2] - Z[range(4), Y], F.one_hot(torch.full((4,), 2), 5) - E),
    "confounding": (g.confounding_label_loss(), -Z.sigmoid().log().mean(1), (Z.sigmoid() - 1) / 5),
    "confounding, one label": (
        g.confounding_label_loss(MULTI_HOT[0], reduction="sum"),
        None,
        Z.sigmoid() - MULTI_HOT[0],
    ),
    "confounding, labels": (g.confounding_label_loss(MULTI_HOT), None, (Z.sigmoid() - MULTI_HOT) / 5),
    "confounding, uniform": (g.confounding_label_loss("uniform"), None, (Z.sigmoid() - 0.2) / 5),
    "confounding, uniform, softmax": (
        g.confounding_label_loss("uniform", "softmax"),
        -P.log().mean(1) / 5,
        (P - 0.2) / 5,
    ),
    "confounding, softmax": (
        g.confounding_label_loss(activation="softmax", reduction="sum"),
        -P.log().sum(1),
        5 * P - 1,
    ),
    "uniform": (g.kl_from_uniform(), (0.2 * (0.2 / P).log()).sum(1), P - 0.2),
    "uniform, warm": (g.kl_from_uniform(4.0), None, ((Z / 4).softmax(1) - 0.2) / 4),
    "reconstruction": (g.reconstruction_mse(MULTI_HOT), (Z - MULTI_HOT).square().mean(1), 2 * (Z - MULTI_HOT) / 5),
    "a callable": (lambda z: z.square().sum(1), Z.square().sum(1), 2 * Z),
}


@pytest.mark.parametrize("objective, value, derivative", CASES.values(), ids=CASES.keys())
def test_objectives_match_formulas_for_values_and_derivatives(objective, value, derivative):
    objective = g.as_objective(objective)
    if value is not None:
        torch.testing.assert_close(objective(Z), value.double(), rtol=1e-12, atol=1e-12)
    delta, h = g.last_layer_gradient_factors(Z, Z[:, :2], objective)
    torch.testing.assert_close(delta, derivative.double(), rtol=1e-12, atol=1e-14)
    assert torch.equal(h, Z[:, :2])
    for index in (slice(1, 3), torch.tensor([3, 0, 3])):
        torch.testing.assert_close(objective.select(index)(Z[index]), objective(Z)[index])


def test_contrast_loss_gradients_have_zero_mean_and_fisher_covariance():
    deltas = torch.stack([g.last_layer_gradient_factors(Z, Z, g.contrast_loss(q))[0] for q in range(5)], 1)
    # Σ_Q p_Q (p − e_Q) = 0, and their covariance is the Fisher information diag p − p pᵀ.
    assert torch.einsum("nq,nqc->nc", P, deltas).abs().max() < 1e-15
    fisher = torch.einsum("nq,nqc,nqe->nce", P, deltas, deltas)
    torch.testing.assert_close(fisher, torch.diag_embed(P) - P[:, :, None] * P[:, None])


def test_objective_resolve_fixes_predicted_class():
    fixed = g.as_objective(None).resolve(Z)
    assert torch.equal(fixed(-Z), -Z.amax(1))
    assert torch.equal(g.logit_difference(1).resolve(Z)(-Z), -Z.amax(1) + Z[:, 1])


@pytest.mark.parametrize(
    "objective, message",
    [
        (lambda z: z, r"one number per row, \(4,\), not \(4, 5\): bind batch tensors with bind_per_sample"),
        (lambda z: z.sum(), "bind batch tensors with bind_per_sample"),
        (lambda z: 1.0, "not float"),
        (lambda z: z[:2, 0], "bind batch tensors with bind_per_sample"),
        (7, "class 7 of a network with 5 outputs"),
        (torch.tensor([0, 1, 2, 5]), "labels must lie in 0…4"),
        (torch.tensor([0, 1]), "bound to 2 rows, the outputs have 4"),
    ],
)
def test_last_layer_gradient_factors_reject_mismatched_objective(objective, message):
    with pytest.raises(ValueError, match=message):
        g.last_layer_gradient_factors(Z, Z, objective)


def test_bind_per_sample_accepts_targets_that_are_not_classes(assert_unchanged):
    counts = g.bind_per_sample(lambda z, t: z[:, 0] * t, torch.tensor([7, 100, 0, 3]))
    torch.testing.assert_close(counts(Z), Z[:, 0] * torch.tensor([7, 100, 0, 3]))
    # A network may return one number per sample.
    model = assert_unchanged(torch.nn.Flatten(0))
    assert torch.equal(g.input_gradient(model, Z[:, :1], lambda q: 2 * q), torch.full((4, 1), 2.0, dtype=torch.float64))


def test_objectives_reject_invalid_arguments():
    for wrong in ("stop", True, 1.5):
        with pytest.raises(TypeError, match="an objective is a callable"):
            g.as_objective(wrong)
    for make in (
        lambda: g.confounding_label_loss("zeros"),
        lambda: g.confounding_label_loss(activation="tanh"),
        lambda: g.confounding_label_loss(reduction="max"),
    ):
        with pytest.raises(ValueError):
            make()
    for make in (g.contrast_loss, g.logit_difference):
        with pytest.raises(ValueError, match="contrast_class"):
            make(None)
    with pytest.raises(ValueError, match="integer labels"):
        g.logit(torch.ones(3))
    with pytest.raises(ValueError, match=r"outputs of shape \(n, C\)"):
        g.logit(1).resolve(torch.ones(2, 3, 4))


def test_bernoulli_nll_matches_formula_and_is_lowest_at_the_target():
    x, out = torch.rand(4, 1, 3, 3, generator=torch.Generator().manual_seed(5)).double(), Z.sigmoid()[:, :, None, None]
    x, out = x.expand(4, 5, 3, 3), out.expand(4, 5, 3, 3)
    naive = torch.stack(
        [-sum(a * b.log() + (1 - a) * (1 - b).log() for a, b in zip(i.flatten(), j.flatten())) for i, j in zip(x, out)]
    )
    torch.testing.assert_close(g.bernoulli_nll(x)(out), naive)
    torch.testing.assert_close(g.bernoulli_nll(x).select(slice(1, 3))(out[1:3]), naive[1:3])
    assert (g.bernoulli_nll(x)(x) < g.bernoulli_nll(x)(out)).all() and (g.bernoulli_nll(x)(x) > 0).all()
    black = torch.zeros(1, 4).double()
    assert g.bernoulli_nll(black)(black) == 0 and g.bernoulli_nll(black)(1 - black).isfinite().all()
