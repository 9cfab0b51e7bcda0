"""Exercise: the completeness of integrated gradients, and a baseline with which it is lost."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tutorial_course.exercises import Exercise

Function = Callable[[Tensor], Tensor]


def reference_completeness_gap(f: Function, x: Tensor, baseline: Tensor, n_steps: int) -> Tensor:
    """Return the sum of integrated gradients minus the difference that it should be equal to.

    Σ_i IG_i − (f(x) − f(x')), with the midpoint rule: the gradients are computed at x' + (s + ½)/S · (x − x').

    Args:
        f: a function that maps (N, D) to one value per row, (N,).
        x: inputs (N, D).
        baseline: baselines (N, D).
        n_steps: number S of steps.

    Returns:
        The gap of each row, (N,).
    """
    return _parametrized_gap(f, x, baseline, n_steps)


def _parametrized_gap(
    f: Function,
    x: Tensor,
    baseline: Tensor,
    n_steps: int,
    *,
    shift: float = 0.5,
    factor: Callable[[Tensor, Tensor], Tensor] = lambda x, baseline: x - baseline,
    expected: Callable[[Function, Tensor, Tensor], Tensor] = lambda f, x, baseline: f(x) - f(baseline),
    total: Callable[[Tensor], Tensor] = lambda attributions: attributions.sum(1),
) -> Tensor:
    """The solution, with its frequent mistakes as parameters."""
    gradients = torch.zeros_like(x)
    for step in range(n_steps):
        point = (baseline + (step + shift) / n_steps * (x - baseline)).detach().requires_grad_()
        gradients += torch.autograd.grad(f(point).sum(), point)[0]
    return (total(factor(x, baseline) * gradients / n_steps) - expected(f, x, baseline)).detach()


def _quadratic(x: Tensor) -> Tensor:
    """A function with a linear gradient, for which the midpoint rule is exact."""
    weights = torch.linspace(2, -1, x.shape[1], dtype=x.dtype)
    return (weights * x.square()).sum(1) + x[:, 0] + 3


def _saturating(x: Tensor) -> Tensor:
    """A function that changes only near the plane Σ x = 1."""
    return torch.tanh(8 * (x.sum(1) - 1))


def _make_case(f: Function, n: int, d: int, n_steps: int, distance: float) -> Callable[[torch.Generator], tuple]:
    """A case: inputs around 1, and baselines at this distance below them."""

    def make(generator: torch.Generator) -> tuple:
        x = 1 + 0.2 * torch.randn(n, d, generator=generator, dtype=torch.float64)
        return f, x, x - distance * (1 + torch.rand(n, d, generator=generator, dtype=torch.float64)), n_steps

    return make


completeness_gap = Exercise(
    name="completeness_gap",
    reference=reference_completeness_gap,
    cases=(
        _make_case(_quadratic, 3, 4, n_steps=5, distance=0.5),
        _make_case(_saturating, 2, 3, n_steps=4, distance=10.0),
        _make_case(_saturating, 3, 2, n_steps=64, distance=0.5),
    ),
    measure=lambda gap: gap.abs().max().item(),
    known_mistakes={
        "The gradients are computed at the start of each step, and not at its midpoint. The largest gap of the first "
        "case is {yours:.2f} and should be {right:.2f}: what is added to the index of the step?": (
            lambda f, x, b, n: _parametrized_gap(f, x, b, n, shift=0.0)
        ),
        "The gradients are computed at the end of each step, and not at its midpoint. Which number do you have to add "
        "to the index of the step instead of 1?": lambda f, x, b, n: _parametrized_gap(f, x, b, n, shift=1.0),
        "The factor x − x' is missing. The mean gradient states how much f changes if an input changes by 1. By how "
        "much does each input change along the path?": (
            lambda f, x, b, n: _parametrized_gap(f, x, b, n, factor=lambda x, b: torch.ones_like(x))
        ),
        "The gradients are multiplied by x, although the path starts at the baseline and not at zero. How far does the "
        "path extend in each input?": (lambda f, x, b, n: _parametrized_gap(f, x, b, n, factor=lambda x, b: x)),
        "The value at the baseline is missing. The attributions should add up to a difference of two values of f. "
        "Which two?": lambda f, x, b, n: _parametrized_gap(f, x, b, n, expected=lambda f, x, b: f(x)),
        "Absolute values are added, so that positive and negative attributions cannot cancel. Completeness is a "
        "statement about the signed sum. Where is the absolute value taken?": (
            lambda f, x, b, n: _parametrized_gap(f, x, b, n, total=lambda a: a.abs().sum(1))
        ),
        "The sum runs over the inputs of all rows, so the rows are added up. There is one gap for each row. Over which "
        "dimension do you add?": (
            lambda f, x, b, n: _parametrized_gap(f, x, b, n, total=lambda a: a.sum().expand(len(a)))
        ),
    },
    fallback_hint="take f(x) = x², one row, x = 3, the baseline 1 and two steps: the gap must be zero",
    success_message=(
        "The gap is zero for the quadratic function. With a distant baseline, four steps miss the narrow region in "
        "which the other function changes, and the sum of the attributions is wrong although every gradient is correct."
    ),
)
