"""Exercise 2, part 2: the channel weights of the contrast map without a backward pass."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from tutorial_course.exercises import Exercise
from tutorial_course.exercises.exercise import CallRecord


def reference_contrast_weights(p: Tensor, W: Tensor, Q: int, positions: int) -> Tensor:
    """Return the weights of contrast CAM, which answer the question "Why P, rather than Q?".

    α_k = 1/Z Σ_ij ∂(−log p_Q)/∂A^k_ij = 1/Z Σ_c (p_c − [c = Q]) W_ck, for z = W mean(A) + b. A warning is given if Q is
    the predicted class.

    Args:
        p: probabilities of the classes (C,).
        W: weights of the last layer (C, K).
        Q: index of the contrast class.
        positions: number Z of positions of the feature maps.

    Returns:
        One weight per feature map (K,).
    """
    if Q == p.argmax():
        warnings.warn("Q is the predicted class, so its contrast is almost zero: do not normalize it", stacklevel=2)
    return _parametrized_weights(p, W, Q, positions)


def _parametrized_weights(
    p: Tensor, W: Tensor, Q: int, positions: int, *, delta: Callable[[Tensor, Tensor], Tensor] = lambda p, e: p - e
) -> Tensor:
    """The solution, with the gradient of the loss with respect to the logits as a parameter."""
    return delta(p, _one_hot(p, Q)) @ W / positions


def _one_hot(p: Tensor, c: int | Tensor) -> Tensor:
    """The one-hot vector of class c, like p."""
    return F.one_hot(torch.as_tensor(c), len(p)).to(p)


def _mistake(delta: Callable[[Tensor, Tensor], Tensor], Z: Callable[[int], int] = lambda Z: Z) -> Callable[..., Tensor]:
    """The solution with another gradient, or another number of positions."""
    return lambda p, W, Q, positions: _parametrized_weights(p, W, Q, Z(positions), delta=delta)


def _make_case(C: int, K: int, positions: int, rank: int, confidence: float) -> Callable[[torch.Generator], tuple]:
    """A case: probabilities, a last layer, and as Q the class of this rank; rank 0 is the predicted class P."""

    def make(generator: torch.Generator) -> tuple:
        z, W = (torch.randn(shape, generator=generator, dtype=torch.float64) for shape in ((C,), (C, K)))
        z[z.argmax()] += confidence
        return z.softmax(0), W, z.argsort(descending=True)[rank].item(), positions

    return make


def _relative_distance(weights: Tensor) -> float:
    """The distance from the correct weights in the first case, relative to their norm."""
    expected = _parametrized_weights(*_FIRST_CASE(torch.Generator().manual_seed(0)))
    return ((weights - expected).norm() / expected.norm()).item()


def _returns_without_warning(call: CallRecord) -> bool:
    """Whether Q was the predicted class, and the function gave no warning."""
    return call.arguments["Q"] == int(call.arguments["p"].argmax()) and not call.warnings


_FIRST_CASE = _make_case(4, 3, 6, rank=1, confidence=0.5)
contrast_weights = Exercise(
    name="contrast_weights",
    reference=reference_contrast_weights,
    cases=(
        _FIRST_CASE,
        _make_case(5, 7, 16, rank=3, confidence=1.0),
        _make_case(6, 4, 9, rank=0, confidence=2.0),
        _make_case(3, 5, 4, rank=2, confidence=4.0),
    ),
    measure=_relative_distance,
    known_mistakes={
        "The weights are negated, so the map is positive where the evidence supports Q. If a channel with a large "
        "weight for Q becomes more active, does the loss for Q increase or decrease?": _mistake(lambda p, e: e - p),
        "The division by the number of positions is missing. If the activation at one position changes by 1, by how "
        "much does the mean of the feature map change?": _mistake(lambda p, e: p - e, Z=lambda _: 1),
        "You subtract e_Q from a vector other than p. The argument p already contains probabilities, so it needs no "
        "logarithm and no softmax: what is the derivative of −log p_Q with respect to each logit?": (
            _mistake(lambda p, e: p.log() - e),
            _mistake(lambda p, e: p.softmax(0) - e),
        ),
        "You use e_P − e_Q, the gradient of the difference of two logits. It agrees with p − e_Q only if p_P is nearly "
        "1. Here, the error is {yours:.0%} of the correct norm: which classes are missing?": _mistake(
            lambda p, e: _one_hot(p, p.argmax()) - e
        ),
    },
    side_effect_checks={
        'Q = P gives no warning. "Why P, rather than P?" is a valid question, but its map is almost zero: use '
        "`warnings.warn`, so that the map is not normalized and mistaken for an explanation": _returns_without_warning,
    },
    fallback_hint=(
        "use autograd once: z = W mean(A) + b for a small A, and the gradient of −log softmax(z)_Q with respect to A"
    ),
    success_message=(
        "No backward pass is needed: for global average pooling and a linear layer, p and W determine the gradient."
    ),
)
