"""Exercise 3: a score that can be contrasted."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tutorial_course.exercises import Exercise

Delta = Callable[[Tensor, Tensor, Tensor], Tensor]


def reference_bin_contrast(A: Tensor, W: Tensor, Q: Tensor) -> Tensor:
    """Why this bin, rather than bin Q? Σ_k (∂J/∂A^k) A^k for J = log p_P − log p_Q, P the bin predicted; each map over its peak.

    z = W mean(A) are the logits of the bins, J = z_P − z_Q, so the weights are W_P − W_Q. Where Q = P there is nothing to tell: a
    map of zeros. Shapes: A (N, K, h, w), W (B, K), Q (N,) -> (N, h, w), signed, largest size one.
    """
    return normalize_by_peak(weighted_map(A, W, Q, log_odds))


def log_odds(z: Tensor, P: Tensor, Q: Tensor) -> Tensor:
    return gather_class(z, P) - gather_class(z, Q)


def gather_class(z: Tensor, c: Tensor) -> Tensor:
    return z.gather(1, c[:, None])[:, 0]


def weighted_map(A: Tensor, W: Tensor, Q: Tensor, objective: Delta) -> Tensor:
    """The layer's maps weighted by ∂J/∂z W."""
    with torch.enable_grad():
        z = (A.mean((2, 3)) @ W.T).detach().requires_grad_()
        (delta,) = torch.autograd.grad(objective(z, z.argmax(1), Q).sum(), z)
    return torch.einsum("nk,nkhw->nhw", delta @ W, A)


def normalize_by_peak(maps: Tensor) -> Tensor:
    """Largest size one; what is zero stays zero."""
    peak = maps.abs().amax((1, 2), keepdim=True)
    return maps / torch.where(peak > 0, peak, 1)


def expected_score(z: Tensor) -> Tensor:
    """The expected score, bin b counting b/(B − 1)."""
    bins = torch.linspace(0, 1, z.shape[1], dtype=z.dtype)
    return z.softmax(1) @ bins


def expected_score_objective(z: Tensor, P: Tensor, Q: Tensor) -> Tensor:
    return (expected_score(z) - Q / (z.shape[1] - 1)).square()


def probabilities(z: Tensor, P: Tensor, Q: Tensor) -> Tensor:
    return gather_class(z.softmax(1), P) - gather_class(z.softmax(1), Q)


def min_max_normalize(maps: Tensor) -> Tensor:
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    return (maps - low) / torch.where(high > low, high - low, 1)


def with_objective(objective: Delta) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    return lambda A, W, Q: normalize_by_peak(weighted_map(A, W, Q, objective))


def zero_over_zero_cases(A: Tensor, W: Tensor, Q: Tensor) -> Tensor:
    maps = weighted_map(A, W, Q, log_odds)
    return maps / maps.abs().amax((1, 2), keepdim=True)


def indistinguishable_maps(maps: Tensor) -> float:
    """How alike the first two maps are, the cosine between them: in the first case they are of one picture, for two Q."""
    return torch.cosine_similarity(maps[0].flatten(), maps[1].flatten(), dim=0).item()


def make_case(N: int, B: int, K: int, sure: float) -> Callable[[torch.Generator], tuple[Tensor, Tensor, Tensor]]:
    """A case: the same picture for every bin Q but two better ones first, among them the bin that it is in."""

    def make(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        A = torch.randn(N, K, 3, 4, generator=generator, dtype=torch.float64).relu()
        W = sure * torch.randn(B, K, generator=generator, dtype=torch.float64)
        A[1] = A[0]
        z = A.mean((2, 3)) @ W.T
        P = z.argmax(1)
        above = [b for b in range(B) if b / (B - 1) > expected_score(z)[0] and b != P[0]]
        below = [b for b in range(B) if b / (B - 1) < expected_score(z)[0] and b != P[0]]
        Q = (P + torch.arange(N) + 1) % B
        Q[:2] = torch.tensor((above if len(above) > 1 else below)[:2])
        Q[-1] = P[-1]  # asked about the very bin that it is in
        return A, W, Q

    return make


bin_contrast = Exercise(
    name="bin_contrast",
    reference=reference_bin_contrast,
    cases=(make_case(4, 6, 5, 1.0), make_case(5, 5, 7, 2.0), make_case(3, 6, 4, 4.0)),
    known_mistakes={
        "A squared distance to Q is a scalar in disguise. The first case asks one picture about two Q, and your maps have a cosine "
        "of {yours:.2f} (right: {right:.2f}): which gradient do they share?": with_objective(expected_score_objective),
        "The probabilities were subtracted, not their logarithms. Where the network is sure they hardly move, and every other bin "
        "mixes in: what is log p_P − log p_Q in terms of z?": with_objective(probabilities),
        "Where Q is the bin predicted, no number comes back. The question is legal and its answer is empty: what is your peak "
        "there?": zero_over_zero_cases,
        "The maps were stretched from their least to their largest value. Zero is where nothing speaks either way: where did it go?": (
            lambda A, W, Q: min_max_normalize(weighted_map(A, W, Q, log_odds))
        ),
        "The sign is turned. That is what speaks for Q: which of the two logits should J raise?": with_objective(
            lambda z, P, Q: log_odds(z, Q, P)
        ),
    },
    fallback_hint="write J for three bins, P = 0 and Q = 2, and differentiate it by each of the three logits",
    success_message="Two logits, one difference. A question with another Q is now another question.",
    measure=indistinguishable_maps,
)
