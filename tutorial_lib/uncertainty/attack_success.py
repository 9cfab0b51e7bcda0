"""Was the network fooled? Counted fairly: a picture that was wrong before is no success."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tutorial_lib.gradients import logit, model_outputs


def resolve_labels(model: nn.Module, x: Tensor, y: Tensor | int | None, batch_size: int = 64) -> Tensor:
    """Labels (N,) on x's device: those given, one class for all, or None, what the network predicts at x.

    Raises:
        ValueError: labels that are no whole numbers, one a picture.
    """
    if y is None:
        return model_outputs(model, x, batch_size=batch_size).argmax(1)
    if isinstance(y, int):
        return torch.full((len(x),), y, device=x.device)
    if y.is_floating_point() or y.dtype == torch.bool or y.shape != x.shape[:1]:
        found = f"{y.dtype} of shape {tuple(y.shape)}"
        raise ValueError(f"y must be integer labels of shape ({len(x)},), a class or None, not {found}")
    y = y.detach().to(x.device, torch.int64)
    return y.clone() if y.is_inference() else y


def check_labels_in_range(logits: Tensor, y: Tensor) -> Tensor:
    """The logits again, if every label is one of their classes."""
    logit(y).resolve(logits)
    return logits


def is_adversarial(logits: Tensor, y: Tensor, targeted: bool = False) -> Tensor:
    """Whether the answer is another than y, or with ``targeted`` y itself: logits (n, C), y (n,) -> (n,) bool."""
    return (logits.argmax(1) == y) if targeted else (logits.argmax(1) != y)


def attack_success(
    model: nn.Module,
    x: Tensor,
    adversarial: Tensor,
    y: Tensor | int | None = None,
    *,
    targeted: bool = False,
    batch_size: int = 64,
) -> tuple[Tensor, Tensor]:
    """Which attacks count, and which of them succeeded: two masks (N,). The success rate is the mean of the second over the first.

    A picture counts if the network was right before, f(x) = y (``targeted``: not yet at y); it is fooled if it counts and
    f(x′) ≠ y (``targeted``: = y). ``y``: (N,) labels, a class, or None, the class predicted at x: then every picture counts.

    Raises:
        ValueError: pictures of another shape than their originals; labels that do not fit.

    Example:
        >>> model, x = nn.Flatten(), torch.tensor([[2., 1.], [1., 2.], [3., 1.]])
        >>> fair, lost = attack_success(model, x, x.flip(1), torch.tensor([0, 0, 0]))
        >>> fair, lost[fair].float().mean()
        (tensor([ True, False,  True]), tensor(1.))
    """
    if adversarial.shape != x.shape:
        raise ValueError(
            f"the attacked pictures must be of the shape of x, {tuple(x.shape)}, not {tuple(adversarial.shape)}"
        )
    y = resolve_labels(model, x, y, batch_size)
    counts = ~is_adversarial(check_labels_in_range(model_outputs(model, x, batch_size=batch_size), y), y, targeted)
    return counts, counts & is_adversarial(model_outputs(model, adversarial, batch_size=batch_size), y, targeted)
