"""Exercise 2: the largest step that still descends."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tutorial_course.exercises import Exercise


def reference_largest_step(H: Tensor) -> Tensor:
    """The largest fixed step with which descent on ½ θᵀHθ goes down from everywhere: 2 / λmax, λ the eigenvalues of (H + Hᵀ) / 2.

    Along an eigenvector a step α multiplies θ by 1 − αλ; it goes down as long as |1 − αλ| < 1. H: (d, d) -> ().
    """
    return 2 / torch.linalg.eigvalsh((H + H.T) / 2).max()


# Ways to read curvatures off a matrix as it stands; where it is symmetric, they all agree.
UNCHANGED: tuple[Callable[[Tensor], Tensor], ...] = (
    torch.linalg.eigvalsh,
    lambda H: torch.linalg.eigvalsh(H, UPLO="U"),
    lambda H: torch.linalg.eigvals(H).real,
    lambda H: torch.linalg.eigvals(H).abs(),
    torch.linalg.svdvals,
)


def mistake_from_curvature(step: Callable[[Tensor], Tensor]) -> list[Callable[[Tensor], Tensor]]:
    """A wrong step with the right curvatures, and with those of a matrix that nobody made symmetric: one slip at a time."""
    right = [lambda H: step(torch.linalg.eigvalsh((H + H.T) / 2))]
    return right + [lambda H, read=read: step(read(H)) for read in UNCHANGED]


def make_case(*curvatures: float, turn: bool = True, skew: float = 0.0) -> Callable[[torch.Generator], tuple[Tensor]]:
    """A case: a matrix with these curvatures, turned at random, with an antisymmetric part that θᵀHθ never sees."""

    def make(generator: torch.Generator) -> tuple[Tensor]:
        H = torch.diag(torch.tensor(curvatures, dtype=torch.float64))
        if turn:
            Q, _ = torch.linalg.qr(torch.randn(H.shape, generator=generator, dtype=H.dtype))
            H = Q @ H @ Q.T
            H = (H + H.T) / 2
        A = torch.randn(H.shape, generator=generator, dtype=H.dtype)
        return (H + skew * (A - A.T),)

    return make


largest_step = Exercise(
    name="largest_step",
    reference=reference_largest_step,
    cases=(
        make_case(1.0, 4.0, turn=False),
        make_case(0.5, 3.0),
        make_case(0.2, 0.7, 1.1, 5.0),
        make_case(0.4, 1.5, 2.5, skew=0.8),
    ),
    known_mistakes={
        "That is 1/λmax: safe, and well short of the edge. Along the steepest direction each step multiplies θ by 1 − αλ: how "
        "far below zero may that go?": mistake_from_curvature(lambda curvatures: 1 / curvatures.max()),
        "That is 2/λmin, as far as the flattest direction allows. Take this step along the steepest one, and watch the "
        "loss.": mistake_from_curvature(lambda curvatures: 2 / curvatures.min()),
        "The curvatures are added up, as the trace does. A step moves along each eigenvector by itself: which of them gives way "
        "first?": lambda H: 2 / H.trace(),
        "The largest entry of H is taken for its largest curvature. Turn a bowl by 45 degrees: its entries change, its "
        "curvatures do not.": [lambda H: 2 / H.abs().max(), lambda H: 2 / ((H + H.T) / 2).abs().max()],
        "That is 2/(λmin + λmax), the fixed step that arrives soonest. The question here is another one: which step only just "
        "does not climb?": mistake_from_curvature(lambda curvatures: 2 / (curvatures.min() + curvatures.max())),
        "One of the matrices is not symmetric, and its eigenvalues are not the curvatures. Write out θᵀHθ for two numbers: which "
        "part of H does it see?": [lambda H, read=read: 2 / read(H).max() for read in UNCHANGED],
    },
    fallback_hint="walk: θ ← θ − α Hθ from a random start, with a step just below and one just above your answer, and watch the loss",
    success_message="One step longer, and the steepest direction climbs, however gentle all the others are.",
)
