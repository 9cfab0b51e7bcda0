"""Exercise 2: a gradient norm without a backward pass."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tutorial_lib.instruments import Exercise


def last_layer(z: Tensor, h: Tensor) -> Tensor:
    """‖∂J/∂W‖² for J, the mean over C classes of the binary cross-entropy against all ones, and z = W h + b: ‖δ‖² ‖h‖².

    δ = ∂J/∂z = (σ(z) − 1) / C, and ∂J/∂W = δ hᵀ has the norm ‖δ‖ ‖h‖. Shapes: z (N, C), h (N, d) -> (N,).
    """
    return sizes(towards_ones(z), h)


def towards_ones(z: Tensor) -> Tensor:
    return (z.sigmoid() - 1) / z.shape[1]


def sizes(delta: Tensor, h: Tensor) -> Tensor:
    """‖δ hᵀ‖² = ‖δ‖² ‖h‖², picture by picture."""
    return delta.square().sum(1) * h.square().sum(1)


def with_delta(delta: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda z, h: sizes(delta(z), h)


def together(share: float | None) -> Callable[[Tensor, Tensor], Tensor]:
    """The squared norm of one gradient for the whole batch: of the mean loss, or of the sum."""
    return lambda z, h: (towards_ones(z).T @ h / (len(z) if share is None else share)).square().sum()


def answered(N: int, C: int, d: int, sure: float) -> Callable[[torch.Generator], tuple[Tensor, Tensor]]:
    """A case: logits and features as they leave a network, some of them sure; no two sizes alike."""

    def make(generator: torch.Generator) -> tuple[Tensor, Tensor]:
        z, h = (torch.randn(N, k, generator=generator, dtype=torch.float64) for k in (C, d))
        z[torch.arange(N), z.argmax(1)] += sure * torch.arange(N)
        return z, h.relu() + 0.1

    return make


confounding_norm = Exercise(
    name="confounding_norm",
    reference=last_layer,
    cases=(
        answered(3, 4, 5, sure=0.5),
        answered(4, 3, 7, sure=1.0),
        answered(5, 6, 2, sure=2.0),
        answered(2, 10, 3, sure=4.0),
    ),
    slips={
        "A softmax stands where a sigmoid belongs. That is another method, and its norm may point the other way: which of the "
        "two lets every class answer for itself?": (
            with_delta(lambda z: z.softmax(1) - 1 / z.shape[1]),
            with_delta(lambda z: (z.softmax(1) - 1) / z.shape[1]),
            with_delta(lambda z: z.shape[1] * z.softmax(1) - 1),
        ),
        "The 1/C of the mean is missing, or it was not squared. The loss is a mean over the classes: by what do its slope, and "
        "the square of its slope, shrink?": (
            with_delta(lambda z: z.sigmoid() - 1),
            lambda z, h: sizes(z.sigmoid() - 1, h) / z.shape[1],
        ),
        "The bias is counted in. Its gradient is δ itself, which adds 1 to ‖h‖²: whose norm was asked for?": lambda z, h: (
            towards_ones(z).square().sum(1) * (h.square().sum(1) + 1)
        ),
        "That is the norm, not its square. The squares are what add up over layers, and they were asked for: which of your lines "
        "takes a root?": lambda z, h: sizes(towards_ones(z), h).sqrt(),
        "One number comes back for the whole batch. Every picture would need a change of its own: over which axes do your sums "
        "run?": (
            together(None),
            together(1.0),
            lambda z, h: sizes(towards_ones(z), h).mean(),
            lambda z, h: sizes(towards_ones(z), h).sum(),
            lambda z, h: towards_ones(z).square().sum() * h.square().sum(),
        ),
    },
    look="take one picture and two classes, write the matrix δ hᵀ out, square its entries and add them up",
    right="A forward pass knows it all: how wrong, times how much was seen. What deeper layers add needs the backward pass.",
)
