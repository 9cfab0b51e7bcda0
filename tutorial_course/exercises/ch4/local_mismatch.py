"""Exercise 4: each position's own answer, held against what is said of the whole picture."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tutorial_course.exercises import Exercise
from tutorial_course.exercises.exercise import CallRecord

TargetFn = Callable[[Tensor, nn.Module, Tensor], Tensor]  # the activation, the head, p -> the loss of each position


def reference_local_mismatch(activation: Tensor, head: nn.Module, p: Tensor) -> tuple[Tensor, Tensor]:
    """ℓ_ij = −Σ_c p_c log softmax(head(A_ij))_c, and Σ_k |A_k ∂ℓ/∂A_k|: both (N, h, w).

    activation (N, K, h, w) takes gradients; head: (…, K) -> (…, C) logits; p (N, C), said of the whole picture and not to be moved.
    """
    return reduce_gradient(loss_to_image_prediction, activation, head, p.detach())


def local_logits(activation: Tensor, head: nn.Module) -> Tensor:
    """The logits of every position, (N, h, w, C)."""
    return head(activation.movedim(1, -1))


def loss_to_image_prediction(activation: Tensor, head: nn.Module, p: Tensor) -> Tensor:
    return -(p[:, None, None] * local_logits(activation, head).log_softmax(-1)).sum(-1)


def loss_to_own_prediction(activation: Tensor, head: nn.Module, p: Tensor) -> Tensor:
    """Each position's own answer is what is expected of it."""
    return -local_logits(activation, head).log_softmax(-1).amax(-1)


def local_entropy(activation: Tensor, head: nn.Module, p: Tensor) -> Tensor:
    log_q = local_logits(activation, head).log_softmax(-1)
    return -(log_q.exp().detach() * log_q).sum(-1)


def loss_after_pooling(activation: Tensor, head: nn.Module, p: Tensor) -> Tensor:
    """One loss for the picture, handed back to every position."""
    log_q = head(activation.mean((2, 3))).log_softmax(-1)
    return -(p * log_q).sum(-1)[:, None, None].expand(activation[:, 0].shape)


def loss_after_pooling_once(activation: Tensor, head: nn.Module, p: Tensor) -> Tensor:
    """The same, its loss counted once a picture and not once a position."""
    return loss_after_pooling(activation, head, p) / activation[0, 0].numel()


def loss_over_all_labels(activation: Tensor, head: nn.Module, p: Tensor) -> Tensor:
    """The losses against all labels, averaged with their signs: one uniform label."""
    return -local_logits(activation, head).log_softmax(-1).mean(-1)


def loss_summed_over_positions(activation: Tensor, head: nn.Module, p: Tensor) -> Tensor:
    """A softmax in which the positions compete, class by class."""
    z = local_logits(activation, head)
    log_q = z.flatten(1, 2).log_softmax(1).view(z.shape)
    return -(p[:, None, None] * log_q).sum(-1)


def reduce_gradient(
    loss: TargetFn, activation: Tensor, head: nn.Module, p: Tensor, reduce: Callable[[Tensor], Tensor] | None = None
) -> tuple[Tensor, Tensor]:
    """A loss and its gradient, read as a map."""
    value = loss(activation, head, p)
    (g,) = torch.autograd.grad(value.sum(), activation)
    reduce = reduce or (lambda product: product.abs().sum(1))
    return value.detach(), reduce(g * activation.detach())


def mistake(loss: TargetFn) -> Callable[..., tuple[Tensor, Tensor]]:
    return lambda activation, head, p: reduce_gradient(loss, activation, head, p.detach())


def mistake_target_not_detached(activation: Tensor, head: nn.Module, p: Tensor) -> tuple[Tensor, Tensor]:
    """The expectation moves with what is held against it."""
    return reduce_gradient(loss_to_image_prediction, activation, head, p)


def mistake_signed_mean(activation: Tensor, head: nn.Module, p: Tensor) -> tuple[Tensor, Tensor]:
    """The channels added with their signs, and the size taken too late or never."""
    return reduce_gradient(loss_to_image_prediction, activation, head, p.detach(), lambda product: product.sum(1))


def mistake_abs_after_mean(activation: Tensor, head: nn.Module, p: Tensor) -> tuple[Tensor, Tensor]:
    return reduce_gradient(loss_to_image_prediction, activation, head, p.detach(), lambda product: product.sum(1).abs())


def make_case(
    N: int, K: int, C: int, h: int, w: int, sharp: float
) -> Callable[[torch.Generator], tuple[Tensor, nn.Module, Tensor]]:
    """A case: maps whose places disagree, a linear head, and what the average of the maps is called, still on its graph."""

    def make(generator: torch.Generator) -> tuple[Tensor, nn.Module, Tensor]:
        activation = torch.randn(N, K, h, w, generator=generator, dtype=torch.float64).requires_grad_()
        with torch.random.fork_rng(devices=[]):
            head = nn.Linear(K, C).double()
        head.weight.data = sharp * torch.randn(C, K, generator=generator, dtype=torch.float64)
        head.bias.data = torch.randn(C, generator=generator, dtype=torch.float64)
        return activation, head.requires_grad_(False), head(activation.mean((2, 3))).softmax(1)

    return make


local_mismatch = Exercise(
    name="local_mismatch",
    reference=reference_local_mismatch,
    outputs=("the loss", "the map of its gradient"),
    cases=(
        make_case(2, 5, 4, 3, 3, sharp=1.0),
        make_case(3, 4, 6, 2, 5, sharp=0.7),
        make_case(1, 7, 3, 4, 2, sharp=1.5),
    ),
    known_mistakes={
        "Each position is judged against its own answer. That measures doubt, not mismatch: what does a position get that is "
        "quite sure of something else than the picture?": (mistake(loss_to_own_prediction), mistake(local_entropy)),
        "The positions were averaged before the loss. Then there is one loss for the picture, and every position of your map "
        "shares it: where in your lines do the positions still have answers of their own?": (
            mistake(loss_after_pooling),
            mistake(loss_after_pooling_once),
        ),
        "All labels were averaged with their signs. What is left is one uniform label, and p is not asked at all: change p, and "
        "does your map change?": mistake(loss_over_all_labels),
        "The expectation is still in the graph. Its own gradient runs back into the activation and moves what you hold against: "
        "detach p": mistake_target_not_detached,
        "The softmax runs over positions. So they compete for a class, where the classes should compete for a position: along "
        "which axis do your probabilities add up to one?": mistake(loss_summed_over_positions),
        "The channels were added before their size was taken. What asks for more and what asks for less cancel: where does "
        "`abs` stand?": (mistake_signed_mean, mistake_abs_after_mean),
    },
    side_effect_checks={
        "A graph comes back with the maps. Whoever keeps them keeps every activation too: detach what you return": CallRecord.has_graph
    },
    fallback_hint="take one position and write its four or so logits down; softmax them, and hold them against p",
    success_message="Each place was asked alone. The odd one is where the answers part.",
)
