"""What is done with a map once it is there: read its size, bring it to the size of the picture, and show it without flattery."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from tutorial_lib._validation import check_choice

# The largest number a map may have and still be nothing but rounding, in units of the precision it was computed in.
ROUNDING_ULPS = 8


def upsample(maps: Tensor, size: int | tuple[int, int] | torch.Size, mode: str = "bilinear") -> Tensor:
    """Maps at the size of the picture, (H, W) or a side: (N, h, w) -> (N, H, W), (N, C, h, w) -> (N, C, H, W).

    Bilinear, corners not aligned: what a cell of the map stands for stays where it is. Raw values; the sign stays. ``mode``:
    also "nearest".

    Raises:
        ValueError: an unknown mode, or maps of another number of axes.

    Example:
        >>> upsample(torch.tensor([[[0., 1.]]]), (1, 4))
        tensor([[[0.0000, 0.2500, 0.7500, 1.0000]]])
    """
    smooth = check_choice(mode, ["bilinear", "nearest"], "mode") == "bilinear"
    if maps.dim() not in (3, 4) or not maps.is_floating_point() or 0 in maps.shape[1:]:
        raise ValueError(f"maps are floats (N, h, w) or (N, C, h, w), not {maps.dtype} {tuple(maps.shape)}")
    size = (size, size) if isinstance(size, int) else tuple(size)
    stacked = maps[:, None] if maps.dim() == 3 else maps
    larger = F.interpolate(stacked, size, mode=mode, align_corners=False if smooth else None)
    return larger[:, 0] if maps.dim() == 3 else larger


def reduce_channels(maps: Tensor, over: str = "max") -> Tensor:
    """How strong, not which way: |m| of maps (N, h, w); of pictures' gradients (N, C, H, W) the largest channel, (N, H, W) ≥ 0.

    ``over``: what is taken over the channels: "max" (the classical saliency map), "sum", or "norm", the Euclidean one.

    Raises:
        ValueError: an unknown reading, or maps of another number of axes.

    Source: Simonyan, Vedaldi, Zisserman, 2013, arXiv 1312.6034.

    Example:
        >>> reduce_channels(torch.tensor([-3., 2.]).view(1, 2, 1, 1))
        tensor([[[3.]]])
    """
    check_choice(over, ["max", "sum", "norm"], "reading")
    if maps.dim() not in (3, 4) or not maps.is_floating_point() or 0 in maps.shape[1:]:
        raise ValueError(f"maps are floats (N, h, w) or (N, C, H, W), not {maps.dtype} {tuple(maps.shape)}")
    if maps.dim() == 3:
        return maps.abs()
    return {"max": lambda: maps.abs().amax(1), "sum": lambda: maps.abs().sum(1), "norm": lambda: maps.norm(dim=1)}[
        over
    ]()


def normalize_maps(maps: Tensor, *, scale: Tensor | float | None = None, floor: float | None = None) -> Tensor:
    """Maps for the eye: each divided by its own peak, m / max(max|m|, floor), in [−1, 1], or [0, 1] where m ≥ 0. (N, …).

    Zero stays zero: nothing is shifted. A map that is zero up to rounding is not stretched: below the ``floor`` it stays as
    faint as it is. The floor is 8 times the precision of its dtype (1e-6 in single precision), in the unit of the map: of the
    size of the rounding where terms of order one cancel. A map's own numbers cannot tell rounding from a faint answer; what
    it cancelled from can, so contrasts and counterfactuals are best shown on a common ``scale``: other maps of as many
    samples (their peaks are full scale) or a number. Beyond [−1, 1] is then possible, and says that the map is stronger than
    what it is held against.

    Raises:
        ValueError: maps that are not finite, a negative floor, a scale of other samples.

    Example:
        >>> normalize_maps(torch.tensor([[[0., -2.]], [[0., 1e-9]]])).abs() > 0.5
        tensor([[[False,  True]],
        <BLANKLINE>
                [[False, False]]])
    """
    if not _rows(maps).isfinite().all():
        raise ValueError("the maps are not finite, so they have no scale")
    if floor is None:
        floor = ROUNDING_ULPS * torch.finfo(maps.dtype).eps
    if floor < 0:
        raise ValueError(f"floor must be ≥ 0, not {floor}")
    full = max_magnitude(maps)
    if isinstance(scale, Tensor):
        if scale.dim() == 0 or len(scale) != len(maps):
            raise ValueError(f"the scale must hold one row for each of the {len(maps)} maps, not {len(scale)}")
        full = max_magnitude(scale).to(maps)
    elif scale is not None:
        full = torch.full_like(full, scale)
    full = full.clamp(min=max(floor, torch.finfo(maps.dtype).tiny))
    return maps / full.view(-1, *(1,) * (maps.dim() - 1))


def max_magnitude(maps: Tensor) -> Tensor:
    """The largest magnitude of each map: (N, …) -> (N,) ≥ 0.

    Example:
        >>> max_magnitude(torch.tensor([[[0., -2.]]]))
        tensor([2.])
    """
    return _rows(maps).abs().amax(1)


def _rows(maps: Tensor) -> Tensor:
    """Maps (N, …), each in a row, checked."""
    if maps.dim() == 0 or not maps.is_floating_point() or 0 in maps.shape[1:]:
        raise ValueError(f"maps are floats (N, …), not {maps.dtype} {tuple(maps.shape)}")
    return maps[:, None].flatten(1)


def l1_ratio(maps: Tensor, to: Tensor) -> Tensor:
    """How much of a map there is beside another: ‖m‖₁ / ‖m′‖₁ ≥ 0, (N,); 0 where m is empty. To be printed beside m.

    Raises:
        ValueError: maps of different shapes.

    Example:
        >>> l1_ratio(torch.tensor([[[0., 1.]]]), torch.tensor([[[-3., 1.]]]))
        tensor([0.2500])
    """
    if maps.shape != to.shape:
        raise ValueError(f"masses are compared at one size, not {tuple(maps.shape)} and {tuple(to.shape)}")
    mine, theirs = (_rows(m).abs().sum(1) for m in (maps, to))
    return torch.where(mine == 0, mine, mine / theirs)
