"""Exercise 2: the norm of the gradient for a confounding label, without a backward pass."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tutorial_course.exercises import Exercise


def reference_norm(z: Tensor, h: Tensor) -> Tensor:
    """Return the squared norm of the gradient of the confounding-label loss, ‖∂J/∂W‖².

    J is the binary cross-entropy with all labels 1, averaged over the C classes, and z = W h + b. The gradient
    ∂J/∂W = δ hᵀ with δ = ∂J/∂z = (σ(z) − 1) / C has the squared norm ‖δ‖² ‖h‖².

    Args:
        z: logits (N, C).
        h: features (N, d).

    Returns:
        Squared norms (N,), ≥ 0.
    """
    return _norm_product(_logit_gradient(z), h)


def _logit_gradient(z: Tensor) -> Tensor:
    """δ = ∂J/∂z (N, C)."""
    return (z.sigmoid() - 1) / z.shape[1]


def _norm_product(delta: Tensor, h: Tensor) -> Tensor:
    """‖δ hᵀ‖² = ‖δ‖² ‖h‖² per image, (N,)."""
    return delta.square().sum(1) * h.square().sum(1)


def _mistake_delta(delta: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """The solution with another δ."""
    return lambda z, h: _norm_product(delta(z), h)


def _mistake_joint_norm(divisor: float | None) -> Callable[[Tensor, Tensor], Tensor]:
    """The squared norm of one gradient for the whole batch: of the mean loss (None), or of the sum (1)."""
    return lambda z, h: (_logit_gradient(z).T @ h / (len(z) if divisor is None else divisor)).square().sum()


def _make_case(N: int, C: int, d: int, confidence: float) -> Callable[[torch.Generator], tuple[Tensor, Tensor]]:
    """A case: logits of increasing confidence, and features; all sizes are different."""

    def make(generator: torch.Generator) -> tuple[Tensor, Tensor]:
        z, h = (torch.randn(N, k, generator=generator, dtype=torch.float64) for k in (C, d))
        z[torch.arange(N), z.argmax(1)] += confidence * torch.arange(N)
        return z, h.relu() + 0.1

    return make


confounding_gradient_norm = Exercise(
    name="confounding_gradient_norm",
    reference=reference_norm,
    cases=(
        _make_case(3, 4, 5, confidence=0.5),
        _make_case(4, 3, 7, confidence=1.0),
        _make_case(5, 6, 2, confidence=2.0),
        _make_case(2, 10, 3, confidence=4.0),
    ),
    known_mistakes={
        "A softmax is used instead of a sigmoid. This is a different method, whose norm may be smaller for abnormal "
        "images: which of the two functions treats every class separately?": (
            _mistake_delta(lambda z: z.softmax(1) - 1 / z.shape[1]),
            _mistake_delta(lambda z: (z.softmax(1) - 1) / z.shape[1]),
            _mistake_delta(lambda z: z.shape[1] * z.softmax(1) - 1),
        ),
        "The 1/C of the mean is missing, or it was not squared. The loss is a mean over the classes: by which factor "
        "does that change its gradient, and the square of the gradient?": (
            _mistake_delta(lambda z: z.sigmoid() - 1),
            lambda z, h: _norm_product(z.sigmoid() - 1, h) / z.shape[1],
        ),
        "The gradient of the bias is included. It is δ itself, which adds 1 to ‖h‖²: which parameter does the exercise "
        "name?": lambda z, h: _logit_gradient(z).square().sum(1) * (h.square().sum(1) + 1),
        "Your function returns the norm, not its square. The exercise needs the squares, because they add up over "
        "layers: which of your lines takes a root?": lambda z, h: _norm_product(_logit_gradient(z), h).sqrt(),
        "Your function returns one number for the whole batch. Every image has its own gradient: over which axes do "
        "your sums run?": (
            _mistake_joint_norm(None),
            _mistake_joint_norm(1.0),
            lambda z, h: _norm_product(_logit_gradient(z), h).mean(),
            lambda z, h: _norm_product(_logit_gradient(z), h).sum(),
            lambda z, h: _logit_gradient(z).square().sum() * h.square().sum(),
        ),
    },
    fallback_hint="take one image and two classes, write the matrix δ hᵀ out, square its entries and add them up",
    success_message=(
        "For the last layer a forward pass is enough: the norm of δ times that of h. Deeper layers need a backward "
        "pass."
    ),
)
