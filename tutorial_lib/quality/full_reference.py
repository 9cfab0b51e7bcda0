"""Full-reference image quality metrics without a network: PSNR, SSIM, MS-SSIM and HaarPSI.

They use no gradient, and are the baselines that every other quality metric should outperform.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from tutorial_lib._validation import check_shapes, convert_arguments, promote_to_float32

WINDOW_SIZE, WINDOW_SIGMA, K1, K2 = 11, 1.5, 0.01, 0.03
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the five scales, from fine to coarse
RGB_TO_YIQ = ((0.299, 0.587, 0.114), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))
HAARPSI_C, HAARPSI_ALPHA = 30.0, 4.2  # constants of the paper, for pixels from 0 to 255


@convert_arguments
def psnr(x: Tensor, reference: Tensor, *, data_range: float = 1.0) -> Tensor:
    """Return the peak signal-to-noise ratio (PSNR) in decibels.

    10 log₁₀(R² / mean (x − r)²) with the data range R.

    Args:
        x: images (N, C, H, W) of any size, floats.
        reference: reference images r, like x.
        data_range: R, the largest possible value of a pixel minus the smallest.

    Returns:
        PSNR (N,) in decibels; higher is better, and equal images have ∞.

    Raises:
        ValueError: x and reference have different shapes or dtypes, are empty, are not images of floats, or their
            pixels exceed the data range.

    Example:
        >>> psnr(torch.full((1, 3, 8, 8), 0.5), torch.zeros(1, 3, 8, 8)).round(decimals=2)
        tensor([6.0200])
    """
    fine, reference = _check_pair(x, reference, 1, data_range)
    return (10 * torch.log10(data_range**2 / (fine - reference).square().flatten(1).mean(1))).to(x)


@convert_arguments
def ssim(x: Tensor, reference: Tensor, *, data_range: float = 1.0) -> Tensor:
    """Return the structural similarity (SSIM), the mean of :func:`ssim_map`.

    SSIM is computed for each channel alone and then averaged. The paper uses luminance; for its values pass
    :func:`to_luma` of both images. For the usual viewing distance, the authors recommend to average blocks of f × f
    pixels first, where f is the shorter side divided by 256, rounded, and at least 1.

    Args:
        x: images (N, C, H, W) of at least 11 × 11 pixels, floats.
        reference: reference images, like x.
        data_range: largest possible value of a pixel minus the smallest.

    Returns:
        SSIM (N,) in [−1, 1]; higher is better, and only equal images have 1.

    Raises:
        ValueError: x and reference have different shapes or dtypes, are empty, are not images of floats, or are smaller
            than the window; their pixels exceed the data range.

    References:
        Wang, Bovik, Sheikh, Simoncelli, IEEE TIP 13(4), 2004, doi:10.1109/TIP.2003.819861.

    Example:
        >>> x = torch.rand(2, 3, 16, 16)
        >>> ssim(x, x)
        tensor([1., 1.])
    """
    return ssim_map(x, reference, data_range=data_range).flatten(1).mean(1)


@convert_arguments
def ssim_map(x: Tensor, reference: Tensor, *, data_range: float = 1.0) -> Tensor:
    """Return the local structural similarity at each position of the window.

    (2μ_x μ_r + C₁)(2σ_xr + C₂) / ((μ_x² + μ_r² + C₁)(σ_x² + σ_r² + C₂)) with C₁ = (0.01 R)², C₂ = (0.03 R)² and the
    data range R. The windows are Gaussian, 11 × 11 pixels with σ = 1.5, and lie completely inside the image.

    Args:
        x: images (N, C, H, W) of at least 11 × 11 pixels, floats.
        reference: reference images r, like x.
        data_range: R, the largest possible value of a pixel minus the smallest.

    Returns:
        Maps (N, H − 10, W − 10) in [−1, 1], averaged over channels; higher means more similar, and equal windows have
        1.

    Raises:
        ValueError: x and reference have different shapes or dtypes, are empty, are not images of floats, or are smaller
            than the window; their pixels exceed the data range.

    Example:
        >>> ssim_map(torch.rand(2, 3, 16, 20), torch.rand(2, 3, 16, 20)).shape
        torch.Size([2, 6, 10])
    """
    luminance, structure = _luminance_and_structure(*_check_pair(x, reference, WINDOW_SIZE, data_range), data_range)
    return (luminance * structure).mean(1).to(x)


@convert_arguments
def ms_ssim(x: Tensor, reference: Tensor, *, data_range: float = 1.0, scales: int = 5) -> Tensor:
    """Return the multi-scale structural similarity (MS-SSIM).

    l_M^{w_M} Π_j cs_j^{w_j}: contrast and structure cs_j at M scales, and luminance l_M at the coarsest scale alone.
    From scale to scale the image is halved by averaging 2 × 2 pixels. The published weights sum to 1.0001; they are
    divided by their sum, which changes the result by about 1e-5.

    Args:
        x: images (N, C, H, W), floats. The window must fit at the coarsest scale: five scales need 176 pixels per side.
        reference: reference images, like x.
        data_range: largest possible value of a pixel minus the smallest.
        scales: M, from 1 to 5. With fewer than five scales, for smaller images, the first weights are used and rescaled
            to sum to one; this is a different metric from the published one.

    Returns:
        MS-SSIM (N,) in [0, 1]; higher is better. A mean structure below zero is set to zero.

    Raises:
        ValueError: x and reference have different shapes or dtypes, are empty or are not images of floats, or their
            pixels exceed the data range; a number of scales outside 1 … 5; images too small for their scales (the
            message says how many scales fit).

    References:
        Wang, Simoncelli, Bovik, Asilomar 2003, doi:10.1109/ACSSC.2003.1292216.

    Example:
        >>> x = torch.rand(2, 3, 48, 48)
        >>> ms_ssim(x, x, scales=3)
        tensor([1., 1.])
    """
    if not 1 <= scales <= len(MS_SSIM_WEIGHTS):
        raise ValueError(f"scales must be between 1 and {len(MS_SSIM_WEIGHTS)}, not {scales}")
    fine, reference = _check_pair(x, reference, 1, data_range)
    min_side, side = WINDOW_SIZE * 2 ** (scales - 1), min(x.shape[-2:])
    if side < min_side:
        possible_scales = sum(side >= WINDOW_SIZE * 2**j for j in range(len(MS_SSIM_WEIGHTS)))
        hint = f"take scales={possible_scales}" if possible_scales else "even one scale needs 11 pixels"
        raise ValueError(f"{scales} scales need images of at least {min_side} pixels per side, not {side}: {hint}")
    total_weight, product = sum(MS_SSIM_WEIGHTS[:scales]), fine.new_ones(())
    for j, w in enumerate(MS_SSIM_WEIGHTS[:scales]):
        luminance, structure = _luminance_and_structure(fine, reference, data_range)
        # Luminance is compared at the coarsest scale only, and there before the mean over positions is taken.
        similarity = luminance * structure if j == scales - 1 else structure
        product = product * similarity.flatten(2).mean(2).clamp(min=0) ** (w / total_weight)
        fine, reference = (F.avg_pool2d(v, 2) if j < scales - 1 else v for v in (fine, reference))
    return product.mean(1).to(x)


@convert_arguments
def haarpsi(x: Tensor, reference: Tensor, *, data_range: float = 1.0) -> Tensor:
    """Return the Haar wavelet-based perceptual similarity index (HaarPSI).

    (logit(Σ w σ(α s) / Σ w) / α)² with the logistic function σ and α = 4.2. The images are halved by averaging 2 × 2
    pixels. The local similarity s compares the responses to horizontal and vertical Haar filters of luma (Y) at two
    fine scales, and the chroma channels I and Q; the weight w is the larger response of the two images at the third
    scale.

    Args:
        x: color images (N, 3, H, W) of at least 8 × 8 pixels, floats.
        reference: reference images, like x.
        data_range: largest possible value of a pixel minus the smallest.

    Returns:
        HaarPSI (N,) in [0, 1]; higher is better, and equal images have 1.

    Raises:
        ValueError: x and reference have different shapes or dtypes, are not color images of floats, or are smaller than
            8 × 8; their pixels exceed the data range.

    References:
        Reisenhofer, Bosse, Kutyniok, Wiegand, Signal Processing: Image Communication 61, 2018, arXiv:1607.06140.

    Example:
        >>> x = torch.rand(2, 3, 32, 32)
        >>> haarpsi(x, x).round(decimals=3)
        tensor([1., 1.])
    """
    fine, reference = _check_pair(x, reference, 8, data_range)
    if x.shape[1] != 3:
        raise ValueError(f"HaarPSI needs color images (N, 3, H, W), not {tuple(x.shape)}; repeat a gray channel")
    sides = [_halve(_to_yiq(255 / data_range * side)) for side in (fine, reference)]
    luma = [torch.stack([_haar_responses(side[:, :1], 2**scale) for scale in (1, 2, 3)], 1) for side in sides]
    chroma = [F.avg_pool2d(F.pad(side[:, 1:], (0, 1, 0, 1)), 2, stride=1).abs() for side in sides]
    weights = torch.maximum(luma[0][:, 2], luma[1][:, 2])  # (N, 2, h, w): horizontal and vertical
    similarities = [_similarity(luma[0][:, :2], luma[1][:, :2]).mean(1), _similarity(*chroma).mean(1, keepdim=True)]
    # Black images have no weights; then all positions count equally.
    weights = torch.cat([weights, weights.mean(1, keepdim=True)], 1).flatten(1) + torch.finfo(weights.dtype).eps
    responses = (HAARPSI_ALPHA * torch.cat(similarities, 1).flatten(1)).sigmoid()
    mean = (weights * responses).sum(1) / weights.sum(1)
    return (mean.logit() / HAARPSI_ALPHA).square().to(x)


@convert_arguments
def to_luma(x: Tensor) -> Tensor:
    """Return the luma of color images, 0.299 R + 0.587 G + 0.114 B.

    Args:
        x: color images (N, 3, H, W), floats.

    Returns:
        Gray images (N, 1, H, W), in the unit of x.

    Raises:
        ValueError: x does not hold color images of floats.

    Example:
        >>> to_luma(torch.ones(1, 3, 2, 2)).shape
        torch.Size([1, 1, 2, 2])
    """
    if x.dim() != 4 or x.shape[1] != 3 or not x.is_floating_point():
        raise ValueError(f"expected color images of floats (N, 3, H, W), not {x.dtype} {tuple(x.shape)}")
    return torch.einsum("c,nchw->nhw", x.new_tensor([0.299, 0.587, 0.114]), x)[:, None]


def _to_yiq(x: Tensor) -> Tensor:
    """Color images (N, 3, H, W) with the channels Y (luma), I and Q (chroma)."""
    return torch.einsum("dc,nchw->ndhw", x.new_tensor(RGB_TO_YIQ), x)


def _halve(x: Tensor) -> Tensor:
    """Images with half the height and width; if a side is odd, both sides are padded with zeros first."""
    odd = x.shape[2] % 2 | x.shape[3] % 2
    return F.avg_pool2d(F.pad(x, (0, odd, 0, odd)), 2)


def _haar_responses(luma: Tensor, size: int) -> Tensor:
    """The absolute responses of (N, 1, h, w) to a horizontal and a vertical Haar filter, (N, 2, h, w)."""
    kernel = luma.new_full((size, size), 1 / size)
    kernel[size // 2 :] *= -1
    padding = (size // 2 - 1, size // 2) * 2  # the position of an even filter in the authors' code
    return F.conv2d(F.pad(luma, padding), torch.stack([kernel, kernel.T])[:, None]).abs()


def _similarity(a: Tensor, b: Tensor) -> Tensor:
    """The similarity of two responses, (2 a b + C) / (a² + b² + C), in (0, 1]."""
    return (2 * a * b + HAARPSI_C) / (a.square() + b.square() + HAARPSI_C)


def _luminance_and_structure(x: Tensor, reference: Tensor, data_range: float) -> tuple[Tensor, Tensor]:
    """The luminance term, and the contrast and structure term, of SSIM: (N, C, h, w) each."""
    t = torch.arange(WINDOW_SIZE, dtype=x.dtype, device=x.device) - WINDOW_SIZE // 2
    window = torch.exp(-t.square() / (2 * WINDOW_SIGMA**2))
    window = window / window.sum()
    products = (x, reference, x * x, reference * reference, x * reference)
    a, b, aa, bb, ab = (_convolve(v, window) for v in products)
    # σ² = E[v²] − (E v)²
    xx, rr, xr = aa - a * a, bb - b * b, ab - a * b
    C1, C2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    return (2 * a * b + C1) / (a * a + b * b + C1), (2 * xr + C2) / (xx + rr + C2)


def _convolve(x: Tensor, window: Tensor) -> Tensor:
    """Each channel of the images, convolved with w wᵀ where it lies inside the image, for a symmetric window w (k,)."""
    rows = F.conv2d(x.flatten(0, 1)[:, None], window.view(1, 1, -1, 1))
    return F.conv2d(rows, window.view(1, 1, 1, -1))[:, 0].unflatten(0, x.shape[:2])


def _check_pair(x: Tensor, reference: Tensor, min_size: int, data_range: float) -> tuple[Tensor, Tensor]:
    """Images and references of at least ``min_size`` pixels per side, checked, in single precision at least."""
    check_shapes(x=(x, "floats n C H W"), reference=(reference, "floats n C H W"))
    if x.dtype != reference.dtype:
        raise ValueError(
            f"images and references must have the same dtype, not {x.dtype} and {reference.dtype}: use x.to(reference)"
        )
    if min(x.shape[-2:]) < min_size:
        raise ValueError(
            f"expected images of at least {min_size}×{min_size} pixels, the size of the window, not "
            f"{x.shape[-2]}×{x.shape[-1]}"
        )
    smallest, largest = torch.stack([*x.detach().aminmax(), *reference.detach().aminmax()]).double().aminmax()
    span = (largest - smallest).item()
    if not span <= 1.01 * data_range < math.inf:  # NaN fails; the tolerance is for rounding errors
        raise ValueError(
            f"expected finite pixels within a range of data_range={data_range:g}, got a range of {span:.3g}: pass "
            "data_range=255 for pixels from 0 to 255, or clamp the images"
        )
    dtype = promote_to_float32(x)
    return x.to(dtype), reference.to(dtype)
