"""Exercise 4: introspective features, the contrasts with all classes at once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tutorial_course.exercises import Exercise
from tutorial_course.exercises.exercise import CallRecord


def reference_features(p: Tensor, h: Tensor) -> Tensor:
    """Return the introspective features.

    They answer the question "Why P, rather than Q?" for every class Q: for each Q they contain row Q of ∂(−log p_Q)/∂W,
    which is (p_Q − 1) h.

    Args:
        p: probabilities of the classes (N, C).
        h: features (N, d).

    Returns:
        (N, C·d), a block of d numbers per class, without a graph.
    """
    return ((p - 1)[:, :, None] * h[:, None]).flatten(1).detach()


def _mistake_scaling(dims: int | tuple[int, int], unbiased: bool, eps: float) -> Callable[[Tensor, Tensor], Tensor]:
    """The features standardized with the statistics of the batch, per feature or over all features."""

    def wrong(p: Tensor, h: Tensor) -> Tensor:
        features = reference_features(p, h)
        return (features - features.mean(dims)) / (features.std(dims, correction=int(unbiased)) + eps)

    return wrong


_STANDARDIZED_FEATURES = [
    _mistake_scaling(dims, unbiased, eps)
    for dims in (0, (0, 1))
    for unbiased in (True, False)
    for eps in (0.0, 1e-12, 1e-8, 1e-6, 1e-5)
]


def _make_case(N: int, C: int, d: int) -> Callable[[torch.Generator], tuple[Tensor, Tensor]]:
    """A case: probabilities and features with a graph, as the outputs of a network; all sizes are different."""

    def make(generator: torch.Generator) -> tuple[Tensor, Tensor]:
        z, h = (torch.randn(N, k, generator=generator, dtype=torch.float64, requires_grad=True) for k in (C, d))
        with torch.enable_grad():
            return z.softmax(1), h.exp()

    return make


introspective_features = Exercise(
    name="introspective_features",
    reference=reference_features,
    cases=(_make_case(3, 2, 4), _make_case(4, 5, 3), _make_case(5, 3, 6), _make_case(2, 6, 5)),
    known_mistakes={
        "The entries of the feature vector are not grouped by class. If two classes are exchanged, whole blocks of d "
        "numbers should change places. Along which axis does `flatten` move first?": lambda p, h: (
            h[:, :, None] * (p - 1)[:, None]
        ).flatten(1),
        "The rows of the gradient are added up over the classes. Each Q keeps only its own row: what is the sum of all "
        "entries of p − e_Q?": (
            lambda p, h: torch.zeros_like(reference_features(p, h)),
            lambda p, h: torch.zeros_like(h),
            lambda p, h: torch.zeros_like(p),
            lambda p, h: ((len(p[0]) * p - 1)[:, :, None] * h[:, None]).flatten(1),
        ),
        "The features are standardized with the statistics of the batch. The features of an image then depend on the "
        "other images: which mean and which standard deviation do you use for a single image?": _STANDARDIZED_FEATURES,
    },
    side_effect_checks={
        "The features are still attached to the autograd graph. Training the introspective classifier on them would "
        "change the base classifier too: which method detaches them?": CallRecord.has_graph,
    },
    fallback_hint="write out the smallest case by hand: the first d numbers of a row belong to the first class",
    success_message=(
        "All features are correct. Now answer the most important question: which of them are not functions of h?"
    ),
)
