"""Localization metrics: the agreement of a map with a mask of the region that holds the evidence."""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from tutorial_lib._validation import check_nonnegative, check_shapes, convert_arguments, promote_to_float32
from tutorial_lib.attribution.maps import check_maps


@convert_arguments
def pointing_game(maps: Tensor, masks: Tensor, *, tolerance: int = 0) -> Tensor:
    """Return whether the maximum of each map lies inside its mask (the pointing game).

    If several pixels share the maximum, the score is the fraction of them inside the mask: the expected score of
    choosing one of them at random. A constant map therefore scores the fraction of the image that the mask covers.
    Compare the mean with that of :func:`~tutorial_lib.metrics.center_bias_map` and
    :func:`~tutorial_lib.metrics.random_map`: where objects are centered, the center prior is a strong baseline.

    Args:
        maps: maps (N, H, W), signed, floats.
        masks: masks (N, H, W), bool.
        tolerance: largest distance from the mask, in pixels, that still counts as inside. The paper uses 15 for
            photographs.

    Returns:
        Scores (N,), 1 or 0, or a fraction between them for ties; their mean is the accuracy. Higher is better.

    Raises:
        ValueError: maps and masks of different shapes, masks that are not bool, maps that are not finite, or a negative
            tolerance.

    References:
        Zhang et al., ECCV 2016, arXiv:1608.00507.

    Example:
        >>> mask = torch.tensor([[[True, False, False]]])
        >>> pointing_game(torch.tensor([[[3., 1., 2.]]]), mask), pointing_game(torch.zeros(1, 1, 3), mask)
        (tensor([1.]), tensor([0.3333]))
    """
    values, inside = _flatten_maps_and_masks(maps, masks)
    check_nonnegative(tolerance=tolerance)
    if tolerance:
        # The distance of each pixel to its mask; an empty mask has no distance, and no pixel inside.
        distances = np.stack([distance_transform_edt(~mask) for mask in masks.cpu().numpy()])
        near = torch.from_numpy(distances <= tolerance).to(masks.device)
        inside = near.flatten(1) & inside.any(1, keepdim=True)
    is_maximum = values == values.amax(1, keepdim=True)
    return ((is_maximum & inside).to(promote_to_float32(maps)).sum(1) / is_maximum.sum(1)).to(maps.dtype)


@convert_arguments
def energy_pointing_game(maps: Tensor, masks: Tensor) -> Tensor:
    """Return the share of each map's positive values that lies inside its mask.

    Σ_mask ReLU(m) / Σ ReLU(m). A uniform map, and a map without positive values, score the fraction of the image
    that the mask covers, which is the baseline to exceed. If objects are centered, compare with
    :func:`~tutorial_lib.metrics.center_bias_map` as well. To locate the magnitude of a signed map, pass its absolute
    value.

    Args:
        maps: maps (N, H, W), signed, floats.
        masks: masks (N, H, W), bool.

    Returns:
        Scores (N,) in [0, 1]. Higher is better.

    Raises:
        ValueError: maps and masks of different shapes, masks that are not bool, or maps that are not finite.

    References:
        Wang et al., Score-CAM, CVPR Workshops 2020, arXiv:1910.01279 (there: the energy-based pointing game).

    Example:
        >>> energy_pointing_game(torch.tensor([[[3., 1., -2.]]]), torch.tensor([[[True, False, True]]]))
        tensor([0.7500])
    """
    values, inside = _flatten_maps_and_masks(maps, masks)
    # Dividing by the maximum first keeps the sums from overflow and underflow in any unit.
    maximum = values.amax(1, keepdim=True)
    energy = torch.where(maximum > 0, values.relu() / torch.where(maximum > 0, maximum, 1), 1).to(
        promote_to_float32(maps)
    )
    return ((energy * inside).sum(1) / energy.sum(1)).to(maps.dtype)


@convert_arguments
def precision_at_k(maps: Tensor, masks: Tensor) -> Tensor:
    """Return the share of each map's k highest pixels that lie inside its mask, where k is the size of the mask.

    The score depends only on the ranking of the pixels. Therefore an increasing function of the map, for example a
    power that makes it sharper, does not change it, in contrast to :func:`energy_pointing_game`. If several pixels
    share the k-th highest value, the score is the expected one of choosing among them at random: a constant map scores
    the fraction of the image that the mask covers.

    Args:
        maps: maps (N, H, W), signed, floats.
        masks: masks (N, H, W), bool.

    Returns:
        Scores (N,) in [0, 1]; 0 for an empty mask. Higher is better.

    Raises:
        ValueError: maps and masks of different shapes, masks that are not bool, or maps that are not finite.

    Example:
        >>> mask = torch.tensor([[[True, False, True, False]]])
        >>> precision_at_k(torch.tensor([[[4., 3., -2., 0.]]]), mask), precision_at_k(torch.zeros(1, 1, 4), mask)
        (tensor([0.5000]), tensor([0.5000]))
    """
    values, inside = _flatten_maps_and_masks(maps, masks)
    k = inside.sum(1, keepdim=True)
    threshold = values.sort(1, descending=True).values.gather(1, (k - 1).clamp(min=0))
    above, tied = values > threshold, values == threshold
    # Of the tied pixels, as many as are missing are chosen at random.
    missing = k[:, 0] - above.sum(1)
    hits = (above & inside).sum(1) + missing * (tied & inside).sum(1).to(promote_to_float32(maps)) / tied.sum(1)
    return (hits / k[:, 0].clamp(min=1)).to(maps.dtype)


def _flatten_maps_and_masks(maps: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Maps and masks, checked, (N, H·W) each."""
    values = check_maps(maps, masks.shape, "masks").flatten(1)
    check_shapes(masks=(masks, "bools n H W"))
    return values, masks.flatten(1)
