"""Exercise 1: AUROC by counting."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tutorial_course.exercises import Exercise
from tutorial_course.exercises.exercise import CallRecord
from tutorial_lib.metrics import average_ranks

SLOW_SECONDS = 0.25  # seconds, for pairs that take a few thousandths together


def reference_auroc(normal: Tensor, abnormal: Tensor) -> Tensor:
    """The share of pairs in which the abnormal score is the higher one, ties counted half: P(a > n) + ½ P(a = n), in [0, 1].

    Shapes: normal (N,), abnormal (M,) -> ().
    """
    return parametrized_auroc(normal, abnormal, 0.5)


def parametrized_auroc(normal: Tensor, abnormal: Tensor, tie: float) -> Tensor:
    """The right line, with what a tie counts left open."""
    pairs = abnormal[:, None] - normal
    return ((pairs > 0) + tie * (pairs == 0)).double().mean()


def mistake_accuracy(above: Callable[[Tensor, float], Tensor], fair: bool) -> Callable[[Tensor, Tensor], Tensor]:
    """Accuracy at one threshold, ½: of all scores together, or of both kinds alike."""

    def wrong(normal: Tensor, abnormal: Tensor) -> Tensor:
        found, kept = above(abnormal, 0.5).double(), (~above(normal, 0.5)).double()
        return (found.mean() + kept.mean()) / 2 if fair else torch.cat([found, kept]).mean()

    return wrong


def rank_sum(first: int, ends: int) -> Callable[[Tensor, Tensor], Tensor]:
    """The formula with ranks, (R − M (M ± 1) / 2) / (N M), for ranks that begin at ``first``."""

    def formula(normal: Tensor, abnormal: Tensor) -> Tensor:
        N, M = len(normal), len(abnormal)
        R = average_ranks(torch.cat([normal, abnormal]))[N:].sum() - (1 - first) * M
        return (R - M * (M + ends) / 2) / (N * M)

    return formula


def make_case(N: int, M: int, shift: float, step: float) -> Callable[[torch.Generator], tuple[Tensor, Tensor]]:
    """A case: scores of two kinds, ``shift`` apart, rounded to steps so that there are ties."""

    def make(generator: torch.Generator) -> tuple[Tensor, Tensor]:
        draw = lambda n: torch.randn(n, generator=generator, dtype=torch.float64)
        return tuple(((scores / step).round() * step) for scores in (draw(N), draw(M) + shift))

    return make


def is_slow(call: CallRecord) -> bool:
    return call.seconds > SLOW_SECONDS


auroc = Exercise(
    name="auroc",
    reference=reference_auroc,
    cases=(
        (torch.tensor([0.1, 0.4, 0.4], dtype=torch.float64), torch.tensor([0.4, 0.9], dtype=torch.float64)),
        make_case(7, 5, shift=1.0, step=0.5),
        make_case(6, 9, shift=-0.5, step=0.5),
        make_case(500, 400, shift=0.4, step=0.1),
    ),
    known_mistakes={
        "The two kinds are exchanged, and what comes out is 1 − answer. A score is abnormality: which of a pair is to be the "
        "higher one?": lambda normal, abnormal: parametrized_auroc(abnormal, normal, 0.5),
        "Ties are counted as won, or as lost. Give every picture the same score: should that be the best detector, the worst, or "
        "a coin?": (lambda n, a: parametrized_auroc(n, a, 0.0), lambda n, a: parametrized_auroc(n, a, 1.0)),
        "That is accuracy at the threshold ½. Add 10 to all scores: who is better or worse now? AUROC asks for no threshold, "
        "only for the order within pairs.": [
            mistake_accuracy(above, fair) for above in (torch.gt, torch.ge) for fair in (False, True)
        ],
        "The ranks and the formula do not begin at the same number. The lowest of all ranks is 1 where M (M + 1) / 2 is taken "
        "off: which does your sort give it?": (rank_sum(0, 1), rank_sum(1, -1)),
    },
    fallback_hint="write the table of pairs for the first case, two rows and three columns, and put 1, ½ or 0 into each cell",
    success_message="Nothing was assumed about the scores: no threshold, no scale, only who comes before whom.",
    advice_checks={
        "A double loop is right and slow. With 10,000 pictures on each side it takes minutes: what does "
        "`abnormal[:, None] - normal` hold?": is_slow
    },
)
