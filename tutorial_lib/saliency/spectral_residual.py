"""Spectral residual: a saliency map without a network, from what is unusual in the spectrum of an image."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from tutorial_lib._batching import run_in_batches
from tutorial_lib._validation import check_counts, check_nonnegative, convert_arguments
from tutorial_lib.metrics import gaussian_smooth

LUMA = (0.299, 0.587, 0.114)  # weights of red, green and blue, ITU-R BT.601


@convert_arguments
def spectral_residual(x: Tensor, *, width: int = 64, blur_sigma: float = 2.5, batch_size: int = 64) -> Tensor:
    """Return the spectral residual of each image, transformed back into a saliency map.

    S = g * |F⁻¹(e^{R + i arg F})|² with R = log|F| − mean₃ₓ₃ log|F|, where F is the Fourier transform of the gray image
    at ``width`` pixels and g is a Gaussian. The map does not change when the image is multiplied by a number.

    The steps are those of the published code: luma, bicubic downsampling, and a mean that repeats the border of the
    spectrum. Only g differs. The published code pads the image with zeros before it blurs, which makes the map darker
    near the edges and so adds a center prior; here g averages the available pixels.

    Args:
        x: images (N, C, H, W), finite floats; the luma of three channels, otherwise the mean of the channels.
        width: width of the downsampled image, in pixels; its height follows from the aspect ratio. The width determines
            the scale of the structures that can be salient.
        blur_sigma: standard deviation of g, in pixels of the downsampled image.
        batch_size: images per batch; it bounds the memory and does not change the result.

    Returns:
        Maps (N, H, W), ≥ 0, resized bilinearly to the size of the image; higher means more salient. An image of one
        color has the map zero.

    Raises:
        ValueError: x does not hold images of finite floats.

    References:
        Hou and Zhang, CVPR 2007, doi:10.1109/CVPR.2007.383267.

    Example:
        >>> x = torch.rand(2, 3, 48, 64, generator=torch.Generator().manual_seed(0))
        >>> S = spectral_residual(x)
        >>> S.shape, torch.allclose(spectral_residual(3 * x), S)
        (torch.Size([2, 48, 64]), True)
    """
    if x.dim() != 4 or not x.numel() or not x.is_floating_point() or not x.isfinite().all():
        raise ValueError(
            f"expected images of finite floats (N, C, H, W), not {x.dtype} {tuple(x.shape)}; check for NaN and infinity"
        )
    check_counts(width=width)
    check_nonnegative(blur_sigma=blur_sigma)
    height = max(1, round(width * x.shape[-2] / x.shape[-1]))

    def one_batch(x: Tensor) -> Tensor:
        # The Fourier transform does not support half precision, and rounding errors must stay small next to zeros.
        channels = x.detach().double()
        weights = channels.new_tensor(LUMA if x.shape[1] == 3 else [1 / x.shape[1]] * x.shape[1])
        gray = torch.einsum("nchw,c->nhw", channels, weights)[:, None]
        small = F.interpolate(gray, (height, width), mode="bicubic", align_corners=False, antialias=True)
        is_flat = small.amax((1, 2, 3)) - small.amin((1, 2, 3)) <= 1e-6 * small.abs().amax((1, 2, 3))
        spectrum = torch.fft.fft2(small)
        amplitude = spectrum.abs()
        log = (
            amplitude.clamp(min=1e-12 * amplitude.amax((1, 2, 3), keepdim=True))
            .clamp(min=torch.finfo(amplitude.dtype).tiny)
            .log()
        )
        residual = log - F.avg_pool2d(F.pad(log, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
        saliency = torch.fft.ifft2(torch.polar(residual.exp(), spectrum.angle())).abs().square()
        saliency = gaussian_smooth(saliency, blur_sigma).masked_fill(is_flat.view(-1, 1, 1, 1), 0)
        return F.interpolate(saliency, tuple(x.shape[-2:]), mode="bilinear", align_corners=False)[:, 0].to(x.dtype)

    return run_in_batches(one_batch, x, batch_size=batch_size)
