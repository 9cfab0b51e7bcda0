"""Exercise 1: the AUROC as a fraction of pairs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tutorial_course.exercises import Exercise
from tutorial_course.exercises.exercise import CallRecord
from tutorial_lib.metrics import average_ranks

SLOW_SECONDS = 0.25  # comparing all pairs at once takes a few milliseconds


def reference_auroc(normal: Tensor, abnormal: Tensor) -> Tensor:
    """Return the AUROC, the fraction of pairs in which the abnormal score is higher.

    AUROC = P(a > n) + ½ P(a = n); ties count one half.

    Args:
        normal: scores of normal images (N,); a higher score means more abnormal.
        abnormal: scores of abnormal images (M,).

    Returns:
        The AUROC in [0, 1], ().
    """
    return _parametrized_auroc(normal, abnormal, 0.5)


def _parametrized_auroc(normal: Tensor, abnormal: Tensor, tie: float) -> Tensor:
    """The solution, with the weight of a tie as a parameter."""
    pairs = abnormal[:, None] - normal
    return ((pairs > 0) + tie * (pairs == 0)).double().mean()


def _mistake_accuracy(above: Callable[[Tensor, float], Tensor], balanced: bool) -> Callable[[Tensor, Tensor], Tensor]:
    """Accuracy, or balanced accuracy, at the threshold ½."""

    def wrong(normal: Tensor, abnormal: Tensor) -> Tensor:
        detected, accepted = above(abnormal, 0.5).double(), (~above(normal, 0.5)).double()
        return (detected.mean() + accepted.mean()) / 2 if balanced else torch.cat([detected, accepted]).mean()

    return wrong


def _mistake_rank_sum(first: int, ends: int) -> Callable[[Tensor, Tensor], Tensor]:
    """The formula (R − M (M ± 1) / 2) / (N M) with ranks that begin at another number than it assumes."""

    def formula(normal: Tensor, abnormal: Tensor) -> Tensor:
        N, M = len(normal), len(abnormal)
        R = average_ranks(torch.cat([normal, abnormal]))[N:].sum() - (1 - first) * M
        return (R - M * (M + ends) / 2) / (N * M)

    return formula


def _make_case(N: int, M: int, shift: float, step: float) -> Callable[[torch.Generator], tuple[Tensor, Tensor]]:
    """A case: normal scores, and abnormal ones that are higher by ``shift``, rounded so that there are ties."""

    def make(generator: torch.Generator) -> tuple[Tensor, Tensor]:
        sample = lambda n: torch.randn(n, generator=generator, dtype=torch.float64)
        normal, abnormal = (((scores / step).round() * step) for scores in (sample(N), sample(M) + shift))
        return normal, abnormal

    return make


def _is_slow(call: CallRecord) -> bool:
    """Whether a call took longer than a comparison of all pairs at once."""
    return call.seconds > SLOW_SECONDS


auroc = Exercise(
    name="auroc",
    reference=reference_auroc,
    cases=(
        (torch.tensor([0.1, 0.4, 0.4], dtype=torch.float64), torch.tensor([0.4, 0.9], dtype=torch.float64)),
        _make_case(7, 5, shift=1.0, step=0.5),
        _make_case(6, 9, shift=-0.5, step=0.5),
        _make_case(500, 400, shift=0.4, step=0.1),
    ),
    known_mistakes={
        "Normal and abnormal images are exchanged, so the result is one minus the correct AUROC. A higher score means "
        "more abnormal: which score of a pair should be the higher one?": lambda normal, abnormal: _parametrized_auroc(
            abnormal, normal, 0.5
        ),
        "Ties are counted as 1, or as 0. Give every image the same score: should the AUROC be that of the best "
        "detector, of the worst, or the chance level?": (
            lambda n, a: _parametrized_auroc(n, a, 0.0),
            lambda n, a: _parametrized_auroc(n, a, 1.0),
        ),
        "Your function returns the accuracy at the threshold ½. Add 10 to all scores: is the detector better or worse "
        "now? The AUROC needs no threshold, only the order within pairs.": [
            _mistake_accuracy(above, balanced) for above in (torch.gt, torch.ge) for balanced in (False, True)
        ],
        "The ranks start at 0, but the formula assumes that they start at 1, or the reverse. If you subtract "
        "M (M + 1) / 2, the lowest rank must be 1: which number is your lowest rank?": (
            _mistake_rank_sum(0, 1),
            _mistake_rank_sum(1, -1),
        ),
    },
    fallback_hint=(
        "write the table of pairs for the first case, two rows and three columns, and put 1, ½ or 0 into each cell"
    ),
    success_message="The AUROC assumes nothing about the scores: no threshold and no scale, only their order.",
    advice_checks={
        "A double loop is correct but slow. With 10,000 images of each kind, it takes minutes: what does "
        "`abnormal[:, None] - normal` contain?": _is_slow
    },
)
