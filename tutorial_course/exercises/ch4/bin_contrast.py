"""Exercise 3: a contrastive explanation of a quality score with bins."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tutorial_course.exercises import Exercise

BinObjective = Callable[[Tensor, Tensor, Tensor], Tensor]  # (logits, predicted bin, contrast bin) -> J per image


def reference_bin_contrast(A: Tensor, W: Tensor, Q: Tensor) -> Tensor:
    """Return maps that answer the question "Why this bin, rather than bin Q?".

    The map is Σ_k (∂J/∂A^k) A^k for J = log p_P − log p_Q, where P is the predicted bin, divided by its largest
    absolute value. z = W mean(A) are the logits of the bins and J = z_P − z_Q, so the weights are W_P − W_Q.

    Args:
        A: feature maps (N, K, h, w).
        W: weights of the last layer (B, K), for B bins.
        Q: contrast bin of each image (N,).

    Returns:
        Maps (N, h, w), signed, with the largest absolute value 1; zeros if Q = P.
    """
    return _normalize_by_max(_weighted_map(A, W, Q, _logit_difference))


def _logit_difference(z: Tensor, P: Tensor, Q: Tensor) -> Tensor:
    """J = z_P − z_Q = log p_P − log p_Q per image."""
    return _gather_class(z, P) - _gather_class(z, Q)


def _gather_class(z: Tensor, c: Tensor) -> Tensor:
    """The entry of class c in each row of z, (N,)."""
    return z.gather(1, c[:, None])[:, 0]


def _weighted_map(A: Tensor, W: Tensor, Q: Tensor, objective: BinObjective) -> Tensor:
    """The feature maps weighted by ∂J/∂z W."""
    with torch.enable_grad():
        z = (A.mean((2, 3)) @ W.T).detach().requires_grad_()
        (delta,) = torch.autograd.grad(objective(z, z.argmax(1), Q).sum(), z)
    return torch.einsum("nk,nkhw->nhw", delta @ W, A)


def _normalize_by_max(maps: Tensor) -> Tensor:
    """Maps with the largest absolute value 1; maps of zeros stay zero."""
    largest = maps.abs().amax((1, 2), keepdim=True)
    return maps / torch.where(largest > 0, largest, 1)


def _expected_score(z: Tensor) -> Tensor:
    """The expected score, where bin b stands for the score b/(B − 1)."""
    bins = torch.linspace(0, 1, z.shape[1], dtype=z.dtype)
    return z.softmax(1) @ bins


def _expected_score_objective(z: Tensor, P: Tensor, Q: Tensor) -> Tensor:
    """The squared difference between the expected score and the score of bin Q."""
    return (_expected_score(z) - Q / (z.shape[1] - 1)).square()


def _probability_difference(z: Tensor, P: Tensor, Q: Tensor) -> Tensor:
    """p_P − p_Q per image."""
    return _gather_class(z.softmax(1), P) - _gather_class(z.softmax(1), Q)


def _min_max_normalize(maps: Tensor) -> Tensor:
    """Maps scaled from their minimum to their maximum."""
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    return (maps - low) / torch.where(high > low, high - low, 1)


def _mistake(objective: BinObjective) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """The solution with another objective."""
    return lambda A, W, Q: _normalize_by_max(_weighted_map(A, W, Q, objective))


def _mistake_undefined(A: Tensor, W: Tensor, Q: Tensor) -> Tensor:
    """The solution with 0/0 if Q = P."""
    maps = _weighted_map(A, W, Q, _logit_difference)
    return maps / maps.abs().amax((1, 2), keepdim=True)


def _cosine_of_first_maps(maps: Tensor) -> float:
    """The cosine between the first two maps; in the first case they explain one image for two Q."""
    return torch.cosine_similarity(maps[0].flatten(), maps[1].flatten(), dim=0).item()


def _make_case(N: int, B: int, K: int, confidence: float) -> Callable[[torch.Generator], tuple[Tensor, Tensor, Tensor]]:
    """A case: one image with two bins Q on the same side of its score first, and at the end one with Q = P."""

    def make(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        A = torch.randn(N, K, 3, 4, generator=generator, dtype=torch.float64).relu()
        W = confidence * torch.randn(B, K, generator=generator, dtype=torch.float64)
        A[1] = A[0]
        z = A.mean((2, 3)) @ W.T
        P = z.argmax(1)
        above = [b for b in range(B) if b / (B - 1) > _expected_score(z)[0] and b != P[0]]
        below = [b for b in range(B) if b / (B - 1) < _expected_score(z)[0] and b != P[0]]
        Q = (P + torch.arange(N) + 1) % B
        Q[:2] = torch.tensor((above if len(above) > 1 else below)[:2])
        Q[-1] = P[-1]  # the contrast with the predicted bin
        return A, W, Q

    return make


bin_contrast = Exercise(
    name="bin_contrast",
    reference=reference_bin_contrast,
    cases=(_make_case(4, 6, 5, 1.0), _make_case(5, 5, 7, 2.0), _make_case(3, 6, 4, 4.0)),
    known_mistakes={
        "The gradient of a squared distance to Q is a multiple of that of the expected score. In the first case, the "
        "maps for two values of Q have a cosine of {yours:.2f} (correct: {right:.2f}): which gradient do they "
        "share?": _mistake(_expected_score_objective),
        "The probabilities are subtracted, not their logarithms. Probabilities are saturated for confident predictions "
        "and depend on all bins: what is log p_P − log p_Q in terms of z?": _mistake(_probability_difference),
        "If Q is the predicted bin, the result is NaN. This contrast is valid, and its map is zero everywhere: what is "
        "its largest absolute value, and can you divide by it?": _mistake_undefined,
        "The maps are scaled so that their minimum becomes 0 and their maximum becomes 1. A value of zero means that "
        "there is no evidence: which value does your scaling assign to zero?": (
            lambda A, W, Q: _min_max_normalize(_weighted_map(A, W, Q, _logit_difference))
        ),
        "The maps are negated. They are positive where the evidence is for Q: with which of the two logits should J "
        "increase?": _mistake(lambda z, P, Q: _logit_difference(z, Q, P)),
    },
    fallback_hint=(
        "write J for three bins, P = 0 and Q = 2, and differentiate it with respect to each of the three logits"
    ),
    success_message="The objective is the difference of two logits. Therefore, another Q now leads to a different map.",
    measure=_cosine_of_first_maps,
)
