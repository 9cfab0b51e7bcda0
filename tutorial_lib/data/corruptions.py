"""Twelve conditions under which a camera sees worse, in five levels each, after CURE-TSR (Temel et al., 2017).

All work in pure torch on images in [0, 1]; lengths scale with the picture, so that a level looks the same at every size. Random
numbers are drawn on the CPU.
"""

from collections.abc import Callable
from math import ceil, pi

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from tutorial_lib._validation import check_choice
from tutorial_lib.data.scenes import lerp, one_over_f_noise
from tutorial_lib.data.sdf import segment

REFERENCE_HEIGHT = 64  # lengths below are in pixels of a picture this high


def _convolve(images: Tensor, kernel: Tensor) -> Tensor:
    """One kernel on every channel; the picture is mirrored at its border."""
    channels, (up, left) = images.shape[1], (kernel.shape[0] // 2, kernel.shape[1] // 2)
    mirrored = pad(images, (left, left, up, up), mode="reflect")
    return conv2d(mirrored, kernel.expand(channels, 1, *kernel.shape), groups=channels)


def _gaussian_blur(images: Tensor, sigma: float) -> Tensor:
    reach = min(ceil(2.5 * sigma), min(images.shape[-2:]) - 1)
    t = torch.arange(-reach, reach + 1.0, device=images.device, dtype=images.dtype)
    bell = torch.exp(-t * t / (2 * sigma * sigma))
    bell = bell / bell.sum()
    return _convolve(_convolve(images, bell[:, None]), bell[None])  # separable


def _color_tensor(red: float, green: float, blue: float, like: Tensor) -> Tensor:
    return torch.tensor([red, green, blue], device=like.device, dtype=like.dtype)[:, None, None]


def _noise_map(images: Tensor, slope: float, generator: torch.Generator) -> Tensor:
    n, _, height, width = images.shape
    (noise,) = one_over_f_noise(n, (slope,), height, width, generator, images.device)
    return noise.to(images)


def _sparse_noise(images: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Single pixels of random brightness, sown over the picture: the seeds of drops and flakes."""
    n, _, height, width = images.shape
    sown = torch.rand(n, 1, height, width, generator=generator)
    return ((sown < share) * (0.5 + 0.5 * sown / share)).to(images)


def desaturate(images, strength, generator):
    return lerp(images, images.mean(1, keepdim=True), strength)


def lens_blur(images, radius, generator):
    radius = radius * images.shape[-2] / REFERENCE_HEIGHT
    reach = ceil(radius + 0.5)
    t = torch.arange(-reach, reach + 1.0, device=images.device, dtype=images.dtype)
    disc = (radius + 0.5 - torch.hypot(t[:, None], t[None])).clamp(0, 1)
    return _convolve(images, disc / disc.sum())


def compression_artifacts(images, settings, generator):
    """Blocks of 8×8, their cosine transform rounded coarsely in luma and chroma; some blocks arrive in the wrong place."""
    coarseness, lost = settings
    n, _, height, width = images.shape
    rows, columns = ceil(height / 8), ceil(width / 8)
    padded = pad(images, (0, 8 * columns - width, 0, 8 * rows - height), mode="replicate")
    i = torch.arange(8.0, device=images.device, dtype=images.dtype)
    cosine = 0.5 * torch.cos((2 * i + 1) * i[:, None] * pi / 16)
    cosine[0] *= 0.5**0.5
    to_luma = torch.tensor([[0.299, 0.587, 0.114], [-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]]).to(images)
    blocks = torch.einsum("ij,njhw->nihw", to_luma, padded).reshape(n, 3, rows, 8, columns, 8).transpose(3, 4)
    step = (
        (0.02 + 0.012 * (i[:, None] + i)) * coarseness * torch.tensor([1.0, 2, 2]).to(images)[:, None, None, None, None]
    )
    blocks = cosine.T @ (((cosine @ blocks @ cosine.T) / step).round() * step) @ cosine
    gone = (torch.rand(n, 1, rows, columns, 1, 1, generator=generator) < lost).to(images.device)
    blocks = torch.where(gone, blocks.roll(1, 3), blocks)
    flat = blocks.transpose(3, 4).reshape(n, 3, 8 * rows, 8 * columns)[..., :height, :width]
    return torch.einsum("ij,njhw->nihw", torch.linalg.inv(to_luma), flat)


def darkening(images, share, generator):
    return images * share


def dirty_lens(images, threshold, generator):
    dirt = 0.85 * torch.sigmoid(4 * (_noise_map(images, 1.3, generator) - threshold))
    return lerp(images, _color_tensor(0.33, 0.29, 0.22, images), dirt)


def overexposure(images, settings, generator):
    gain, lift = settings
    return images * gain + lift


def gaussian_blur(images, sigma, generator):
    return _gaussian_blur(images, sigma * images.shape[-2] / REFERENCE_HEIGHT)


def noise(images, sigma, generator):
    return images + sigma * torch.randn(images.shape, generator=generator).to(images)


def rain(images, settings, generator):
    """Slanted streaks, and a little less light."""
    share, length = settings
    scale = images.shape[-2] / REFERENCE_HEIGHT
    reach = ceil(length * scale)
    t = torch.arange(-reach, reach + 1.0, device=images.device, dtype=images.dtype)
    y, x = torch.meshgrid(t, t, indexing="ij")
    streak = (0.75 * max(scale, 0.75) - segment(x, y, (-0.22 * reach, -reach), (0.22 * reach, reach))).clamp(0, 1)
    drops = 0.75 * conv2d(_sparse_noise(images, share, generator), streak[None, None], padding=reach).clamp(0, 1)
    return lerp(images * (1 - 3 * share), _color_tensor(0.80, 0.83, 0.88, images), drops)


def shadow(images, depth, generator):
    """Stripes of shade at a random angle, as through a blind."""
    n, _, height, width = images.shape
    angle, count, phase = torch.rand(3, n, 1, 1, generator=generator).to(images)
    v = torch.linspace(-1, 1, height).to(images)[:, None]
    u = torch.linspace(-width / height, width / height, width).to(images)
    along = torch.cos(pi * angle) * v + torch.sin(pi * angle) * u
    shade = torch.sigmoid(6 * torch.sin((2 + 3 * count) * pi * along + 2 * pi * phase))
    return images * (1 - depth * shade[:, None])


def snow(images, share, generator):
    """Flakes of three sizes, near ones larger and fewer."""
    flakes = torch.zeros_like(images[:, :1])
    for sigma in (0.6, 1.0, 1.5):
        spread = sigma * images.shape[-2] / REFERENCE_HEIGHT
        flakes = flakes + 8 * spread * spread * _gaussian_blur(_sparse_noise(images, share / sigma, generator), spread)
    flakes = flakes.clamp(0, 1)
    return lerp(images * (1 - 5 * share) + 2 * share, torch.full_like(images, 0.97), flakes)


def haze(images, density, generator):
    veil = (density * (1 + 0.12 * _noise_map(images, 1.6, generator))).clamp(0, 0.95)
    return lerp(images, _color_tensor(0.80, 0.82, 0.84, images), veil)


_SEVERITY_PARAMETERS: dict[str, tuple[Callable, tuple]] = {
    "decolorisation": (desaturate, (0.2, 0.4, 0.6, 0.8, 1.0)),
    "lens blur": (lens_blur, (0.9, 1.4, 2.0, 2.7, 3.5)),
    "codec error": (compression_artifacts, ((1.5, 0), (3, 0.04), (5, 0.08), (8, 0.13), (12, 0.20))),
    "darkening": (darkening, (0.65, 0.45, 0.30, 0.19, 0.11)),
    "dirty lens": (dirty_lens, (1.4, 0.9, 0.5, 0.15, -0.2)),
    "exposure": (overexposure, ((1.3, 0.02), (1.7, 0.05), (2.2, 0.10), (2.9, 0.16), (4.0, 0.22))),
    "gaussian blur": (gaussian_blur, (0.7, 1.1, 1.6, 2.2, 3.0)),
    "noise": (noise, (0.05, 0.10, 0.17, 0.26, 0.38)),
    "rain": (rain, ((0.010, 5), (0.018, 6), (0.028, 7), (0.042, 8), (0.060, 9))),
    "shadow": (shadow, (0.30, 0.48, 0.63, 0.76, 0.87)),
    "snow": (snow, (0.004, 0.008, 0.014, 0.022, 0.034)),
    "haze": (haze, (0.10, 0.19, 0.28, 0.37, 0.46)),
}
CORRUPTIONS: tuple[str, ...] = tuple(_SEVERITY_PARAMETERS)
SEVERITIES = (1, 2, 3, 4, 5)


def corrupt(images: Tensor, corruption: str, severity: int, *, generator: torch.Generator | None = None) -> Tensor:
    """See pictures under one of the twelve ``CHALLENGES``.

    Args:
        images: (N, 3, H, W), float in [0, 1].
        kind: one of ``CHALLENGES``.
        level: 1 (slight) to 5 (severe).
        generator: source of randomness, on the CPU; without one, a fresh one seeded with 0.

    Returns:
        like ``images``, in [0, 1], on the same device.

    Raises:
        ValueError: an unknown challenge (the nearest are named), a level outside 1–5, images of another shape, type or range.

    Example:
        >>> corrupt(torch.rand(2, 3, 48, 48), "haze", 3).shape
        torch.Size([2, 3, 48, 48])
    """
    draw, settings = _SEVERITY_PARAMETERS[check_choice(corruption, CORRUPTIONS, "challenge")]
    if severity not in SEVERITIES:
        raise ValueError(f"level {severity!r} does not exist; levels run from 1 (slight) to 5 (severe)")
    check_images(images)
    generator = generator if generator is not None else torch.Generator().manual_seed(0)
    return draw(images, settings[int(severity) - 1], generator).clamp(0, 1)


def check_images(images: Tensor) -> None:
    """Raise a ValueError unless ``images`` are floats in [0, 1] of shape (N, 3, H, W), saying how to make them so."""
    if not isinstance(images, Tensor) or images.ndim != 4 or images.shape[1] != 3:
        shape = tuple(images.shape) if isinstance(images, Tensor) else type(images).__name__
        raise ValueError(f"images are tensors (N, 3, H, W), this is {shape}; a single picture needs images[None]")
    if not images.is_floating_point():
        raise ValueError(f"images are floats in [0, 1], these are {images.dtype}; divide bytes by 255")
    if len(images) and not (images.amin() >= 0 and images.amax() <= 1):  # NaN fails both
        low, high = float(images.amin()), float(images.amax())
        raise ValueError(
            f"images lie in [0, 1], these run from {low:.3g} to {high:.3g}; undo a normalisation or clamp them first"
        )
