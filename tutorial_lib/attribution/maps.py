"""Operations on explanation maps: resize, reduce over channels, normalize for display, compare in magnitude, check."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from tutorial_lib._batching import broadcast_per_sample
from tutorial_lib._validation import check_counts, check_shapes, convert_arguments, promote_to_float32

# The floor of normalize_maps: rounding errors of terms of order one stay below it, in units of the precision.
ROUNDING_ULPS = 8


@convert_arguments
def upsample(maps: Tensor, size: int | Sequence[int]) -> Tensor:
    """Return maps resized bilinearly to the size of the image.

    Corners are not aligned, so that each value stays at the center of the region it belongs to. Nothing is rescaled.

    Args:
        maps: maps (N, h, w) or (N, C, h, w), floats.
        size: (H, W), or an int for both.

    Returns:
        Maps (N, H, W) or (N, C, H, W), in the unit of the input, signed as it is.

    Raises:
        ValueError: maps with another number of axes.

    Example:
        >>> upsample(torch.tensor([[[0., 1.]]]), (1, 4))
        tensor([[[0.0000, 0.2500, 0.7500, 1.0000]]])
    """
    if maps.dim() not in (3, 4) or not maps.is_floating_point() or 0 in maps.shape[1:]:
        raise ValueError(f"maps must be floats (N, h, w) or (N, C, h, w), not {maps.dtype} {tuple(maps.shape)}")
    stacked = maps[:, None] if maps.dim() == 3 else maps
    height, width = (size, size) if isinstance(size, int) else size
    check_counts(height=height, width=width)
    resized = F.interpolate(stacked, (height, width), mode="bilinear", align_corners=False)
    return resized[:, 0] if maps.dim() == 3 else resized


@convert_arguments
def reduce_channels(maps: Tensor) -> Tensor:
    """Return the largest absolute value over the color channels: the classical saliency map.

    Args:
        maps: maps (N, h, w), or attributions of images (N, C, H, W), floats.

    Returns:
        Maps (N, h, w) or (N, H, W), ≥ 0; the sign is lost.

    Raises:
        ValueError: maps with another number of axes.

    References:
        Simonyan, Vedaldi, Zisserman, 2013, arXiv:1312.6034.

    Example:
        >>> reduce_channels(torch.tensor([-3., 2.]).view(1, 2, 1, 1))
        tensor([[[3.]]])
    """
    if maps.dim() not in (3, 4) or not maps.is_floating_point() or 0 in maps.shape[1:]:
        raise ValueError(f"maps must be floats (N, h, w) or (N, C, H, W), not {maps.dtype} {tuple(maps.shape)}")
    return maps.abs() if maps.dim() == 3 else maps.abs().amax(1)


@convert_arguments
def normalize_maps(maps: Tensor, *, scale: Tensor | None = None) -> Tensor:
    """Return maps for display, each divided by its largest absolute value.

    m / max(max|m|, floor), where the floor is 8 times the precision of the dtype, 1e-6 in single precision: the size of
    rounding errors where terms of order one cancel. Zero stays zero, because nothing is shifted. A map that is zero up
    to rounding is not stretched to full contrast: below the floor it stays as faint as it is. The values of a map alone
    cannot tell rounding errors from weak evidence, but the maps from which it was computed can. Contrast and
    counterfactual maps are therefore best displayed on a common ``scale``.

    Args:
        maps: maps (N, …), floats.
        scale: other maps (N, …), whose largest absolute values are the full scale instead of those of the maps.

    Returns:
        Maps like the input, in [−1, 1], or in [0, 1] where m ≥ 0. With a ``scale`` they can lie beyond: the map is then
        stronger than the maps it is compared with.

    Raises:
        ValueError: maps that are not finite, or a scale with another number of maps.

    Example:
        >>> normalize_maps(torch.tensor([[[0., -2.]], [[0., 1e-9]]])).abs() > 0.5
        tensor([[[False,  True]],
        <BLANKLINE>
                [[False, False]]])
    """
    if not _flatten_maps(maps).isfinite().all():
        raise ValueError("the maps are not finite, so they cannot be normalized")
    divisor = max_magnitude(maps)
    if scale is not None:
        if scale.dim() == 0 or len(scale) != len(maps):
            raise ValueError(f"scale must hold one map for each of the {len(maps)} maps, got {tuple(scale.shape)}")
        divisor = max_magnitude(scale).to(maps)
    divisor = divisor.clamp(min=ROUNDING_ULPS * torch.finfo(maps.dtype).eps)
    return maps / broadcast_per_sample(divisor, maps)


def max_magnitude(maps: Tensor) -> Tensor:
    """Return the largest absolute value of each map.

    Args:
        maps: maps (N, …), floats.

    Returns:
        Values (N,), ≥ 0.

    Raises:
        ValueError: maps that are not floats, or that have no values.

    Example:
        >>> max_magnitude(torch.tensor([[[0., -2.]]]))
        tensor([2.])
    """
    return _flatten_maps(maps).abs().amax(1)


@convert_arguments
def l1_ratio(maps: Tensor, to: Tensor) -> Tensor:
    """Return the ℓ1 norm of each map relative to that of another map.

    ‖m‖₁ / ‖m′‖₁. Report it next to a map that was normalized for display, which hides its strength.

    Args:
        maps: maps m (N, …), floats.
        to: reference maps m′ of the same shape.

    Returns:
        Ratios (N,), ≥ 0; 0 where m is zero everywhere.

    Raises:
        ValueError: maps of different shapes.

    Example:
        >>> l1_ratio(torch.tensor([[[0., 1.]]]), torch.tensor([[[-3., 1.]]]))
        tensor([0.2500])
    """
    if maps.shape != to.shape:
        raise ValueError(f"both maps must have the same shape, got {tuple(maps.shape)} and {tuple(to.shape)}")
    norm, reference_norm = (_flatten_maps(m).abs().sum(1, dtype=promote_to_float32(m)) for m in (maps, to))
    return torch.where(norm == 0, norm, norm / reference_norm).to(maps)


def check_maps(maps: Tensor, shape: Sequence[int], size_of: str) -> Tensor:
    """Return maps without a graph, after checking their shape, type and values.

    Args:
        maps: maps (N, H, W), floats.
        shape: the expected shape (N, H, W).
        size_of: what has this shape, in the plural ("images"), for the error message.

    Returns:
        The maps, detached.

    Raises:
        ValueError: maps of another shape, not floats, empty or not finite.

    Example:
        >>> check_maps(torch.zeros(2, 4, 4), (2, 4, 4), "images").shape
        torch.Size([2, 4, 4])
    """
    if maps.dim() != 3 or maps.shape != tuple(shape):
        raise ValueError(
            f"maps must have one channel and the size of the {size_of}, {tuple(shape)}, not {tuple(maps.shape)}: "
            "upsample(maps, (H, W)) resizes the maps of a layer, reduce_channels(maps) removes the channels"
        )
    check_shapes(maps=(maps, "floats N H W"))
    if not maps.isfinite().all():
        raise ValueError("the maps are not finite")
    return maps.detach()


def _flatten_maps(maps: Tensor) -> Tensor:
    """Maps (N, …), checked, as one row each."""
    if maps.dim() == 0 or not maps.is_floating_point() or 0 in maps.shape[1:]:
        raise ValueError(f"maps must be floats (N, …), not {maps.dtype} {tuple(maps.shape)}")
    return maps[:, None].flatten(1)
