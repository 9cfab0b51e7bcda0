"""An explanation has an uncertainty of its own: how much does "why P, rather than Q?" change with Q?"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tutorial_lib._validation import check_choice, check_shapes
from tutorial_lib.attribution.cam import all_class_cams, all_contrast_cams
from tutorial_lib.attribution.maps import upsample
from tutorial_lib.gradients import as_objective

# Class maps of a picture's size that are held at a time.
MAPS_PER_BLOCK = 64


def voice_map(
    model: nn.Module,
    x: Tensor,
    layer: str | nn.Module,
    target: int | Tensor | None = None,
    *,
    weights: str = "uniform",
    threshold: float = 0.0,
    as_published: bool = False,
    grid: tuple[int, int] | None = None,
    batch_size: int = 8,
) -> Tensor:
    """VOICE: the variance over Q of the contrasts "why P, rather than Q?" at every position: Var_Q[L^{P,Q}] ≥ 0. -> (N, h, w).

    Higher = the explanation depends more on what it is held against. All contrasts come from one Jacobian at the layer. Raw
    contrasts are Σ_c p_c L_c − L_Q, so their variance is that of the class maps L_Q themselves, in logits² a position.
    ``weights="probability"``: over all classes, each with its p_Q. As the mean contrast is then zero, the variance is
    Σ_Q p_Q (L^{P,Q})²: the diagonal of the Fisher information, in the space of maps.

    Args:
        model: pictures to logits.
        x: (N, C, H, W).
        layer: a module or its name, as for :func:`tutorial_lib.attribution.grad_cam`.
        target: P: a class, (N,) labels, or None, the class predicted. It is left out of the classes asked about.
        weights: "uniform": every Q ≠ P alike, unbiased (n − 1); or "probability".
        threshold: for "uniform": only classes with p_Q ≥ threshold; where fewer than two are left, nothing varies: zero.
        published: as in the authors' code: each contrast rectified, brought to the picture's size and stretched to [0, 1] by
            itself before the variance is taken, -> (N, H, W). That makes a negligible contrast count as much as a strong one.
        grid, chunk: as for :func:`tutorial_lib.attribution.all_class_cams`.

    Raises:
        ValueError: unknown weights, and as :func:`tutorial_lib.attribution.all_class_cams` does.

    Source: Prabhushankar and AlRegib, IEEE J-STSP 2024, arXiv 2406.00573.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
        >>> voice_map(model, torch.rand(2, 3, 8, 8), "0").shape
        torch.Size([2, 6, 6])
    """
    by_probability = check_choice(weights, ["uniform", "probability"], "weights") == "probability"
    logits, maps = all_class_cams(model, x, layer, grid=grid, batch_size=batch_size)
    contrast, p = all_contrast_cams(logits, maps), logits.softmax(1)
    if by_probability:
        w, unbiased = p, torch.ones_like(p[:, 0])
    else:
        (P,) = as_objective(target, x).resolve(logits).bound
        P = torch.full_like(logits.argmax(1), P) if isinstance(P, int) else P
        asked = (p >= threshold).scatter(1, P[:, None], False).to(p)
        n = asked.sum(1, keepdim=True)
        w, unbiased = asked / n.clamp(min=1), (n / (n - 1).clamp(min=1) * (n > 1))[:, 0]
    size = tuple(x.shape[-2:])

    if as_published:
        # What is left where contrasts cancel is rounding of the class maps, and must not be stretched.
        rounding = 64 * torch.finfo(maps.dtype).eps * maps.abs().amax((1, 2, 3), keepdim=True)
        contrast = torch.where(contrast > rounding, contrast, 0)

    def read(classes: slice) -> Tensor:
        return min_max_normalize(upsample(contrast[:, classes], size)) if as_published else contrast[:, classes]

    blocks = [slice(i, i + MAPS_PER_BLOCK) for i in range(0, logits.shape[1], MAPS_PER_BLOCK)]
    mean = sum(torch.einsum("nc,nchw->nhw", w[:, b], read(b)) for b in blocks)
    spread = sum(torch.einsum("nc,nchw->nhw", w[:, b], (read(b) - mean[:, None]).square()) for b in blocks)
    return spread * unbiased[:, None, None]


def map_iou(first: Tensor, second: Tensor, *, threshold: float = 0.1) -> Tensor:
    """How far two maps cover the same place: |A ∩ B| / |A ∪ B| in [0, 1], (N,), each scaled to [0, 1] and cut at a threshold.

    VOICE's first scalar: the explanation against its uncertainty. 0 where neither covers anything. Maps: (N, h, w), of one size.

    Raises:
        ValueError: maps of different shapes.

    Source: Prabhushankar and AlRegib, IEEE J-STSP 2024, arXiv 2406.00573.

    Example:
        >>> map_iou(torch.tensor([[[0., 1., 1., 0.]]]), torch.tensor([[[0., 0., 2., 2.]]]))
        tensor([0.3333])
    """
    if first.shape != second.shape:
        raise ValueError(f"maps overlap at one size, not {tuple(first.shape)} and {tuple(second.shape)}")
    check_shapes(first=(first, "floats N h w"), second=(second, "floats N h w"))
    a, b = (min_max_normalize(m).flatten(1) for m in (first, second))
    # A number that is none lies on neither side of a threshold, and would pass for an empty place.
    unknown = (a + b).isnan().any(1)
    a, b = a > threshold, b > threshold
    return ((a & b).sum(1) / (a | b).sum(1).clamp(min=1)).to(first.dtype).masked_fill(unknown, torch.nan)


def map_snr(maps: Tensor) -> Tensor:
    """Mean over standard deviation of a map stretched to [0, 1], ≥ 0, (N,): VOICE's second scalar. 0 where nothing varies.

    Low for a few peaks on an empty ground, high where the map is spread out.

    Source: Prabhushankar and AlRegib, IEEE J-STSP 2024, arXiv 2406.00573.

    Example:
        >>> map_snr(torch.tensor([[[0., 1.]]]))
        tensor([0.7071])
    """
    check_shapes(maps=(maps, "floats N h w"))
    flat = min_max_normalize(maps).flatten(1)
    if flat.shape[1] < 2 or not len(flat):
        return torch.zeros_like(flat[:, 0])
    spread = flat.std(1)
    return torch.where(spread == 0, 0, flat.mean(1) / torch.where(spread == 0, 1, spread))


def min_max_normalize(maps: Tensor) -> Tensor:
    """Each map from its smallest number, 0, to its largest, 1: (m − min)/(max − min); a constant map is 0. Shapes (…, h, w).

    Example:
        >>> min_max_normalize(torch.tensor([[[2., 4., 3.]]]))
        tensor([[[0.0000, 1.0000, 0.5000]]])
    """
    low, high = maps.amin((-2, -1), keepdim=True), maps.amax((-2, -1), keepdim=True)
    return (maps - low) / torch.where(high == low, 1, high - low)
