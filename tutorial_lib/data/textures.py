"""Pictures without a thing in them: what no classifier was meant for, and what needs no download."""

import math

import torch
from torch import Tensor

from tutorial_lib._validation import check_choice
from tutorial_lib.data.scenes import one_over_f_noise

TEXTURES = ("clouds", "stripes", "cells")


def textures(texture: str, n: int, *, size: int = 48, generator: torch.Generator | None = None, device=None) -> Tensor:
    """Draw textures in random colours: "clouds" (1/f noise), "stripes" (waves of one direction) or "cells" (a mosaic).

    Args:
        kind: one of ``TEXTURES``.
        n: how many.
        size: height and width in pixels.
        generator: source of randomness, on the CPU; without one, a fresh one seeded with 0.
        device: where the pictures are to be.

    Returns:
        images in [0, 1], (n, 3, size, size).

    Raises:
        ValueError: an unknown kind (the nearest are named), or nothing to draw.

    Example:
        >>> textures("stripes", 2).shape
        torch.Size([2, 3, 48, 48])
    """
    check_choice(texture, TEXTURES, "texture")
    if n < 1 or size < 1:
        raise ValueError(f"at least one texture of one pixel, not n={n}, size={size}")
    generator = generator if generator is not None else torch.Generator().manual_seed(0)
    low, high = torch.rand(2, n, 3, 1, 1, generator=generator)
    if texture == "clouds":
        maps = torch.cat(list(one_over_f_noise(n, (1.2, 1.2, 1.2), size, size, generator)), 1)
        share = torch.sigmoid(1.5 * maps)
    else:
        at = (torch.arange(size) + 0.5) / size - 0.5
        y, x = torch.meshgrid(at, at, indexing="ij")
        if texture == "stripes":
            angle, waves, phase = torch.rand(3, n, 1, 1, generator=generator)
            along = torch.cos(math.pi * angle) * x + torch.sin(math.pi * angle) * y
            share = 0.5 + 0.5 * torch.sin(2 * math.pi * ((2 + 8 * waves) * along + phase))[:, None]
        else:
            points = torch.rand(n, 24, 2, generator=generator) - 0.5
            nearest = torch.cdist(torch.stack([y, x], -1).reshape(1, -1, 2).expand(n, -1, -1), points).argmin(2)
            share = torch.rand(n, 24, generator=generator).gather(1, nearest).reshape(n, 1, size, size)
    return torch.lerp(low, high, share).clamp(0, 1).to(device or "cpu")
