"""Steepest descent in five norms: no feasible step decreases the objective more, and the decrease is the dual norm."""

import pytest
import torch

from tutorial_lib.foundations import NORMS, dual_norm, steepest_descent_step, step_norm

FLAT = [norm for norm in NORMS if norm != "spectral"]


@pytest.fixture
def metric():
    A = torch.randn(6, 6, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    return A @ A.T + 3 * torch.eye(6, dtype=A.dtype)


def random_tensor(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gradients_and_options(norm, metric, seed=0):
    """Return four gradients (2 × 3 matrices) and the further arguments of the norm."""
    return random_tensor(4, 2, 3, seed=seed), {"M": metric} if norm == "M" else {}


@pytest.mark.parametrize("norm", NORMS)
def test_steepest_descent_step_is_optimal_among_feasible_steps(norm, metric):
    g, options = gradients_and_options(norm, metric)
    best = (g * steepest_descent_step(g, norm, 0.7, **options)).flatten(1).sum(1)
    trials = torch.cat(
        [
            random_tensor(5000, 2, 3, seed=1),
            random_tensor(5000, 2, 3, seed=2).sign() * (random_tensor(5000, 2, 3, seed=3).abs() > 0.8),
        ]
    )
    trials = trials[trials.flatten(1).abs().sum(1) > 0]
    feasible = 0.7 * trials / step_norm(trials, norm, **options)[:, None, None]
    assert step_norm(feasible, norm, **options) == pytest.approx(0.7)
    reached = torch.einsum("nij,tij->nt", g, feasible).amin(1)
    assert (best <= reached + 1e-12).all()
    assert (reached < 0.8 * best).all()  # the trials come close to the optimum, so that the test is strict


@pytest.mark.parametrize("norm", NORMS)
def test_steepest_descent_step_attains_dual_norm_at_full_length(norm, metric):
    g, options = gradients_and_options(norm, metric)
    step = steepest_descent_step(g, norm, 2.5, **options)
    torch.testing.assert_close((g * step).flatten(1).sum(1), -2.5 * dual_norm(g, norm, **options))
    torch.testing.assert_close(step_norm(step, norm, **options), torch.full((4,), 2.5, dtype=g.dtype))
    assert step.shape == g.shape and step.dtype == g.dtype


def test_step_norm_and_dual_norm_match_torch(metric):
    g = random_tensor(4, 2, 3)
    for norm, p, q in (("l2", 2, 2), ("linf", torch.inf, 1), ("l1", 1, torch.inf)):
        torch.testing.assert_close(step_norm(g, norm), torch.linalg.vector_norm(g, p, (1, 2)))
        torch.testing.assert_close(dual_norm(g, norm), torch.linalg.vector_norm(g, q, (1, 2)))
    torch.testing.assert_close(step_norm(g, "spectral"), torch.linalg.matrix_norm(g, 2))
    torch.testing.assert_close(dual_norm(g, "spectral"), torch.linalg.matrix_norm(g, "nuc"))
    flat = g.flatten(1)
    torch.testing.assert_close(step_norm(g, "M", M=metric), torch.einsum("ni,ij,nj->n", flat, metric, flat).sqrt())
    torch.testing.assert_close(
        dual_norm(g, "M", M=metric), torch.einsum("ni,ij,nj->n", flat, metric.inverse(), flat).sqrt()
    )


def test_steepest_descent_step_with_identity_metric_is_l2():
    g = random_tensor(3, 6)
    torch.testing.assert_close(
        steepest_descent_step(g, "M", 2.0, M=torch.eye(6, dtype=g.dtype)), steepest_descent_step(g, "l2", 2.0)
    )


def test_steepest_descent_step_in_hessian_metric_reaches_minimum(metric):
    start = random_tensor(1, 6, seed=4)
    g = start @ metric
    step = steepest_descent_step(g, "M", dual_norm(g, "M", M=metric).item(), M=metric)
    torch.testing.assert_close(start + step, torch.zeros_like(start), atol=1e-9, rtol=0)


def test_steepest_descent_step_in_metric_is_coordinate_invariant(metric):
    g, A = random_tensor(1, 6), random_tensor(6, 6, seed=7)
    step = steepest_descent_step(g, "M", M=metric)
    # θ = Aφ: the gradient becomes Aᵀg, the metric AᵀMA, and the step in φ must be the same step in θ.
    inner = steepest_descent_step(g @ A, "M", M=A.T @ metric @ A)
    torch.testing.assert_close(inner @ A.T, step, rtol=1e-7, atol=1e-9)
    assert not torch.allclose(steepest_descent_step(g @ A, "l2") @ A.T, steepest_descent_step(g, "l2"))


def test_steepest_descent_step_of_rank_one_and_zero_gradients():
    u, v = random_tensor(1, 3, 1), random_tensor(1, 1, 4, seed=1)
    torch.testing.assert_close(steepest_descent_step(u @ v, "spectral"), -(u / u.norm()) @ (v / v.norm()))
    for norm in NORMS:
        options = {"M": torch.eye(6)} if norm == "M" else {}
        assert (steepest_descent_step(torch.zeros(2, 2, 3), norm, **options) == 0).all()


@pytest.mark.parametrize("norm", FLAT)
def test_steepest_descent_step_batch_equals_single_rows(norm, metric):
    g, options = gradients_and_options(norm, metric)
    rows = torch.cat([steepest_descent_step(row[None], norm, 0.3, **options) for row in g])
    torch.testing.assert_close(steepest_descent_step(g, norm, 0.3, **options), rows)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda g: steepest_descent_step(g, "l3"), "norm"),
        (lambda g: steepest_descent_step(g, "M"), "needs a matrix"),
        (lambda g: steepest_descent_step(g, "l2", M=torch.eye(6)), "only that norm"),
        (lambda g: steepest_descent_step(g, "M", M=torch.eye(4)), "symmetric"),
        (lambda g: steepest_descent_step(g, "M", M=-torch.eye(6, dtype=g.dtype)), "positive definite"),
        (lambda g: steepest_descent_step(g.flatten(1), "spectral"), "matrices"),
        (lambda g: steepest_descent_step(g[0, 0], "l2"), "one gradient per row"),
        (lambda g: steepest_descent_step(g, "l2", -1.0), "radius must be a finite number of at least 0"),
    ],
)
def test_steepest_descent_step_rejects_invalid_input(call, message):
    with pytest.raises(ValueError, match=message):
        call(random_tensor(4, 2, 3))
