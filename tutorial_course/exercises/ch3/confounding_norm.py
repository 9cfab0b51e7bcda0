"""Exercise 2: a gradient norm without a backward pass."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tutorial_course.exercises import Exercise


def reference_norm(z: Tensor, h: Tensor) -> Tensor:
    """‖∂J/∂W‖² for J, the mean over C classes of the binary cross-entropy against all ones, and z = W h + b: ‖δ‖² ‖h‖².

    δ = ∂J/∂z = (σ(z) − 1) / C, and ∂J/∂W = δ hᵀ has the norm ‖δ‖ ‖h‖. Shapes: z (N, C), h (N, d) -> (N,).
    """
    return norm_product(logit_gradient(z), h)


def logit_gradient(z: Tensor) -> Tensor:
    return (z.sigmoid() - 1) / z.shape[1]


def norm_product(delta: Tensor, h: Tensor) -> Tensor:
    """‖δ hᵀ‖² = ‖δ‖² ‖h‖², picture by picture."""
    return delta.square().sum(1) * h.square().sum(1)


def mistake_delta(delta: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda z, h: norm_product(delta(z), h)


def mistake_joint_norm(share: float | None) -> Callable[[Tensor, Tensor], Tensor]:
    """The squared norm of one gradient for the whole batch: of the mean loss, or of the sum."""
    return lambda z, h: (logit_gradient(z).T @ h / (len(z) if share is None else share)).square().sum()


def make_case(N: int, C: int, d: int, sure: float) -> Callable[[torch.Generator], tuple[Tensor, Tensor]]:
    """A case: logits and features as they leave a network, some of them sure; no two sizes alike."""

    def make(generator: torch.Generator) -> tuple[Tensor, Tensor]:
        z, h = (torch.randn(N, k, generator=generator, dtype=torch.float64) for k in (C, d))
        z[torch.arange(N), z.argmax(1)] += sure * torch.arange(N)
        return z, h.relu() + 0.1

    return make


confounding_gradient_norm = Exercise(
    name="confounding_norm",
    reference=reference_norm,
    cases=(
        make_case(3, 4, 5, sure=0.5),
        make_case(4, 3, 7, sure=1.0),
        make_case(5, 6, 2, sure=2.0),
        make_case(2, 10, 3, sure=4.0),
    ),
    known_mistakes={
        "A softmax stands where a sigmoid belongs. That is another method, and its norm may point the other way: which of the "
        "two lets every class answer for itself?": (
            mistake_delta(lambda z: z.softmax(1) - 1 / z.shape[1]),
            mistake_delta(lambda z: (z.softmax(1) - 1) / z.shape[1]),
            mistake_delta(lambda z: z.shape[1] * z.softmax(1) - 1),
        ),
        "The 1/C of the mean is missing, or it was not squared. The loss is a mean over the classes: by what do its slope, and "
        "the square of its slope, shrink?": (
            mistake_delta(lambda z: z.sigmoid() - 1),
            lambda z, h: norm_product(z.sigmoid() - 1, h) / z.shape[1],
        ),
        "The bias is counted in. Its gradient is δ itself, which adds 1 to ‖h‖²: whose norm was asked for?": lambda z, h: (
            logit_gradient(z).square().sum(1) * (h.square().sum(1) + 1)
        ),
        "That is the norm, not its square. The squares are what add up over layers, and they were asked for: which of your lines "
        "takes a root?": lambda z, h: norm_product(logit_gradient(z), h).sqrt(),
        "One number comes back for the whole batch. Every picture would need a change of its own: over which axes do your sums "
        "run?": (
            mistake_joint_norm(None),
            mistake_joint_norm(1.0),
            lambda z, h: norm_product(logit_gradient(z), h).mean(),
            lambda z, h: norm_product(logit_gradient(z), h).sum(),
            lambda z, h: logit_gradient(z).square().sum() * h.square().sum(),
        ),
    },
    fallback_hint="take one picture and two classes, write the matrix δ hᵀ out, square its entries and add them up",
    success_message="A forward pass knows it all: how wrong, times how much was seen. What deeper layers add needs the backward pass.",
)
