"""Spectral residual: what a picture has that pictures on average have not. A map without any network, to be beaten."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from tutorial_lib._batching import batch_slices
from tutorial_lib.metrics import gaussian_smooth


def spectral_residual(x: Tensor, *, width: int = 64, blur_sigma: float = 2.5, batch_size: int = 64) -> Tensor:
    """The unexpected part of the spectrum, turned back into a map: S ≥ 0, higher = more salient. (N, C, H, W) -> (N, H, W).

    R = log|F| − mean₃ₓ₃ log|F| of the grey picture at ``width`` pixels, S = g * |F⁻¹(e^{R + i arg F})|², brought to the picture's
    size (bilinear). Multiplying the picture by a number changes nothing. A picture of one colour has nothing unexpected: zero.

    Args:
        x: pictures, floats.
        width: of the small picture, in pixels; the height follows. It sets the scale of what may be unexpected.
        blur: standard deviation of g, in its pixels.
        chunk: pictures at a time.

    Raises:
        ValueError: x is no pictures of finite floats.

    Source: Hou and Zhang, CVPR 2007, doi 10.1109/CVPR.2007.383267.

    Example:
        >>> x = torch.rand(2, 3, 48, 64, generator=torch.Generator().manual_seed(0))
        >>> S = spectral_residual(x)
        >>> S.shape, torch.allclose(spectral_residual(3 * x), S)
        (torch.Size([2, 48, 64]), True)
    """
    if x.dim() != 4 or not x.numel() or not x.is_floating_point() or not x.isfinite().all():
        raise ValueError(
            f"the spectral residual is of pictures of finite floats (N, C, H, W), not {x.dtype} {tuple(x.shape)}"
        )
    height = max(1, round(width * x.shape[-2] / x.shape[-1]))
    found = []
    for rows in batch_slices(len(x), batch_size):
        part = x[rows].detach()
        # No Fourier transform in half precision; and what is zero up to rounding needs the digits.
        grey = part.double().mean(1, keepdim=True)
        small = F.interpolate(grey, (height, width), mode="bilinear", align_corners=False, antialias=True)
        flat = small.amax((1, 2, 3)) - small.amin((1, 2, 3)) <= 1e-6 * small.abs().amax((1, 2, 3))
        spectrum = torch.fft.fft2(small)
        size = spectrum.abs()
        log = size.clamp(min=1e-12 * size.amax((1, 2, 3), keepdim=True)).clamp(min=torch.finfo(size.dtype).tiny).log()
        residual = log - F.avg_pool2d(F.pad(log, (1, 1, 1, 1), mode="circular"), 3, stride=1)
        back = torch.fft.ifft2(torch.polar(residual.exp(), spectrum.angle())).abs().square()
        back = gaussian_smooth(back, blur_sigma).masked_fill(flat.view(-1, 1, 1, 1), 0)
        found.append(F.interpolate(back, tuple(x.shape[-2:]), mode="bilinear", align_corners=False)[:, 0].to(x.dtype))
    return torch.cat(found)
