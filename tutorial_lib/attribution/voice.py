"""The uncertainty of an explanation (VOICE): the variance of "Why P, rather than Q?" over the classes Q."""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor, nn

from tutorial_lib._validation import check_choice, check_shapes, convert_arguments, promote_to_float32
from tutorial_lib.attribution.cam import all_class_cams, all_contrast_cams
from tutorial_lib.attribution.maps import upsample
from tutorial_lib.attribution.spatial_layout import Grid
from tutorial_lib.gradients import Layer, as_objective
from tutorial_lib.gradients.objectives import Target

# How many class maps of the size of the image are in memory at a time.
MAPS_PER_BLOCK = 64


@convert_arguments
def voice_map(
    model: nn.Module,
    x: Tensor,
    layer: Layer,
    target: Target = None,
    *,
    weights: str = "uniform",
    threshold: float = 0.0,
    as_published: bool = False,
    grid: Grid | None = None,
    batch_size: int = 8,
) -> Tensor:
    """Return the VOICE map: the variance over classes Q of the contrast maps of P against Q.

    Var_Q[L^{P,Q}] at each position, where L^{P,Q} = Σ_c p_c L_c − L_Q is the contrast map of "Why P, rather than Q?"
    and L_c the Grad-CAM map of class c. All maps come from one Jacobian at the layer. Because the first term does not
    depend on Q, the variance is that of the class maps L_Q themselves.

    Args:
        model: classifier that takes x alone and returns logits (N, C); it is left as it was.
        x: images (N, channels, H, W), floats.
        layer: dotted name or module, with an activation (N, K, h, w), (N, h, w, K) or (N, T, K).
        target: the class P, an index or labels (N,); None is the predicted class. It is not one of the classes Q.
        weights: "uniform" weights all Q ≠ P equally, and the variance is unbiased (n − 1). "probability" uses all
            classes, weighted by p_Q; the mean contrast is then zero, and the variance Σ_Q p_Q (L^{P,Q})² is the
            diagonal of the Fisher information in the space of maps.
        threshold: for "uniform", only classes with p_Q ≥ threshold are used; with fewer than two, the variance is zero.
        as_published: follow the code of the authors: rectify each contrast map, resize it to the size of the image and
            rescale it to [0, 1] before the variance is computed. A negligible contrast then counts as much as a strong
            one.
        grid: size (h, w) of a map of tokens; None is the size with the aspect ratio of the images.
        batch_size: images per pass; it bounds the memory and does not change the result.

    Returns:
        Maps (N, h, w), ≥ 0, in squared logits per position; with ``as_published`` (N, H, W), without a unit. Higher
        means that the explanation depends more on the class that P is contrasted with.

    Raises:
        ValueError: unknown weights; outputs that are not logits (N, C), or an unknown class; x is not a batch of
            images; the layer is unknown, is used twice, has no positions or none that affects the outputs.

    References:
        Prabhushankar and AlRegib, IEEE J-STSP 2024, arXiv:2406.00573.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
        >>> voice_map(model, torch.rand(2, 3, 8, 8), "0").shape
        torch.Size([2, 6, 6])
    """
    by_probability = check_choice(weights, ["uniform", "probability"], "weights") == "probability"
    logits, maps = all_class_cams(model, x, layer, grid=grid, batch_size=batch_size)
    check_shapes(logits=(logits, "logits N C"))
    fine = promote_to_float32(maps)  # the squares of small contrasts would underflow in half precision
    contrasts, p = all_contrast_cams(logits, maps.to(fine)), logits.softmax(1, dtype=fine)
    if by_probability:
        w, unbiased = p, torch.ones_like(p[:, 0])
    else:
        (fixed_target,) = as_objective(target, x).resolve(logits).bound
        P = torch.as_tensor(fixed_target, device=logits.device).expand(len(logits))
        included = (p >= threshold).scatter(1, P[:, None], False).to(p)
        n = included.sum(1, keepdim=True)
        w, unbiased = included / n.clamp(min=1), (n / (n - 1).clamp(min=1) * (n > 1))[:, 0]

    if as_published:
        # Where contrasts cancel, the rounding errors of the class maps remain; they must not be rescaled.
        rounding = 64 * torch.finfo(maps.dtype).eps * maps.abs().amax((1, 2, 3), keepdim=True)
        contrasts = torch.where(contrasts > rounding, contrasts, 0)

    def contrast_maps(block: slice) -> Tensor:
        return min_max_normalize(upsample(contrasts[:, block], x.shape[-2:])) if as_published else contrasts[:, block]

    blocks = [slice(i, i + MAPS_PER_BLOCK) for i in range(0, logits.shape[1], MAPS_PER_BLOCK)]
    mean = reduce(torch.add, (torch.einsum("nc,nchw->nhw", w[:, b], contrast_maps(b)) for b in blocks))
    squares = ((contrast_maps(b) - mean[:, None]).square() for b in blocks)
    variance = reduce(torch.add, (torch.einsum("nc,nchw->nhw", w[:, b], s) for b, s in zip(blocks, squares)))
    return (variance * unbiased[:, None, None]).to(maps)


@convert_arguments
def map_iou(first: Tensor, second: Tensor, *, threshold: float = 0.1) -> Tensor:
    """Return the intersection over union of two maps, |A ∩ B| / |A ∪ B|.

    A and B are the positions where each map, rescaled to [0, 1], exceeds the threshold. This is the first scalar of
    VOICE, which compares an explanation with its uncertainty.

    Args:
        first: maps (N, h, w), floats.
        second: maps of the same shape.
        threshold: value in [0, 1] that a position has to exceed.

    Returns:
        Scores (N,) in [0, 1], higher if the maps highlight the same positions; 0 if neither exceeds the threshold
        anywhere, NaN if a map holds NaN.

    Raises:
        ValueError: maps of different shapes.

    References:
        Prabhushankar and AlRegib, IEEE J-STSP 2024, arXiv:2406.00573.

    Example:
        >>> map_iou(torch.tensor([[[0., 1., 1., 0.]]]), torch.tensor([[[0., 0., 2., 2.]]]))
        tensor([0.3333])
    """
    check_shapes(first=(first, "floats N h w"), second=(second, "floats N h w"))
    a, b = (min_max_normalize(m).flatten(1) for m in (first, second))
    # NaN is on neither side of the threshold, and would look like a position that is not highlighted.
    undefined = (a + b).isnan().any(1)
    a, b = a > threshold, b > threshold
    fine = promote_to_float32(first)
    iou = (a & b).sum(1, dtype=fine) / (a | b).sum(1, dtype=fine).clamp(min=1)
    return iou.to(first.dtype).masked_fill(undefined, torch.nan)


@convert_arguments
def map_snr(maps: Tensor) -> Tensor:
    """Return the signal-to-noise ratio of each map: mean over standard deviation.

    Each map is first rescaled to [0, 1]. This is the second scalar of VOICE.

    Args:
        maps: maps (N, h, w), floats.

    Returns:
        Ratios (N,), ≥ 0: low for a few peaks on a background of zeros, high for a map that is spread out, and 0 for a
        constant map.

    Raises:
        ValueError: maps of another number of axes.

    References:
        Prabhushankar and AlRegib, IEEE J-STSP 2024, arXiv:2406.00573.

    Example:
        >>> map_snr(torch.tensor([[[0., 1.]]]))
        tensor([0.7071])
    """
    check_shapes(maps=(maps, "floats N h w"))
    if not len(maps):
        return maps.new_zeros(0)
    values = min_max_normalize(maps).flatten(1)
    std = values.std(1, correction=min(1, values.shape[1] - 1))
    return torch.where(std == 0, 0, values.mean(1) / torch.where(std == 0, 1, std))


def min_max_normalize(maps: Tensor) -> Tensor:
    """Return each map rescaled to [0, 1], (m − min)/(max − min).

    Args:
        maps: maps (…, h, w), floats.

    Returns:
        Maps like the input, in [0, 1]; a constant map becomes 0.

    Example:
        >>> min_max_normalize(torch.tensor([[[2., 4., 3.]]]))
        tensor([[[0.0000, 1.0000, 0.5000]]])
    """
    low, high = maps.amin((-2, -1), keepdim=True), maps.amax((-2, -1), keepdim=True)
    return (maps - low) / torch.where(high == low, 1, high - low)
