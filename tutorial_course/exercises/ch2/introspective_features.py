"""Exercise 4: all contrasts at once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tutorial_course.exercises import Exercise
from tutorial_course.exercises.exercise import CallRecord


def reference_features(p: Tensor, h: Tensor) -> Tensor:
    """Why P, rather than Q? for every Q: the own row of ∂(−log p_Q)/∂W, (p_Q − 1) h, one block of d numbers after another.

    Shapes: p (N, C), h (N, d) -> (N, C·d), without a graph.
    """
    return ((p - 1)[:, :, None] * h[:, None]).flatten(1).detach()


def mistake_scaling(over: int | tuple[int, int], unbiased: bool, above: float) -> Callable[[Tensor, Tensor], Tensor]:
    """The features with the mean and the spread of whatever stands in the batch: of each feature, or of all together."""

    def wrong(p: Tensor, h: Tensor) -> Tensor:
        features = reference_features(p, h)
        return (features - features.mean(over)) / (features.std(over, correction=int(unbiased)) + above)

    return wrong


SCALED = [
    mistake_scaling(over, unbiased, above)
    for over in (0, (0, 1))
    for unbiased in (True, False)
    for above in (0.0, 1e-12, 1e-8, 1e-6, 1e-5)
]


def make_case(N: int, C: int, d: int) -> Callable[[torch.Generator], tuple[Tensor, Tensor]]:
    """A case: probabilities and features as they leave a network, with what leads back to it; no two sizes alike."""

    def make(generator: torch.Generator) -> tuple[Tensor, Tensor]:
        z, h = (torch.randn(N, k, generator=generator, dtype=torch.float64, requires_grad=True) for k in (C, d))
        with torch.enable_grad():
            return z.softmax(1), h.exp()

    return make


introspective_features = Exercise(
    name="introspective_features",
    reference=reference_features,
    cases=(make_case(3, 2, 4), make_case(4, 5, 3), make_case(5, 3, 6), make_case(2, 6, 5)),
    known_mistakes={
        "The blocks of the classes are mixed. Exchange two classes: whole blocks of d numbers should change places, and nothing "
        "inside them. What does `flatten` run through first?": lambda p, h: (h[:, :, None] * (p - 1)[:, None]).flatten(
            1
        ),
        "The rows of p − e_Q are added up over the classes. Each Q keeps one row, its own; what do all entries of p − e_Q add "
        "up to?": (
            lambda p, h: torch.zeros_like(reference_features(p, h)),
            lambda p, h: torch.zeros_like(h),
            lambda p, h: torch.zeros_like(p),
            lambda p, h: ((len(p[0]) * p - 1)[:, :, None] * h[:, None]).flatten(1),
        ),
        "The features are scaled with the statistics of what is being asked. One picture's features then depend on its "
        "neighbours: whose mean and spread does the second look know when a single one arrives?": SCALED,
    },
    side_effect_checks={
        "The features carry a graph. Trained on them, the second look would train the first one too: what cuts the way "
        "back?": CallRecord.has_graph,
    },
    fallback_hint="write out the smallest case by hand: the first d numbers of a row belong to the first class",
    success_message="And now the question that matters: which of your features is not a function of h?",
)
