"""What a layer returned, read as a map: channels first as it is, channels last moved, a transformer's tokens laid out."""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt

import torch
from torch import Tensor

Grid = tuple[int, int]
Layout = Callable[[Tensor], Tensor]


def layout(shape: torch.Size | tuple[int, ...], picture: tuple[int, int], grid: Grid | None = None) -> Layout:
    """How tensors of a layer's shape are read as maps (…, K, h, w), for a picture of (H, W). The rules, in this order:

    - (N, K, h, w): maps of K channels, as they are; (N, h, w, K) if only so the map has the proportions of the picture;
    - (N, T, K): T tokens, row by row. The map has the proportions of the picture and h·w = T; or h·w = T − 1, and the first, the
      class token, is left out. ``grid`` names (h, w) where that does not hold: then the last h·w tokens are the map.

    Raises:
        ValueError: no rule fits.

    Example:
        >>> lay = layout((1, 197, 768), (224, 224))
        >>> lay(torch.zeros(1, 197, 768)).shape
        torch.Size([1, 768, 14, 14])
    """
    if len(shape) == 4:
        last = not _proportioned(shape[2:], picture) and _proportioned(shape[1:3], picture)
        return lambda t: t.movedim(-1, -3) if last else t
    if len(shape) != 3:
        raise ValueError(f"a map needs positions, (N, K, h, w) or tokens (N, T, K), not {tuple(shape)}: take an earlier layer")
    h, w = grid or _grid(shape[1], picture)
    if h * w > shape[1]:
        raise ValueError(f"a grid of {h}×{w} needs {h * w} tokens, the layer returns {shape[1]}")
    return lambda t: t[..., shape[1] - h * w :, :].unflatten(-2, (h, w)).movedim(-1, -3)


def _proportioned(map: tuple[int, int], picture: tuple[int, int]) -> bool:
    """Whether h : w is H : W, as nearly as whole numbers of cells allow."""
    (h, w), (H, W) = map, picture
    return abs(h * W - w * H) <= H + W


def _grid(tokens: int, picture: tuple[int, int]) -> Grid:
    H, W = picture
    for laid in (tokens, tokens - 1):
        h = isqrt(laid * H // W)
        if h and h * h * W == laid * H and laid % h == 0:
            return h, laid // h
    raise ValueError(f"{tokens} tokens are no map of the proportions {H}:{W}, with or without a class token: name grid=(h, w)")
