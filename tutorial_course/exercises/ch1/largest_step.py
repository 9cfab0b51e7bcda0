"""Exercise 1.2: the stability limit, the largest step size for which gradient descent converges."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tutorial_course.exercises import Exercise


def reference_largest_step(H: Tensor) -> Tensor:
    """Return the stability limit of gradient descent on ½ θᵀHθ, 2 / λmax.

    λ are the eigenvalues of H. Along an eigenvector a step of size α multiplies θ by 1 − αλ, so the loss decreases as
    long as |1 − αλ| < 1.

    Args:
        H: Hessian (d, d), symmetric and positive definite.

    Returns:
        The largest fixed step size with which the loss decreases from every start, ().
    """
    return 2 / torch.linalg.eigvalsh(H).max()


def _mistake_from_curvature(step: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """A wrong step size from the correct curvatures."""
    return lambda H: step(torch.linalg.eigvalsh(H))


def _make_case(*curvatures: float, turn: bool = True) -> Callable[[torch.Generator], tuple[Tensor]]:
    """A case: a symmetric matrix with these eigenvalues, rotated at random or diagonal."""

    def make(generator: torch.Generator) -> tuple[Tensor]:
        H = torch.diag(torch.tensor(curvatures, dtype=torch.float64))
        if turn:
            Q, _ = torch.linalg.qr(torch.randn(H.shape, generator=generator, dtype=H.dtype))
            H = Q @ H @ Q.T
        return ((H + H.T) / 2,)

    return make


largest_step = Exercise(
    name="largest_step",
    reference=reference_largest_step,
    cases=(
        _make_case(1.0, 4.0, turn=False),
        _make_case(0.5, 3.0),
        _make_case(0.2, 0.7, 1.1, 5.0),
        _make_case(0.4, 1.5, 2.5),
    ),
    known_mistakes={
        "Your function returns 1/λmax, well below the stability limit. Along the steepest direction each step "
        "multiplies θ by 1 − αλ: how negative may this factor be?": _mistake_from_curvature(
            lambda curvatures: 1 / curvatures.max()
        ),
        "Your function returns 2/λmin, the stability limit of the flattest direction. Take this step along the "
        "steepest direction, and watch the loss.": _mistake_from_curvature(lambda curvatures: 2 / curvatures.min()),
        "The curvatures are added up, which gives the trace. A step acts along each eigenvector separately: along "
        "which of them does it diverge first?": lambda H: 2 / H.trace(),
        "The largest entry of H is used instead of its largest eigenvalue, which is the largest curvature. If you "
        "rotate the surface by 45 degrees, the entries change, but do the curvatures change?": lambda H: (
            2 / H.abs().max()
        ),
        "Your function returns 2/(λmin + λmax), the fixed step size that converges fastest. This exercise asks a "
        "different question: at which step size does the loss stop decreasing?": _mistake_from_curvature(
            lambda curvatures: 2 / (curvatures.min() + curvatures.max())
        ),
    },
    fallback_hint=(
        "iterate θ ← θ − α Hθ from a random start, with α just below and just above your answer, and watch the loss"
    ),
    success_message=(
        "With any larger step size the loss increases along the steepest direction, whatever the curvatures in the "
        "other directions are."
    ),
)
