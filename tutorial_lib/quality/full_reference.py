"""Fidelity to a reference: PSNR, SSIM, MS-SSIM. No network, no gradient; what every other measure of quality must beat."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW_SIZE, WINDOW_SIGMA, K1, K2 = 11, 1.5, 0.01, 0.03
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the five scales, from fine to coarse


def psnr(x: Tensor, reference: Tensor, *, data_range: float = 1.0) -> Tensor:
    """Peak signal-to-noise ratio in decibels, 10 log₁₀(peak² / mean (x − r)²): higher = better, ∞ for equal pictures.

    x, reference (N, C, H, W) -> (N,). Any size.

    Raises:
        ValueError: the two are not alike in shape, or no float pictures.

    Example:
        >>> psnr(torch.full((1, 3, 8, 8), 0.5), torch.zeros(1, 3, 8, 8)).round(decimals=2)
        tensor([6.0200])
    """
    _check_pair(x, reference, 1)
    return 10 * torch.log10(data_range**2 / (x - reference).square().flatten(1).mean(1))


def ssim(x: Tensor, reference: Tensor, *, data_range: float = 1.0) -> Tensor:
    """Structural similarity, the mean of :func:`ssim_map`: in [−1, 1], higher = better, 1 for equal pictures only.

    x, reference (N, C, H, W), at least 11×11 -> (N,). Each channel by itself, then their mean; the paper looked at brightness,
    so for its number hand in :func:`luminance` of both. No picture is scaled down beforehand, as some codes do for large ones.

    Raises:
        ValueError: the two are not alike in shape, no float pictures, or smaller than the window.

    Source: Wang, Bovik, Sheikh, Simoncelli, IEEE TIP 13(4), 2004, doi 10.1109/TIP.2003.819861.

    Example:
        >>> x = torch.rand(2, 3, 16, 16)
        >>> ssim(x, x)
        tensor([1., 1.])
    """
    return ssim_map(x, reference, data_range=data_range).flatten(1).mean(1)


def ssim_map(x: Tensor, reference: Tensor, *, data_range: float = 1.0) -> Tensor:
    """Where two pictures are alike in structure, window by window: higher = more alike, 1 where they are equal.

    (2μ_x μ_r + C₁)(2σ_xr + C₂) / ((μ_x² + μ_r² + C₁)(σ_x² + σ_r² + C₂)), C₁ = (0.01 peak)², C₂ = (0.03 peak)².

    x, reference (N, C, H, W) -> (N, H − 10, W − 10), the mean over channels. Windows are Gaussian, 11×11 with σ = 1.5, and lie
    inside the picture.

    Raises:
        ValueError: as :func:`ssim` does.

    Example:
        >>> ssim_map(torch.rand(2, 3, 16, 20), torch.rand(2, 3, 16, 20)).shape
        torch.Size([2, 6, 10])
    """
    _check_pair(x, reference, WINDOW_SIZE)
    light, structure = _luminance_and_structure(x, reference, data_range)
    return (light * structure).mean(1)


def ms_ssim(x: Tensor, reference: Tensor, *, data_range: float = 1.0, scales: int = 5) -> Tensor:
    """Multi-scale SSIM, l_M^{w_M} Π_j cs_j^{w_j}: structure at five scales, brightness at the coarsest. In [0, 1], higher = better.

    x, reference (N, C, H, W) -> (N,). The side halves from scale to scale by averaging 2×2 pixels, and the window must still fit:
    five scales need 176 pixels. ``scales``: fewer for smaller pictures; the first weights are taken and scaled to sum to one,
    which is another measure than the published one. A structure that is negative on average counts as none.

    Raises:
        ValueError: as :func:`ssim` does; a picture too small for its scales (the error says how many fit).

    Source: Wang, Simoncelli, Bovik, Asilomar 2003, doi 10.1109/ACSSC.2003.1292216.

    Example:
        >>> x = torch.rand(2, 3, 48, 48)
        >>> ms_ssim(x, x, scales=3)
        tensor([1., 1.])
    """
    if not 1 <= scales <= len(MS_SSIM_WEIGHTS):
        raise ValueError(f"between one and {len(MS_SSIM_WEIGHTS)} scales, not {scales}")
    _check_pair(x, reference, 1)
    least, side = WINDOW_SIZE * 2 ** (scales - 1), min(x.shape[-2:])
    if side < least:
        fit = sum(side >= WINDOW_SIZE * 2**j for j in range(len(MS_SSIM_WEIGHTS)))
        words = f"take scales={fit}" if fit else "even one scale needs 11 pixels"
        raise ValueError(f"{scales} scales need pictures of at least {least} pixels, these have {side}: {words}")
    total, found = sum(MS_SSIM_WEIGHTS[:scales]), 1.0
    for j, w in enumerate(MS_SSIM_WEIGHTS[:scales]):
        light, structure = _luminance_and_structure(x, reference, data_range)
        # Brightness is compared at the coarsest scale only, and there before the mean over positions is taken.
        each = light * structure if j == scales - 1 else structure
        found = found * each.flatten(2).mean(2).clamp(min=0) ** (w / total)
        x, reference = (F.avg_pool2d(v, 2) if j < scales - 1 else v for v in (x, reference))
    return found.mean(1)


def to_luma(x: Tensor) -> Tensor:
    """Brightness of coloured pictures, 0.299 R + 0.587 G + 0.114 B: (N, 3, H, W) -> (N, 1, H, W), in the unit of x.

    Example:
        >>> to_luma(torch.ones(1, 3, 2, 2)).shape
        torch.Size([1, 1, 2, 2])
    """
    if x.dim() != 4 or x.shape[1] != 3 or not x.is_floating_point():
        raise ValueError(f"coloured pictures are floats (N, 3, H, W), not {x.dtype} {tuple(x.shape)}")
    return torch.einsum("c,nchw->nhw", x.new_tensor([0.299, 0.587, 0.114]), x)[:, None]


def _luminance_and_structure(x: Tensor, reference: Tensor, data_range: float) -> tuple[Tensor, Tensor]:
    """Brightness, and contrast with structure: (N, C, h, w) each."""
    t = torch.arange(WINDOW_SIZE, dtype=x.dtype, device=x.device) - WINDOW_SIZE // 2
    bell = torch.exp(-t.square() / (2 * WINDOW_SIGMA**2))
    bell = bell / bell.sum()

    def local(v: Tensor) -> Tensor:
        flat = v.flatten(0, 1)[:, None]
        return F.conv2d(F.conv2d(flat, bell.view(1, 1, -1, 1)), bell.view(1, 1, 1, -1)).unflatten(0, v.shape[:2])[
            :, :, 0
        ]

    a, b = local(x), local(reference)
    # σ² = E[v²] − (E v)²
    xx, rr, xr = local(x * x) - a * a, local(reference * reference) - b * b, local(x * reference) - a * b
    C1, C2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    return (2 * a * b + C1) / (a * a + b * b + C1), (2 * xr + C2) / (xx + rr + C2)


def _check_pair(x: Tensor, reference: Tensor, least: int) -> None:
    if x.dim() != 4 or x.shape != reference.shape or len(x) == 0:
        found = f"{tuple(x.shape)} and {tuple(reference.shape)}"
        raise ValueError(f"pictures and references are (N, C, H, W), alike, at least one, not {found}")
    if not (x.is_floating_point() and reference.is_floating_point()):
        raise ValueError("pictures are floats; divide bytes by 255")
    if x.dtype != reference.dtype:
        raise ValueError(
            f"pictures and references are of one type, not {x.dtype} and {reference.dtype}: take x.to(reference)"
        )
    if min(x.shape[-2:]) < least:
        raise ValueError(f"the window has {least}×{least} pixels, these pictures only {x.shape[-2]}×{x.shape[-1]}")
