"""Texture images without any object, which serve as out-of-distribution images and need no download."""

import math

import torch
from torch import Tensor

from tutorial_lib._validation import check_choice, check_counts, convert_arguments
from tutorial_lib.data.scenes import one_over_f_noise
from tutorial_lib.runtime import default_generator, random_uniform

TEXTURES = ("clouds", "stripes", "cells")


@convert_arguments
def textures(
    texture: str,
    n: int,
    *,
    size: int = 48,
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
) -> Tensor:
    """Return texture images in random colors.

    Args:
        texture: "clouds" (1/f noise), "stripes" (waves of one direction) or "cells" (a mosaic).
        n: number of images.
        size: height and width in pixels.
        generator: source of randomness, on the CPU; None is a new one with seed 0.
        device: device of the images; None is the CPU.

    Returns:
        Images (n, 3, size, size), floats in [0, 1].

    Raises:
        ValueError: an unknown texture (the message gives the nearest ones), or fewer than one image or pixel.

    Example:
        >>> textures("stripes", 2).shape
        torch.Size([2, 3, 48, 48])
    """
    check_choice(texture, TEXTURES, "texture")
    check_counts(n=n, size=size)
    generator = default_generator(generator)
    low, high = random_uniform(generator, 2, n, 3, 1, 1)
    if texture == "clouds":
        maps = torch.cat([one_over_f_noise(n, 1.2, size, size, generator) for _ in range(3)], 1)
        weight = torch.sigmoid(1.5 * maps)
    else:
        positions = (torch.arange(size, dtype=torch.float32, device="cpu") + 0.5) / size - 0.5
        y, x = torch.meshgrid(positions, positions, indexing="ij")
        if texture == "stripes":
            angle, waves, phase = random_uniform(generator, 3, n, 1, 1)
            along = torch.cos(math.pi * angle) * x + torch.sin(math.pi * angle) * y
            weight = 0.5 + 0.5 * torch.sin(2 * math.pi * ((2 + 8 * waves) * along + phase))[:, None]
        else:
            points = random_uniform(generator, n, 24, 2) - 0.5
            nearest = torch.cdist(torch.stack([y, x], -1).reshape(1, -1, 2).expand(n, -1, -1), points).argmin(2)
            weight = random_uniform(generator, n, 24).gather(1, nearest).reshape(n, 1, size, size)
    return torch.lerp(low, high, weight).clamp(0, 1).to(device or "cpu")
