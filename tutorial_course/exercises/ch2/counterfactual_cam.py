"""Exercise 1: counterfactual CAM, which shows what would have to be removed to change the prediction."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tutorial_course.exercises import Exercise


def reference_counterfactual_cam(activation: Tensor, gradient: Tensor) -> Tensor:
    """Return the counterfactual CAM, ReLU(Σ_k −α_k A^k).

    It answers the question "What if not P?". α_k = 1/Z Σ_ij ∂z_P/∂A^k_ij. The map shows where the features are evidence
    against P, and how strong they are.

    Args:
        activation: feature maps A of a layer (N, K, h, w).
        gradient: ∂z_P/∂A, like the activation.

    Returns:
        Maps (N, h, w), ≥ 0, in logits per position.
    """
    return _weighted_sum(activation, -gradient).relu()


def _weighted_sum(activation: Tensor, gradient: Tensor) -> Tensor:
    """Σ_k α_k A^k without a ReLU: Grad-CAM for the gradient, counterfactual CAM for its negative."""
    return (gradient.mean((2, 3), keepdim=True) * activation).sum(1)


def _mistake_normalized(
    zero_level: Callable[[Tensor], Tensor], dims: tuple[int, ...], eps: float
) -> Callable[[Tensor, Tensor], Tensor]:
    """The map divided by its maximum, per image or over all images, with eps added to the maximum."""

    def wrong(activation: Tensor, gradient: Tensor) -> Tensor:
        m = zero_level(_weighted_sum(activation, -gradient))
        return m / (m.amax(dims, keepdim=True) + eps)

    return wrong


def _zero_level_functions(dims: tuple[int, ...]) -> tuple[Callable[[Tensor], Tensor], ...]:
    """The ways to set the zero of a map before it is divided by its maximum: a ReLU, the minimum, or both."""
    return torch.relu, lambda m: m - m.amin(dims, keepdim=True), lambda m: m.relu() - m.relu().amin(dims, keepdim=True)


_NORMALIZED_MAPS = [
    _mistake_normalized(zero_level, dims, eps)
    for dims in ((1, 2), (0, 1, 2))
    for zero_level in _zero_level_functions(dims)
    for eps in (0.0, 1e-12, 1e-8, 1e-6)
]


def _make_case(N: int, K: int, h: int, w: int) -> Callable[[torch.Generator], tuple[Tensor, Tensor]]:
    """A case: the activation of a layer with a ReLU, and the gradient of a logit, with channels for and against P."""

    def make(generator: torch.Generator) -> tuple[Tensor, Tensor]:
        activation, gradient = (torch.randn(N, K, h, w, generator=generator, dtype=torch.float64) for _ in range(2))
        offset = torch.tensor([0.5, -0.5], dtype=torch.float64).repeat(K)[:K]
        return activation.relu(), gradient + offset.view(K, 1, 1)

    return make


def _make_nearly_empty_case(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A case: a single sign. The only channel that is evidence against P is almost zero everywhere."""
    activation, gradient = _make_case(1, 3, 4, 4)(generator)
    activation[:, :, :, :2] = 0
    activation[:, 1] = 0.02 * torch.rand(1, 4, 4, generator=generator, dtype=activation.dtype)
    return activation, gradient


def _ratio_to_grad_cam(m: Tensor) -> float:
    """The sum of the absolute values of a map, relative to the sum of Grad-CAM in the first case."""
    grad_cam = _weighted_sum(*_make_nearly_empty_case(torch.Generator().manual_seed(0))).relu()
    return (m.abs().sum() / grad_cam.sum()).item()


counterfactual_cam = Exercise(
    name="counterfactual_cam",
    reference=reference_counterfactual_cam,
    cases=(_make_nearly_empty_case, _make_case(1, 4, 3, 5), _make_case(3, 5, 4, 2), _make_case(2, 2, 5, 5)),
    measure=_ratio_to_grad_cam,
    known_mistakes={
        "The map is negated after the ReLU, so the evidence against P is already removed. Compute the map of one image "
        "without the ReLU: which of the two operations has to come first?": (
            lambda A, g: -_weighted_sum(A, g).relu(),
            lambda A, g: (-_weighted_sum(A, g).relu()).relu(),
        ),
        "Your function returns Grad-CAM. Either nothing was negated, or two factors were: what happens to a product "
        "when both factors are negated?": lambda A, g: _weighted_sum(A, g).relu(),
        "The absolute value makes evidence for P and evidence against P look alike. Removing only one kind of evidence "
        "would increase the logit of P: is this evidence positive or negative in the map of Grad-CAM?": (
            lambda A, g: _weighted_sum(A, g).abs(),
            lambda A, g: (g.mean((2, 3), keepdim=True).abs() * A).sum(1).relu(),
            lambda A, g: _weighted_sum(A, g.abs()).relu(),
        ),
        "The map is normalized to its maximum. In the first case there is little evidence against P: {right:.1%} of "
        "the sum of Grad-CAM, whereas the sum of your map is {yours:.0%} of it. Return the map without normalizing "
        "it.": (_NORMALIZED_MAPS),
        "The gradient is not averaged over the positions. Each channel has one weight, which is the same at every "
        "position: over which axes do you take the mean?": (
            lambda A, g: (-g * A).sum(1).relu(),
            lambda A, g: (-g * A).relu().sum(1),
        ),
        "The map still has negative values. They are evidence for P, which Grad-CAM already shows: which function "
        "removes them?": lambda A, g: _weighted_sum(A, -g),
    },
    fallback_hint=(
        "print the mean gradient of each channel for one image: the channels with a negative mean gradient should "
        "contribute to the map"
    ),
    success_message=(
        "Only the negated weights differ from Grad-CAM. Compare the sum of the map with that of Grad-CAM before you "
        "interpret it."
    ),
)
