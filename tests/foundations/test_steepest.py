"""The steepest step in five norms: nothing that is feasible goes further down, and its promise is the dual norm."""

import pytest
import torch

from tutorial_lib.foundations import NORMS, dual_norm, steepest, step_length

FLAT = [norm for norm in NORMS if norm != "spectral"]


@pytest.fixture
def metric():
    A = torch.randn(6, 6, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    return A @ A.T + 3 * torch.eye(6, dtype=A.dtype)


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def case(norm, metric, seed=0):
    """Four gradients, 2 × 3 matrices, and what the norm asks for besides."""
    return drawn(4, 2, 3, seed=seed), {"M": metric} if norm == "M" else {}


@pytest.mark.parametrize("norm", NORMS)
def test_no_feasible_step_is_steeper(norm, metric):
    g, options = case(norm, metric)
    best = (g * steepest(g, norm, 0.7, **options)).flatten(1).sum(1)
    trials = torch.cat(
        [drawn(5000, 2, 3, seed=1), drawn(5000, 2, 3, seed=2).sign() * (drawn(5000, 2, 3, seed=3).abs() > 0.8)]
    )
    trials = trials[trials.flatten(1).abs().sum(1) > 0]
    feasible = 0.7 * trials / step_length(trials, norm, **options)[:, None, None]
    assert step_length(feasible, norm, **options) == pytest.approx(0.7)
    reached = torch.einsum("nij,tij->nt", g, feasible).amin(1)
    assert (best <= reached + 1e-12).all()
    assert (reached < 0.8 * best).all()  # and the trials come near, or this would prove little


@pytest.mark.parametrize("norm", NORMS)
def test_its_promise_is_the_dual_norm_and_it_uses_its_length(norm, metric):
    g, options = case(norm, metric)
    step = steepest(g, norm, 2.5, **options)
    torch.testing.assert_close((g * step).flatten(1).sum(1), -2.5 * dual_norm(g, norm, **options))
    torch.testing.assert_close(step_length(step, norm, **options), torch.full((4,), 2.5, dtype=g.dtype))
    assert step.shape == g.shape and step.dtype == g.dtype


def test_norms_are_torchs(metric):
    g = drawn(4, 2, 3)
    for norm, p, q in (("l2", 2, 2), ("linf", torch.inf, 1), ("l1", 1, torch.inf)):
        torch.testing.assert_close(step_length(g, norm), torch.linalg.vector_norm(g, p, (1, 2)))
        torch.testing.assert_close(dual_norm(g, norm), torch.linalg.vector_norm(g, q, (1, 2)))
    torch.testing.assert_close(step_length(g, "spectral"), torch.linalg.matrix_norm(g, 2))
    torch.testing.assert_close(dual_norm(g, "spectral"), torch.linalg.matrix_norm(g, "nuc"))
    flat = g.flatten(1)
    torch.testing.assert_close(step_length(g, "M", M=metric), torch.einsum("ni,ij,nj->n", flat, metric, flat).sqrt())
    torch.testing.assert_close(
        dual_norm(g, "M", M=metric), torch.einsum("ni,ij,nj->n", flat, metric.inverse(), flat).sqrt()
    )


def test_with_the_identity_m_is_l2():
    g = drawn(3, 6)
    torch.testing.assert_close(steepest(g, "M", 2.0, M=torch.eye(6, dtype=g.dtype)), steepest(g, "l2", 2.0))


def test_newton_lands_on_the_minimum_of_a_bowl(metric):
    start = drawn(1, 6, seed=4)
    g = start @ metric
    step = steepest(g, "M", dual_norm(g, "M", M=metric).item(), M=metric)
    torch.testing.assert_close(start + step, torch.zeros_like(start), atol=1e-9, rtol=0)


def test_the_natural_step_does_not_depend_on_the_coordinates(metric):
    g, A = drawn(1, 6), drawn(6, 6, seed=7)
    step = steepest(g, "M", M=metric)
    # θ = Aφ: the gradient becomes Aᵀg, the metric AᵀMA, and the step in φ must be the same step in θ.
    inner = steepest(g @ A, "M", M=A.T @ metric @ A)
    torch.testing.assert_close(inner @ A.T, step, rtol=1e-7, atol=1e-9)
    assert not torch.allclose(steepest(g @ A, "l2") @ A.T, steepest(g, "l2"))


def test_rank_one_and_zero_gradients():
    u, v = drawn(1, 3, 1), drawn(1, 1, 4, seed=1)
    torch.testing.assert_close(steepest(u @ v, "spectral"), -(u / u.norm()) @ (v / v.norm()))
    for norm in NORMS:
        options = {"M": torch.eye(6)} if norm == "M" else {}
        assert (steepest(torch.zeros(2, 2, 3), norm, **options) == 0).all()


@pytest.mark.parametrize("norm", FLAT)
def test_a_batch_is_its_rows(norm, metric):
    g, options = case(norm, metric)
    rows = torch.cat([steepest(row[None], norm, 0.3, **options) for row in g])
    torch.testing.assert_close(steepest(g, norm, 0.3, **options), rows)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda g: steepest(g, "l3"), "norm"),
        (lambda g: steepest(g, "M"), "needs a matrix"),
        (lambda g: steepest(g, "l2", M=torch.eye(6)), "only that norm"),
        (lambda g: steepest(g, "M", M=torch.eye(4)), "symmetric"),
        (lambda g: steepest(g, "M", M=-torch.eye(6, dtype=g.dtype)), "positive definite"),
        (lambda g: steepest(g.flatten(1), "spectral"), "matrices"),
        (lambda g: steepest(g[0, 0], "l2"), "one gradient a row"),
        (lambda g: steepest(g, "l2", -1.0), "negative"),
    ],
)
def test_errors_say_what_to_do(call, message):
    with pytest.raises(ValueError, match=message):
        call(drawn(4, 2, 3))
