"""Exercise 4: the local mismatch, the loss of each position's prediction against the prediction of the image."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tutorial_course.exercises import Exercise
from tutorial_course.exercises.exercise import CallRecord

LocalLoss = Callable[[Tensor, nn.Module, Tensor], Tensor]  # (activation, head, p) -> loss of each position


def reference_local_mismatch(activation: Tensor, head: nn.Module, p: Tensor) -> tuple[Tensor, Tensor]:
    """Return the local loss of every position and the map of its gradient.

    ℓ_ij = −Σ_c p_c log softmax(head(A_ij))_c, and the map is Σ_k |A_k ∂ℓ/∂A_k|.

    Args:
        activation: feature maps A (N, K, h, w) that require gradients.
        head: the last layer, (…, K) -> (…, C) logits.
        p: probabilities of the classes for the whole image (N, C); they are treated as constants.

    Returns:
        The losses and the map, both (N, h, w) and ≥ 0.
    """
    return _loss_and_map(_loss_to_image_prediction, activation, head, p.detach())


def _local_logits(activation: Tensor, head: nn.Module) -> Tensor:
    """The logits of every position, (N, h, w, C)."""
    return head(activation.movedim(1, -1))


def _loss_to_image_prediction(activation: Tensor, head: nn.Module, p: Tensor) -> Tensor:
    """The loss of every position against the prediction of the image."""
    return -(p[:, None, None] * _local_logits(activation, head).log_softmax(-1)).sum(-1)


def _loss_to_own_prediction(activation: Tensor, head: nn.Module, p: Tensor) -> Tensor:
    """The loss of every position against its own prediction."""
    return -_local_logits(activation, head).log_softmax(-1).amax(-1)


def _local_entropy(activation: Tensor, head: nn.Module, p: Tensor) -> Tensor:
    """The entropy of every position, with its prediction as a constant target."""
    log_q = _local_logits(activation, head).log_softmax(-1)
    return -(log_q.exp().detach() * log_q).sum(-1)


def _loss_after_pooling(activation: Tensor, head: nn.Module, p: Tensor) -> Tensor:
    """One loss per image, repeated at every position."""
    log_q = head(activation.mean((2, 3))).log_softmax(-1)
    return -(p * log_q).sum(-1)[:, None, None].expand(activation[:, 0].shape)


def _loss_after_pooling_once(activation: Tensor, head: nn.Module, p: Tensor) -> Tensor:
    """The same, divided by the number of positions."""
    return _loss_after_pooling(activation, head, p) / activation[0, 0].numel()


def _loss_over_all_labels(activation: Tensor, head: nn.Module, p: Tensor) -> Tensor:
    """The mean of the losses against all labels, which is the loss against the uniform label."""
    return -_local_logits(activation, head).log_softmax(-1).mean(-1)


def _loss_summed_over_positions(activation: Tensor, head: nn.Module, p: Tensor) -> Tensor:
    """The loss with a softmax over the positions instead of the classes."""
    z = _local_logits(activation, head)
    log_q = z.flatten(1, 2).log_softmax(1).view(z.shape)
    return -(p[:, None, None] * log_q).sum(-1)


def _loss_and_map(
    loss: LocalLoss, activation: Tensor, head: nn.Module, p: Tensor, reduce: Callable[[Tensor], Tensor] | None = None
) -> tuple[Tensor, Tensor]:
    """A loss, and the map of its gradient times the activation."""
    value = loss(activation, head, p)
    (g,) = torch.autograd.grad(value.sum(), activation)
    reduce = reduce or (lambda product: product.abs().sum(1))
    return value.detach(), reduce(g * activation.detach())


def _mistake(loss: LocalLoss) -> Callable[..., tuple[Tensor, Tensor]]:
    """The solution with another loss."""
    return lambda activation, head, p: _loss_and_map(loss, activation, head, p.detach())


def _mistake_target_not_detached(activation: Tensor, head: nn.Module, p: Tensor) -> tuple[Tensor, Tensor]:
    """The solution with a gradient through p."""
    return _loss_and_map(_loss_to_image_prediction, activation, head, p)


def _mistake_signed_sum(activation: Tensor, head: nn.Module, p: Tensor) -> tuple[Tensor, Tensor]:
    """The sum over the channels without absolute values."""
    return _loss_and_map(_loss_to_image_prediction, activation, head, p.detach(), lambda product: product.sum(1))


def _mistake_abs_after_sum(activation: Tensor, head: nn.Module, p: Tensor) -> tuple[Tensor, Tensor]:
    """The absolute value of the sum over the channels."""
    return _loss_and_map(_loss_to_image_prediction, activation, head, p.detach(), lambda product: product.sum(1).abs())


def _make_case(
    N: int, K: int, C: int, h: int, w: int, scale: float
) -> Callable[[torch.Generator], tuple[Tensor, nn.Module, Tensor]]:
    """A case: feature maps whose positions disagree, a linear head, and the prediction of the image, with its graph."""

    def make(generator: torch.Generator) -> tuple[Tensor, nn.Module, Tensor]:
        activation = torch.randn(N, K, h, w, generator=generator, dtype=torch.float64).requires_grad_()
        with torch.random.fork_rng(devices=[]):
            head = nn.Linear(K, C).double()
        head.weight.data = scale * torch.randn(C, K, generator=generator, dtype=torch.float64)
        head.bias.data = torch.randn(C, generator=generator, dtype=torch.float64)
        return activation, head.requires_grad_(False), head(activation.mean((2, 3))).softmax(1)

    return make


local_mismatch = Exercise(
    name="local_mismatch",
    reference=reference_local_mismatch,
    outputs=("the loss", "the map of its gradient"),
    cases=(
        _make_case(2, 5, 4, 3, 3, scale=1.0),
        _make_case(3, 4, 6, 2, 5, scale=0.7),
        _make_case(1, 7, 3, 4, 2, scale=1.5),
    ),
    known_mistakes={
        "Each position is compared with its own prediction. This measures uncertainty, not mismatch: what is the loss "
        "at a position that confidently predicts a class other than the class predicted for the whole image?": (
            _mistake(_loss_to_own_prediction),
            _mistake(_local_entropy),
        ),
        "The positions are averaged before the loss is computed. Therefore, the loss is the same at every position of "
        "your map: in which of your lines does every position still have its own prediction?": (
            _mistake(_loss_after_pooling),
            _mistake(_loss_after_pooling_once),
        ),
        "All labels have the same weight. Their average is the uniform label, and p is not used: does your map change "
        "if you change p?": _mistake(_loss_over_all_labels),
        "The target p is still part of the graph. Its gradient also reaches the activation, so you differentiate "
        "the target as well: which method makes p a constant?": _mistake_target_not_detached,
        "The softmax is taken over the positions. The probabilities of the classes should add up to one at every "
        "position: along which axis do yours add up to one?": _mistake(_loss_summed_over_positions),
        "The channels are added before the absolute value is taken. Positive and negative contributions cancel: where "
        "does `abs` belong?": (_mistake_signed_sum, _mistake_abs_after_sum),
    },
    side_effect_checks={
        "The returned maps are still attached to the autograd graph. It keeps every activation in memory: detach what "
        "you return": (CallRecord.has_graph)
    },
    fallback_hint="take one position, write down its few logits, compute their softmax, and compare it with p",
    success_message="The loss is large at the positions whose own prediction differs from that of the image.",
)
