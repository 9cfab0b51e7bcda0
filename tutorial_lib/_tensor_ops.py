"""Tensor operations that several method packages share."""

from torch import Tensor
from torch.nn.functional import conv2d


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


def separable_convolution(x: Tensor, window: Tensor) -> Tensor:
    """Return each channel of the images, convolved with w wᵀ at the positions where it lies inside the image.

    Args:
        x: images (N, C, H, W), floats.
        window: w (k,), symmetric, in the dtype and on the device of x.

    Returns:
        Images (N, C, H − k + 1, W − k + 1).

    Example:
        >>> import torch
        >>> separable_convolution(torch.ones(1, 3, 4, 5), torch.tensor([0.25, 0.5, 0.25])).shape
        torch.Size([1, 3, 2, 3])
    """
    rows = conv2d(x.flatten(0, 1)[:, None], window.view(1, 1, -1, 1))
    return conv2d(rows, window.view(1, 1, 1, -1))[:, 0].unflatten(0, x.shape[:2])
