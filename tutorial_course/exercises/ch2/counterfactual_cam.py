"""Exercise 1: what would have to go?"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tutorial_course.exercises import Exercise


def reference_counterfactual_cam(activation: Tensor, gradient: Tensor) -> Tensor:
    """What if not P? ReLU(Σ_k −α_k A^k), α_k = 1/Z Σ_ij ∂z_P/∂A^k_ij: where what is seen speaks against P, and how much.

    Shapes: activation, gradient (N, K, h, w) -> (N, h, w) ≥ 0, in logits a position.
    """
    return mistake_signed(activation, -gradient).relu()


def mistake_signed(activation: Tensor, gradient: Tensor) -> Tensor:
    """Σ_k α_k A^k, before any ReLU: of the gradient it is Grad-CAM, of its negative the counterfactual."""
    return (gradient.mean((2, 3), keepdim=True) * activation).sum(1)


def min_max_normalize(
    painted: Callable[[Tensor], Tensor], over: tuple[int, ...], above: float
) -> Callable[[Tensor, Tensor], Tensor]:
    """The map at full scale, each picture by itself or all together, with a little added below the line or not."""

    def wrong(activation: Tensor, gradient: Tensor) -> Tensor:
        m = painted(mistake_signed(activation, -gradient))
        return m / (m.amax(over, keepdim=True) + above)

    return wrong


def mistake_clamp(over: tuple[int, ...]) -> tuple[Callable[[Tensor], Tensor], ...]:
    """What becomes of a map before it is divided by its peak: cut at zero, or its lowest value moved there, or both."""
    return torch.relu, lambda m: m - m.amin(over, keepdim=True), lambda m: m.relu() - m.relu().amin(over, keepdim=True)


STRETCHED = [
    min_max_normalize(painted, over, above)
    for over in ((1, 2), (0, 1, 2))
    for painted in mistake_clamp(over)
    for above in (0.0, 1e-12, 1e-8, 1e-6)
]


def make_case(N: int, K: int, h: int, w: int) -> Callable[[torch.Generator], tuple[Tensor, Tensor]]:
    """A case: what a layer with a ReLU saw, and the gradient of a logit there, with channels for P and channels against it."""

    def make(generator: torch.Generator) -> tuple[Tensor, Tensor]:
        activation, gradient = (torch.randn(N, K, h, w, generator=generator, dtype=torch.float64) for _ in range(2))
        lean = torch.tensor([0.5, -0.5], dtype=torch.float64).repeat(K)[:K]
        return activation.relu(), gradient + lean.view(K, 1, 1)

    return make


def make_all_positive_case(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A case: a single sign. The one channel that speaks against P is all but dark, and alone only where P is not seen."""
    activation, gradient = make_case(1, 3, 4, 4)(generator)
    activation[:, :, :, :2] = 0
    activation[:, 1] = 0.02 * torch.rand(1, 4, 4, generator=generator, dtype=activation.dtype)
    return activation, gradient


def compare_with_grad_cam(m: Tensor) -> float:
    """How much of a map there is beside Grad-CAM's, in the first case."""
    return (
        m.abs().sum() / mistake_signed(*make_all_positive_case(torch.Generator().manual_seed(0))).relu().sum()
    ).item()


counterfactual_cam = Exercise(
    name="counterfactual_cam",
    reference=reference_counterfactual_cam,
    cases=(make_all_positive_case, make_case(1, 4, 3, 5), make_case(3, 5, 4, 2), make_case(2, 2, 5, 5)),
    measure=compare_with_grad_cam,
    known_mistakes={
        "The map is negated after the ReLU, and nothing is left. The ReLU has thrown away the very part you are asking for: "
        "which of the two has to come first?": (
            lambda A, g: -mistake_signed(A, g).relu(),
            lambda A, g: (-mistake_signed(A, g).relu()).relu(),
        ),
        "That is Grad-CAM again. Either no sign was turned, or two of them: what happens to a product when both factors change "
        "sign?": lambda A, g: mistake_signed(A, g).relu(),
        "An absolute value puts what speaks for P and what speaks against it into one light. Only one of the two would have to "
        "go: which sign has it?": (
            lambda A, g: mistake_signed(A, g).abs(),
            lambda A, g: (g.mean((2, 3), keepdim=True).abs() * A).sum(1).relu(),
            lambda A, g: mistake_signed(A, g.abs()).relu(),
        ),
        "The map is stretched to full scale. In the first case there is hardly anything to see, {right:.1%} of Grad-CAM's mass; "
        "as you show it, it has {yours:.0%}. Who would guess?": STRETCHED,
        "The gradient is not averaged over the positions. A channel has one weight, the same in every cell: which axes does its "
        "mean run over?": (
            lambda A, g: (-g * A).sum(1).relu(),
            lambda A, g: (-g * A).relu().sum(1),
        ),
        "The map still has both signs. What is below zero speaks for P, and Grad-CAM shows it already: which part answers what "
        "would have to go?": lambda A, g: mistake_signed(A, -g),
    },
    fallback_hint="print the mean gradient of each channel for one picture: the channels below zero are those that should shine",
    success_message="One sign turned, in the right place. Print its mass beside Grad-CAM's before you believe what it shows.",
)
