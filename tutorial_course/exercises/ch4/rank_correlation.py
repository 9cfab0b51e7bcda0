"""Exercise 1: Spearman's rank correlation of a quality score with opinion scores."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tutorial_course.exercises import Exercise


def reference_rank_correlation(scores: Tensor, opinions: Tensor, higher_is_worse: bool) -> Tensor:
    """Return Spearman's rank correlation of a quality score with opinion scores.

    It is Pearson's correlation of the ranks, where ties share their average rank.

    Args:
        scores: the quality score of each image (N,); a higher score means better quality.
        opinions: the opinion score of each image (N,).
        higher_is_worse: whether a higher opinion score means a stronger distortion; then the opinions are negated
            first.

    Returns:
        The correlation in [−1, 1], (); 1 if the score orders the images as people do.
    """
    return _pearson(_average_ranks(scores), _average_ranks(-opinions if higher_is_worse else opinions))


def _average_ranks(v: Tensor) -> Tensor:
    """The rank of each value, up to a constant: the number of smaller values plus half of the equal ones."""
    return (v[:, None] > v).double().sum(1) + (v[:, None] == v).double().sum(1) / 2


def _pearson(a: Tensor, b: Tensor) -> Tensor:
    """Pearson's correlation."""
    a, b = a - a.mean(), b - b.mean()
    return (a * b).sum() / (a.square().sum() * b.square().sum()).sqrt()


def _mistake_ranks(rank: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor, bool], Tensor]:
    """The solution with other ranks."""
    return lambda scores, opinions, higher_is_worse: _pearson(
        *(rank(v).double() for v in (scores, -opinions if higher_is_worse else opinions))
    )


def _ordinal_ranks(v: Tensor) -> Tensor:
    """Ranks in which ties are broken by their order."""
    return v.argsort(stable=True).argsort()


def _reversed_ranks(v: Tensor) -> Tensor:
    """Ranks in which ties are broken by their reversed order."""
    return len(v) - 1 - (-v).argsort(stable=True).argsort()


def _make_case(
    N: int, step: float, slope: float, higher_is_worse: bool
) -> Callable[[torch.Generator], tuple[Tensor, Tensor, bool]]:
    """A case: scores on a nonlinear scale, and opinions, both rounded so that there are ties."""

    def make(generator: torch.Generator) -> tuple[Tensor, Tensor, bool]:
        quality, noise = torch.randn(2, N, generator=generator, dtype=torch.float64)
        opinions = ((quality + noise / 2) / step).round() * step
        scores = ((slope * quality) / step).round().mul(step).exp()
        return scores, -opinions if higher_is_worse else opinions, higher_is_worse

    return make


rank_correlation = Exercise(
    name="rank_correlation",
    reference=reference_rank_correlation,
    cases=(
        (
            torch.tensor([1.0, 2.0, 2.0, 9.0], dtype=torch.float64),
            torch.tensor([80.0, 50.0, 60.0, 20.0], dtype=torch.float64),
            True,
        ),
        _make_case(12, 0.5, 1.0, higher_is_worse=False),
        _make_case(20, 0.7, 0.8, higher_is_worse=True),
        _make_case(30, 0.4, -1.2, higher_is_worse=False),
    ),
    known_mistakes={
        "`argsort` was called only once, which gives the sorting order and not the ranks. What does "
        "`tensor([30., 10., 20.]).argsort()` give, and what is the rank of each of these values?": _mistake_ranks(
            lambda v: v.argsort(stable=True)
        ),
        "Ties are broken by their order in the list. Images with the same score have the same rank, the mean of their "
        "ranks: what happens to yours when the list is reversed?": (
            _mistake_ranks(_ordinal_ranks),
            _mistake_ranks(_reversed_ranks),
        ),
        "Your function returns Pearson's correlation of the values themselves. Take the exponential of all scores: "
        "which ranks change, and why does your result change?": lambda s, o, higher_is_worse: _pearson(
            s, -o if higher_is_worse else o
        ),
        "Your result is never negative. A score that orders the images in reverse disagrees with the ratings, and the "
        "absolute value hides this: where is it taken?": lambda s, o, higher_is_worse: reference_rank_correlation(
            s, o, higher_is_worse
        ).abs(),
        "Opinion scores that increase with the distortion are not negated. If the third argument is True, a high "
        "opinion score means a bad image: should the correlation of a perfect score be 1 or −1?": (
            lambda s, o, higher_is_worse: reference_rank_correlation(s, o, False),
            lambda s, o, higher_is_worse: reference_rank_correlation(s, o, not higher_is_worse),
        ),
    },
    fallback_hint=(
        "write the ranks of the first case next to its numbers by hand, where the two 2s share the ranks two and three"
    ),
    success_message=(
        "Any increasing function of the scores leaves this number unchanged, because it depends only on their order."
    ),
)
