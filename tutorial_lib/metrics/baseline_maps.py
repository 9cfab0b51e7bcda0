"""Maps that know nothing of the picture: what a map must beat before it is praised. Each is shaped like the map beside it."""

from __future__ import annotations

import torch
from torch import Tensor


def random_map(like: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    """Independent uniform numbers from 0 to 1: (…, H, W) like the map given, on its device, in its dtype.

    Args:
        like: any map, (…, H, W); only its shape, device and dtype matter.
        generator: source of the numbers; without one, a fresh one seeded with 0, so that a map is the same on every device.

    Raises:
        ValueError: no map.

    Example:
        >>> random_map(torch.zeros(2, 8, 8)).shape
        torch.Size([2, 8, 8])
    """
    map_size(like)
    generator = generator if generator is not None else torch.Generator().manual_seed(0)
    # Drawn in float32 and rounded, so that a half-precision map has the same numbers, nearly.
    return torch.rand(like.shape, generator=generator, device=generator.device).to(like)


def center_bias_map(like: Tensor, *, spread: float = 0.25) -> Tensor:
    """A Gaussian in the middle, exp(−½ ((y/σH)² + (x/σW)²)), of height 1: (…, H, W). Photographers and sign worlds centre things.

    Args:
        like: any map, (…, H, W).
        spread: σ, the standard deviation as a share of each side.

    Raises:
        ValueError: no map, or no spread.

    Source: Tatler, Journal of Vision 7(14):4, 2007, doi 10.1167/7.14.4.

    Example:
        >>> center_bias_map(torch.zeros(1, 3, 3))[0, 1]
        tensor([0.4111, 1.0000, 0.4111])
    """
    if spread <= 0:
        raise ValueError(f"a spread above zero, not {spread}")
    bells = [
        torch.exp(-(((torch.arange(n, dtype=torch.float64) + 0.5) / n - 0.5) / spread).square() / 2)
        for n in map_size(like)
    ]
    return (bells[0][:, None] * bells[1]).to(like).expand(like.shape).clone()


def uniform_map(like: Tensor) -> Tensor:
    """One everywhere: (…, H, W). It points nowhere; its mass in a mask is the mask's share of the picture.

    Raises:
        ValueError: no map.

    Example:
        >>> uniform_map(torch.zeros(1, 2, 2))
        tensor([[[1., 1.],
                 [1., 1.]]])
    """
    map_size(like)
    return torch.ones_like(like)


def map_size(like: Tensor) -> tuple[int, int]:
    """Height and width of a map, checked."""
    if like.dim() < 2 or not like.numel() or not like.is_floating_point():
        raise ValueError(f"a map of floats, (…, H, W), not {like.dtype} {tuple(like.shape)}")
    return like.shape[-2], like.shape[-1]
