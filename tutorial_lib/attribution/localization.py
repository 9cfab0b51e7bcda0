"""Does a map point at the right place? Maps against masks of where the evidence is; a random map and the centre beside them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from tutorial_lib._validation import check_shapes


def pointing_game(maps: Tensor, masks: Tensor, *, tolerance: int = 0) -> Tensor:
    """Does the map's highest point lie in the mask? 1 or 0, (N,); the mean is the accuracy. Higher is better.

    Where the highest value is taken at several pixels, the share of them that lies inside: what pointing at one of them at random
    gets. So a constant map gets the mask's share of the picture. Hold it against ``centre_bias(maps)`` and ``random_map(maps)``
    of :mod:`tutorial_lib.metrics`: where objects sit in the middle, the middle is hard to beat.

    Args:
        maps: (N, H, W), signed.
        masks: (N, H, W), bool.
        tolerance: a point this many pixels from the mask is a hit as well (the paper: 15, on photographs).

    Raises:
        ValueError: maps and masks of different shapes, masks that are not bool, maps that are not finite.

    Source: Zhang et al., ECCV 2016, arXiv 1608.00507.

    Example:
        >>> mask = torch.tensor([[[True, False, False]]])
        >>> pointing_game(torch.tensor([[[3., 1., 2.]]]), mask), pointing_game(torch.zeros(1, 1, 3), mask)
        (tensor([1.]), tensor([0.3333]))
    """
    flat, inside = check_maps_and_masks(maps, masks)
    if tolerance < 0:
        raise ValueError(f"a tolerance of at least 0 pixels, not {tolerance}")
    if tolerance:
        reach = torch.arange(-tolerance, tolerance + 1)
        disc = (reach[:, None].square() + reach.square() <= tolerance**2).to(masks.device, torch.float32)
        inside = (conv2d(masks[:, None].float(), disc[None, None], padding=tolerance) > 0.5).flatten(1)
    peak = flat == flat.amax(1, keepdim=True)
    return ((peak & inside).to(accumulation_dtype(maps)).sum(1) / peak.sum(1)).to(maps.dtype)


def energy_pointing_game(maps: Tensor, masks: Tensor) -> Tensor:
    """The share of a map's positive mass that lies in the mask: Σ_mask ReLU(m) / Σ ReLU(m), in [0, 1], (N,). Higher is better.

    What is uniform, or points nowhere because nothing in it is positive, gets the mask's share of the picture, the one to beat.
    In a world of centred objects show ``centre_bias(maps)`` beside it. For the strength of a signed map, give its magnitude.

    Args:
        maps: (N, H, W), signed.
        masks: (N, H, W), bool.

    Raises:
        ValueError: as :func:`pointing_game` does.

    Source: Wang et al., Score-CAM, CVPR Workshops 2020, arXiv 1910.01279 (there: the energy-based pointing game).

    Example:
        >>> energy_pointing_game(torch.tensor([[[3., 1., -2.]]]), torch.tensor([[[True, False, True]]]))
        tensor([0.7500])
    """
    flat, inside = check_maps_and_masks(maps, masks)
    # Divided by the peak first, so that sums neither overflow nor vanish, whatever the unit.
    peak = flat.amax(1, keepdim=True)
    mass = torch.where(peak > 0, flat.relu() / torch.where(peak > 0, peak, 1), 1).to(accumulation_dtype(maps))
    return ((mass * inside).sum(1) / mass.sum(1)).to(maps.dtype)


def accumulation_dtype(maps: Tensor) -> torch.dtype:
    """What pixels are added up in: half precision is too coarse to count them."""
    return torch.promote_types(maps.dtype, torch.float32)


def check_maps_and_masks(maps: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Maps and masks, checked, (N, H·W) each."""
    if maps.dim() != 3 or maps.shape != masks.shape or not maps.numel():
        raise ValueError(
            f"maps and masks must both be (N, H, W), not {tuple(maps.shape)} and {tuple(masks.shape)}: "
            "upsample(maps, masks.shape[-2:]) brings a layer's maps to the picture's size, magnitude(…) takes the channels away"
        )
    check_shapes(maps=(maps, "floats N H W"))
    if masks.dtype != torch.bool:
        raise ValueError(f"masks must be bool, not {masks.dtype}: compare a soft mask with a level, mask > 0.5")
    if not maps.isfinite().all():
        raise ValueError("the maps are not finite")
    return maps.detach().flatten(1), masks.flatten(1)
