"""Exercise 2: contrast without a backward pass."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from tutorial_course.exercises import Exercise
from tutorial_course.exercises.exercise import CallRecord


def reference_contrast_weights(p: Tensor, W: Tensor, Q: int, positions: int) -> Tensor:
    """Why P, rather than Q? α_k = 1/Z Σ_ij ∂(−log p_Q)/∂A^k_ij = 1/Z Σ_c (p_c − [c = Q]) W_ck, for z = W mean(A) + b.

    Warns where Q is the class predicted. Shapes: p (C,), W (C, K), Q an index, positions Z -> (K,).
    """
    if Q == p.argmax():
        warnings.warn("why P, rather than P? There is hardly an answer: do not stretch it", stacklevel=2)
    return parametrized_weights(p, W, Q, positions)


def parametrized_weights(
    p: Tensor, W: Tensor, Q: int, positions: int, *, pull: Callable[[Tensor, Tensor], Tensor] = lambda p, e: p - e
) -> Tensor:
    """The right line, with what the question asks of the logits left open."""
    return pull(p, one_hot(p, Q)) @ W / positions


def one_hot(p: Tensor, c: int | Tensor) -> Tensor:
    return F.one_hot(torch.as_tensor(c), len(p)).to(p)


def mistake(pull: Callable[[Tensor, Tensor], Tensor], Z: Callable[[int], int] = lambda Z: Z) -> Callable[..., Tensor]:
    return lambda p, W, Q, positions: parametrized_weights(p, W, Q, Z(positions), pull=pull)


def make_case(C: int, K: int, positions: int, place: int, sure: float) -> Callable[[torch.Generator], tuple]:
    """A case: probabilities, ever surer, a last layer, and as Q the class in this place of the ranking; 0 is P itself."""

    def make(generator: torch.Generator) -> tuple:
        z, W = (torch.randn(shape, generator=generator, dtype=torch.float64) for shape in ((C,), (C, K)))
        z[z.argmax()] += sure
        return z.softmax(0), W, z.argsort(descending=True)[place].item(), positions

    return make


def max_class_difference(weights: Tensor) -> float:
    """How far from the right answer in the first case, as a share of its length."""
    right = parametrized_weights(*FIRST_CASE(torch.Generator().manual_seed(0)))
    return ((weights - right).norm() / right.norm()).item()


def returns_without_warning(call: CallRecord) -> bool:
    """Whether P was asked for beside P, and nobody was told."""
    return call.arguments["Q"] == int(call.arguments["p"].argmax()) and not call.warnings


FIRST_CASE = make_case(4, 3, 6, place=1, sure=0.5)
contrast_weights = Exercise(
    name="contrast_weights",
    reference=reference_contrast_weights,
    cases=(
        FIRST_CASE,
        make_case(5, 7, 16, place=3, sure=1.0),
        make_case(6, 4, 9, place=0, sure=2.0),
        make_case(3, 5, 4, place=2, sure=4.0),
    ),
    measure=max_class_difference,
    known_mistakes={
        "The sign is turned, and this is evidence for Q. Raise a channel that Q likes: does the loss to Q rise or fall, and "
        "which of the two is to shine?": mistake(lambda p, e: e - p),
        "The division by the number of positions is missing. Nudge one cell of a map: how much of the nudge reaches its "
        "average?": mistake(lambda p, e: p - e, Z=lambda _: 1),
        "It is not p that stands before e_Q. Logits do not add up to 1, and a softmax of what is a softmax already is flatter "
        "than p: what is the slope of −log p_Q along each logit?": (
            mistake(lambda p, e: p.log() - e),
            mistake(lambda p, e: p.softmax(0) - e),
        ),
        "That is e_P − e_Q, the contrast of two logits. It is in use too, and the same only where p_P is nearly 1; here the two "
        "lie {yours:.0%} of the right one's length apart. Who speaks beside P?": mistake(
            lambda p, e: one_hot(p, p.argmax()) - e
        ),
    },
    side_effect_checks={
        'Q = P goes by without a word. "Why P, rather than P?" is legal, and its answer nearly empty: say so by `warnings.warn`, '
        "before anyone stretches it to a picture": returns_without_warning,
    },
    fallback_hint="let autograd do it once: z = W mean(A) + b for a small A, and the gradient of −log softmax(z)_Q with respect to A",
    success_message="No backward pass: where the network ends like this, the gradient was in p and W all along.",
)
