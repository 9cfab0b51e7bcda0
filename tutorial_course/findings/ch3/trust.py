"""Which logit determines the GradTrust score of the demonstration."""

from __future__ import annotations

from torch import Tensor


def largest_deviation_classes(logits: Tensor) -> tuple[float, float]:
    """Return how often the class whose logit deviates most from 1/C is the predicted one, and how often it is negative.

    Args:
        logits: logits (N, C).

    Returns:
        The share of images in which it is the predicted class, and the share in which its logit is negative.

    Example:
        >>> import torch
        >>> largest_deviation_classes(torch.tensor([[3., 0.], [1., -5.]]))
        (0.5, 0.5)
    """
    largest = (logits - 1 / logits.shape[1]).abs().argmax(1)
    negative = logits.gather(1, largest[:, None])[:, 0] < 0
    return (largest == logits.argmax(1)).double().mean().item(), negative.double().mean().item()
