"""Exercise 3, part 2: a threshold that accepts 95% of new normal images."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

import torch
from torch import Tensor

from tutorial_course.exercises import Exercise

ACCEPTED = 0.95


def reference_threshold(score: Tensor) -> Tensor:
    """Return the threshold that accepts at least 95% of new normal images on average.

    The threshold is the k-th smallest of the n scores with k = ⌈0.95 (n + 1)⌉, or infinity if k > n.

    Args:
        score: scores of normal calibration images (n,); a higher score means more abnormal.

    Returns:
        The threshold, ().
    """
    return _kth_smallest(score, ceil(ACCEPTED * (len(score) + 1) - 1e-9))


def _kth_smallest(score: Tensor, k: int) -> Tensor:
    """The k-th smallest score; infinity if there are fewer scores."""
    if k > len(score):
        return torch.tensor(float("inf"), dtype=score.dtype)
    return score.sort().values[max(k, 1) - 1]


def _mistake_rank(rank: Callable[[int], int]) -> Callable[[Tensor], Tensor]:
    """The solution with another rank."""
    return lambda score: _kth_smallest(score, rank(len(score)))


def _make_case(n: int) -> Callable[[torch.Generator], tuple[Tensor]]:
    """A case: n scores that are not symmetric around their mean."""
    return lambda generator: (torch.randn(n, generator=generator, dtype=torch.float64).exp(),)


conformal_threshold = Exercise(
    name="conformal_threshold",
    reference=reference_threshold,
    cases=(_make_case(40), _make_case(59), _make_case(100), _make_case(12)),
    known_mistakes={
        "Your function always returns the highest score. It accepts all calibration images, and it grows with their "
        "number: how many of the images should be accepted?": _mistake_rank(lambda n: n),
        "The rank is computed from n and not from n + 1. The new image adds one more score, so the share of new images "
        "that are accepted falls slightly below 95%: what is the rank among n + 1 scores, rounded up?": (
            _mistake_rank(lambda n: ceil(ACCEPTED * n - 1e-9)),
            lambda score: score.quantile(ACCEPTED),
        ),
        "The scores are sorted in the wrong order. Normal images have low scores: on which side of the threshold "
        "should most of them be?": (
            lambda score: -reference_threshold(-score),
            lambda score: score.quantile(1 - ACCEPTED),
        ),
        "A threshold from the mean and the standard deviation assumes normally distributed scores. Only the order of "
        "the scores is needed: which of the sorted scores accepts 95%?": (
            lambda score: score.mean() + 2 * score.std(),
            lambda score: score.mean() + 1.645 * score.std(),
        ),
        "With few images, the rank is larger than n, but your function returns the highest score. For n = 12, the rank "
        "is 13: which threshold accepts every image?": lambda score: _kth_smallest(
            score, min(len(score), ceil(ACCEPTED * (len(score) + 1) - 1e-9))
        ),
    },
    fallback_hint="sort ten numbers by hand, and mark the one with the rank k = ⌈0.95 (n + 1)⌉",
    success_message=(
        "This is split conformal prediction. The guarantee holds on average if new normal images come from the same "
        "distribution as the calibration images."
    ),
)
