"""The success of adversarial attacks, and the labels against which it is counted."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tutorial_lib._validation import check_shapes, convert_arguments
from tutorial_lib.gradients import fix_predicted_class, logit, model_outputs


def resolve_labels(model: nn.Module, x: Tensor, y: Tensor | int | None, batch_size: int = 64) -> Tensor:
    """Return the labels (N,) that an argument ``y`` stands for, on the device of x.

    Args:
        model: classifier, images (N, …) to logits (N, C); it is left as it was.
        x: images (N, …).
        y: integer labels (N,), one class for all images, or None for the classes predicted at x.
        batch_size: images per pass; it bounds the memory and does not change the result.

    Returns:
        Labels (N,), int64. It is not checked that they are classes of the model.

    Raises:
        ValueError: the labels are not whole numbers of shape (N,).

    Example:
        >>> resolve_labels(nn.Flatten(), torch.tensor([[2., 1.], [1., 2.]]), None)
        tensor([0, 1])
    """
    (label,) = fix_predicted_class(model, x, logit(y), batch_size=batch_size).bound
    return torch.as_tensor(label, device=x.device).expand(len(x))


def check_labels_in_range(logits: Tensor, y: Tensor) -> Tensor:
    """Return the logits unchanged, after checking that every label is one of their classes.

    Args:
        logits: logits (N, C).
        y: integer labels (N,).

    Returns:
        ``logits``.

    Raises:
        ValueError: a label lies outside 0…C − 1, or there are fewer than two classes.

    Example:
        >>> check_labels_in_range(torch.zeros(1, 2), torch.tensor([1]))
        tensor([[0., 0.]])
    """
    check_shapes(logits=(logits, "logits N C"))
    logit(y).resolve(logits)
    return logits


@convert_arguments
def attack_success(
    model: nn.Module,
    x: Tensor,
    adversarial: Tensor,
    y: Tensor | int | None = None,
    *,
    batch_size: int = 64,
) -> tuple[Tensor, Tensor]:
    """Return which images count in the success rate of an attack, and which attacks succeeded.

    An image counts if it was classified correctly before the attack, f(x) = y, because an image that was misclassified
    already is not a success of the attack. The attack on an image that counts succeeds if f(x′) ≠ y. The success
    rate is ``succeeded[counted].float().mean()``.

    Args:
        model: classifier, images (N, …) to logits (N, C); it is left as it was.
        x: original images (N, …).
        adversarial: attacked images x′, of the same shape as x.
        y: integer labels (N,), one class for all images, or None for the classes predicted at x; with None every image
            counts.
        batch_size: images per pass; it bounds the memory and does not change the result.

    Returns:
        Two masks (N,) of bools: the images that count, and those among them whose attack succeeded.

    Raises:
        ValueError: ``adversarial`` and ``x`` differ in shape, or the labels do not fit.

    Example:
        >>> model, x = nn.Flatten(), torch.tensor([[2., 1.], [1., 2.], [3., 1.]])
        >>> counted, succeeded = attack_success(model, x, x.flip(1), torch.tensor([0, 0, 0]))
        >>> counted, succeeded[counted].float().mean()
        (tensor([ True, False,  True]), tensor(1.))
    """
    if adversarial.shape != x.shape:
        raise ValueError(f"adversarial must have the shape of x, {tuple(x.shape)}, not {tuple(adversarial.shape)}")
    y = resolve_labels(model, x, y, batch_size)
    counted = check_labels_in_range(model_outputs(model, x, batch_size=batch_size), y).argmax(1) == y
    return counted, counted & (model_outputs(model, adversarial, batch_size=batch_size).argmax(1) != y)
