"""Tensor operations that several method packages share."""

from torch import Tensor


def complement_probabilities(logits: Tensor) -> Tensor:
    """Return the probability of all other classes, 1 − p_c = Σ_{e≠c} p_e, for each class c.

    It is accurate also where p_c rounds to 1.

    Args:
        logits: logits (N, C), floats.

    Returns:
        Probabilities (N, C) in [0, 1].

    Example:
        >>> import torch
        >>> 1 - torch.tensor([[20., 0.]]).softmax(1)[0, 0], complement_probabilities(torch.tensor([[20., 0.]]))[0, 0]
        (tensor(0.), tensor(2.0612e-09))
    """
    p = logits.softmax(1)
    top = logits.argmax(1, keepdim=True)
    return (1 - p).scatter(1, top, p.scatter(1, top, 0).sum(1, keepdim=True))
