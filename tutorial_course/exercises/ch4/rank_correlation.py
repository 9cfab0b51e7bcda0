"""Exercise 1: agreement in rank."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tutorial_course.exercises import Exercise


def reference_rank_correlation(scores: Tensor, opinions: Tensor, damage: bool) -> Tensor:
    """Spearman's correlation of a quality score with opinions: Pearson's on ranks, ties sharing one rank. In [−1, 1].

    ``damage``: the opinions rise with damage, so they are turned first; then 1 means that the score follows people.
    Shapes: scores (N,), opinions (N,) -> ().
    """
    return pearson(average_ranks(scores), average_ranks(-opinions if damage else opinions))


def average_ranks(v: Tensor) -> Tensor:
    """How many are smaller, and half of those that are equal."""
    return (v[:, None] > v).double().sum(1) + (v[:, None] == v).double().sum(1) / 2


def pearson(a: Tensor, b: Tensor) -> Tensor:
    a, b = a - a.mean(), b - b.mean()
    return (a * b).sum() / (a.square().sum() * b.square().sum()).sqrt()


def with_ranks(rank: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor, bool], Tensor]:
    return lambda scores, opinions, damage: pearson(
        *(rank(v).double() for v in (scores, -opinions if damage else opinions))
    )


def ordinal_ranks(v: Tensor) -> Tensor:
    """Ranks in which ties are broken by who comes first."""
    return v.argsort(stable=True).argsort()


def reversed_ranks(v: Tensor) -> Tensor:
    return len(v) - 1 - (-v).argsort(stable=True).argsort()


def make_case(
    N: int, step: float, follows: float, damage: bool
) -> Callable[[torch.Generator], tuple[Tensor, Tensor, bool]]:
    """A case: scores on a bent scale and opinions in steps, so that both have ties."""

    def make(generator: torch.Generator) -> tuple[Tensor, Tensor, bool]:
        truth, other = torch.randn(2, N, generator=generator, dtype=torch.float64)
        opinions = ((truth + other / 2) / step).round() * step
        scores = ((follows * truth) / step).round().mul(step).exp()
        return scores, -opinions if damage else opinions, damage

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
        make_case(12, 0.5, 1.0, damage=False),
        make_case(20, 0.7, 0.8, damage=True),
        make_case(30, 0.4, -1.2, damage=False),
    ),
    known_mistakes={
        "`argsort` was called once. It says who stands at each place, not at which place each stands: what does "
        "`tensor([30., 10., 20.]).argsort()` give, and what are the ranks?": with_ranks(
            lambda v: v.argsort(stable=True)
        ),
        "Ties are broken by their order in the list. Two pictures with one score deserve one rank, the mean of their places: "
        "what happens to yours when the list is turned round?": (with_ranks(ordinal_ranks), with_ranks(reversed_ranks)),
        "That is Pearson's correlation of the values themselves. Take the exponential of all scores: who has changed places, and "
        "why did your number change?": lambda s, o, damage: pearson(s, -o if damage else o),
        "The sign is gone. A score that runs backwards agrees with nobody, and yours would never tell: where is the absolute "
        "value taken?": lambda s, o, damage: reference_rank_correlation(s, o, damage).abs(),
        "Opinions that rise with damage were not turned. With `damage=True` a high opinion is a bad picture: which sign should a "
        "perfect score get?": (
            lambda s, o, damage: reference_rank_correlation(s, o, False),
            lambda s, o, damage: reference_rank_correlation(s, o, not damage),
        ),
    },
    fallback_hint="write the ranks of the first case beside its numbers, by hand: the two 2s share the places two and three",
    success_message="Any rising curve over the scores leaves this number as it is. That is its strength, and all it says.",
)
