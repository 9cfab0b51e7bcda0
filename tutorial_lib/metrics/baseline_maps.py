"""Baseline maps that ignore the image and the network: random, center prior and uniform."""

from __future__ import annotations

import torch
from torch import Tensor

from tutorial_lib._validation import convert_arguments
from tutorial_lib.runtime import default_generator, random_uniform


@convert_arguments
def random_map(like: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    """Return a map of independent random numbers, uniform between 0 and 1.

    Args:
        like: any map (…, H, W), floats; only its shape, device and dtype are used.
        generator: source of the numbers; None is a new one with seed 0, so that the map is the same on every device.

    Returns:
        Map like the given one, in [0, 1].

    Raises:
        ValueError: ``like`` is not a map of floats.

    Example:
        >>> random_map(torch.zeros(2, 8, 8)).shape
        torch.Size([2, 8, 8])
    """
    map_size(like)
    generator = default_generator(generator)
    # Sampled in float32 and rounded, so that a half-precision map has nearly the same numbers.
    return random_uniform(generator, *like.shape).to(like)


@convert_arguments
def center_bias_map(like: Tensor, *, spread: float = 0.25) -> Tensor:
    """Return a Gaussian at the center of the map, the center prior.

    exp(−½ ((y/σH)² + (x/σW)²)) with y and x from the center of an H × W map. Photographers and synthetic datasets tend
    to place objects in the center, so a saliency map has to outperform this one.

    Args:
        like: any map (…, H, W), floats; only its shape, device and dtype are used.
        spread: σ > 0, the standard deviation as a share of each side.

    Returns:
        Map like the given one, in [0, 1], highest in the center.

    Raises:
        ValueError: ``like`` is not a map of floats, or the spread is not positive.

    References:
        Tatler, Journal of Vision 7(14):4, 2007, doi:10.1167/7.14.4.

    Example:
        >>> center_bias_map(torch.zeros(1, 3, 3))[0, 1]
        tensor([0.4111, 1.0000, 0.4111])
    """
    if spread <= 0:
        raise ValueError(f"spread must be positive, not {spread}")
    rows, columns = (
        torch.exp(-(((torch.arange(n, dtype=torch.float64, device="cpu") + 0.5) / n - 0.5) / spread).square() / 2)
        for n in map_size(like)
    )
    return (rows[:, None] * columns).to(like).expand(like.shape).clone()


@convert_arguments
def uniform_map(like: Tensor) -> Tensor:
    """Return a map of ones.

    It prefers no position; the share of its total value inside a mask is the mask's share of the area.

    Args:
        like: any map (…, H, W), floats; only its shape, device and dtype are used.

    Returns:
        Map like the given one, 1 everywhere.

    Raises:
        ValueError: ``like`` is not a map of floats.

    Example:
        >>> uniform_map(torch.zeros(1, 2, 2))
        tensor([[[1., 1.],
                 [1., 1.]]])
    """
    map_size(like)
    return torch.ones_like(like)


def map_size(like: Tensor) -> tuple[int, int]:
    """Return the height and the width of a map, after checking it.

    Args:
        like: a map (…, H, W).

    Returns:
        H and W.

    Raises:
        ValueError: ``like`` is not a map of floats with at least one element.
    """
    if like.dim() < 2 or not like.numel() or not like.is_floating_point():
        raise ValueError(f"expected a map of floats (…, H, W), not {like.dtype} {tuple(like.shape)}")
    return like.shape[-2], like.shape[-1]
