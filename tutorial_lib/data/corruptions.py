"""Twelve image corruptions in five severities each, after the challenging conditions of CURE-TSR (Temel et al., 2017).

All corruptions are pure torch on images in [0, 1]. Lengths scale with the height of the image, so that a severity looks
the same at every size. Random numbers are drawn on the CPU, so that they are the same on every device.
"""

from collections.abc import Callable
from math import ceil, pi

import torch
from torch import Tensor, lerp
from torch.nn.functional import conv2d, pad

from tutorial_lib._validation import check_choice, check_range, convert_arguments, format_tensor, promote_to_float32
from tutorial_lib.data.scenes import one_over_f_noise
from tutorial_lib.data.sdf import segment
from tutorial_lib.runtime import default_generator, random_normal, random_uniform

REFERENCE_HEIGHT = 64  # the lengths below are in pixels of an image of this height


def _convolve(images: Tensor, kernel: Tensor) -> Tensor:
    """Each channel convolved with the same kernel; the image is mirrored at its border."""
    channels, (up, left) = images.shape[1], (kernel.shape[0] // 2, kernel.shape[1] // 2)
    mirrored = pad(images, (left, left, up, up), mode="reflect")
    return conv2d(mirrored, kernel.expand(channels, 1, *kernel.shape), groups=channels)


def _noise_map(images: Tensor, slope: float, generator: torch.Generator) -> Tensor:
    """One map of 1/f noise per image, (N, 1, H, W)."""
    height, width = images.shape[-2:]
    return one_over_f_noise(len(images), slope, height, width, generator, images.device).to(images)


def _sparse_noise(images: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """A map (N, 1, H, W) that is zero but for a share of its pixels, each of a random brightness in [0.5, 1]."""
    uniform = random_uniform(generator, len(images), 1, *images.shape[-2:])
    return ((uniform < share) * (0.5 + 0.5 * uniform / share)).to(images)


def lens_blur(images: Tensor, radius: float, generator: torch.Generator) -> Tensor:
    """Return images blurred by a disk, as by a lens that is out of focus.

    Args:
        images: images (N, 3, H, W).
        radius: radius of the disk, in pixels of an image of height ``REFERENCE_HEIGHT``.
        generator: has no effect.

    Returns:
        Images like the input.
    """
    radius = radius * images.shape[-2] / REFERENCE_HEIGHT
    reach = min(ceil(radius + 0.5), min(images.shape[-2:]) - 1)
    t = torch.arange(-reach, reach + 1.0, device=images.device, dtype=images.dtype)
    disk = (radius + 0.5 - torch.hypot(t[:, None], t[None])).clamp(0, 1)
    return _convolve(images, disk / disk.sum())


def compression_artifacts(images: Tensor, settings: tuple[float, float], generator: torch.Generator) -> Tensor:
    """Return images after a lossy block code with transmission errors ("codec error").

    The cosine transform of each 8×8 block is rounded in luma and chroma. Some blocks are replaced by the block to their
    left.

    Args:
        images: images (N, 3, H, W).
        settings: factor of the quantization step, and probability that a block is replaced.
        generator: selects the replaced blocks.

    Returns:
        Images like the input; values may leave [0, 1].
    """
    coarseness, loss_rate = settings
    n, _, height, width = images.shape
    rows, columns = ceil(height / 8), ceil(width / 8)
    padded = pad(images, (0, 8 * columns - width, 0, 8 * rows - height), mode="replicate")
    i = torch.arange(8.0, device=images.device, dtype=images.dtype)
    cosine = 0.5 * torch.cos((2 * i + 1) * i[:, None] * pi / 16)
    cosine[0] *= 0.5**0.5
    to_luma = images.new_tensor([[0.299, 0.587, 0.114], [-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]])
    blocks = torch.einsum("ij,njhw->nihw", to_luma, padded).reshape(n, 3, rows, 8, columns, 8).transpose(3, 4)
    step = (0.02 + 0.012 * (i[:, None] + i)) * coarseness * images.new_tensor([1.0, 2, 2])[:, None, None, None, None]
    blocks = cosine.T @ (((cosine @ blocks @ cosine.T) / step).round() * step) @ cosine
    is_lost = (random_uniform(generator, n, 1, rows, columns, 1, 1) < loss_rate).to(images.device)
    blocks = torch.where(is_lost, blocks.roll(1, 3), blocks)
    decoded = blocks.transpose(3, 4).reshape(n, 3, 8 * rows, 8 * columns)[..., :height, :width]
    return torch.einsum("ij,njhw->nihw", torch.linalg.inv(to_luma), decoded)


def dirty_lens(images: Tensor, threshold: float, generator: torch.Generator) -> Tensor:
    """Return images seen through patches of dirt.

    Args:
        images: images (N, 3, H, W).
        threshold: level of the noise above which there is dirt; a lower threshold means more dirt.
        generator: source of the noise that places the dirt.

    Returns:
        Images like the input.
    """
    dirt = 0.85 * torch.sigmoid(4 * (_noise_map(images, 1.3, generator) - threshold))
    return lerp(images, images.new_tensor([0.33, 0.29, 0.22])[:, None, None], dirt)


def overexposure(images: Tensor, settings: tuple[float, float], generator: torch.Generator) -> Tensor:
    """Return images multiplied by a gain and shifted towards white ("exposure").

    Args:
        images: images (N, 3, H, W).
        settings: gain, and offset that is added.
        generator: has no effect.

    Returns:
        Images like the input; values may exceed 1.
    """
    gain, offset = settings
    return images * gain + offset


def gaussian_blur(images: Tensor, sigma: float, generator: torch.Generator | None = None) -> Tensor:
    """Return images blurred by a Gaussian.

    Args:
        images: images (N, 3, H, W).
        sigma: standard deviation, in pixels of an image of height ``REFERENCE_HEIGHT``.
        generator: has no effect.

    Returns:
        Images like the input.
    """
    sigma = sigma * images.shape[-2] / REFERENCE_HEIGHT
    reach = min(ceil(2.5 * sigma), min(images.shape[-2:]) - 1)
    t = torch.arange(-reach, reach + 1.0, device=images.device, dtype=images.dtype)
    bell = torch.exp(-t * t / (2 * sigma * sigma))
    bell = bell / bell.sum()
    return _convolve(_convolve(images, bell[:, None]), bell[None])  # separable


def rain(images: Tensor, settings: tuple[float, float], generator: torch.Generator) -> Tensor:
    """Return slightly darker images with slanted streaks.

    Args:
        images: images (N, 3, H, W).
        settings: share of pixels at which a streak is centered, and half the length of a streak in pixels of an image
            of height ``REFERENCE_HEIGHT``.
        generator: places the streaks.

    Returns:
        Images like the input.
    """
    share, length = settings
    scale = images.shape[-2] / REFERENCE_HEIGHT
    reach = ceil(length * scale)
    t = torch.arange(-reach, reach + 1.0, device=images.device, dtype=images.dtype)
    y, x = torch.meshgrid(t, t, indexing="ij")
    streak = (0.75 * max(scale, 0.75) - segment(x, y, (-0.22 * reach, -reach), (0.22 * reach, reach))).clamp(0, 1)
    drops = 0.75 * conv2d(_sparse_noise(images, share, generator), streak[None, None], padding=reach).clamp(0, 1)
    return lerp(images * (1 - 3 * share), images.new_tensor([0.80, 0.83, 0.88])[:, None, None], drops)


def shadow(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Return images with stripes of shade at a random angle, as of a window blind.

    Args:
        images: images (N, 3, H, W).
        strength: share of the light that the shade removes.
        generator: source of the angle, number and phase of the stripes.

    Returns:
        Images like the input.
    """
    n, _, height, width = images.shape
    angle, count, phase = random_uniform(generator, 3, n, 1, 1).to(images)
    v = torch.linspace(-1, 1, height, dtype=images.dtype, device=images.device)[:, None]
    u = torch.linspace(-width / height, width / height, width, dtype=images.dtype, device=images.device)
    along = torch.cos(pi * angle) * v + torch.sin(pi * angle) * u
    shade = torch.sigmoid(6 * torch.sin((2 + 3 * count) * pi * along + 2 * pi * phase))
    return images * (1 - strength * shade[:, None])


def snow(images: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Return slightly grayer images with snowflakes.

    The flakes have three sizes; near flakes are larger and fewer.

    Args:
        images: images (N, 3, H, W).
        share: density of the flakes, a share of the pixels.
        generator: places the flakes.

    Returns:
        Images like the input.
    """
    flakes = torch.zeros_like(images[:, :1])
    for sigma in (0.6, 1.0, 1.5):
        radius = sigma * images.shape[-2] / REFERENCE_HEIGHT
        flakes = flakes + 8 * radius * radius * gaussian_blur(_sparse_noise(images, share / sigma, generator), sigma)
    flakes = flakes.clamp(0, 1)
    return lerp(images * (1 - 5 * share) + 2 * share, torch.full_like(images, 0.97), flakes)


def haze(images: Tensor, density: float, generator: torch.Generator) -> Tensor:
    """Return images behind a gray veil of slightly varying density.

    Args:
        images: images (N, 3, H, W).
        density: mean opacity of the veil.
        generator: source of the variation.

    Returns:
        Images like the input.
    """
    veil = (density * (1 + 0.12 * _noise_map(images, 1.6, generator))).clamp(0, 0.95)
    return lerp(images, images.new_tensor([0.80, 0.82, 0.84])[:, None, None], veil)


# Corruption -> function of images, parameter and generator, and the parameters of the five severities.
_SEVERITY_PARAMETERS: dict[str, tuple[Callable[..., Tensor], tuple]] = {
    # Moves the colors towards gray, the mean of the channels.
    "decolorization": (lambda x, strength, _: lerp(x, x.mean(1, keepdim=True), strength), (0.2, 0.4, 0.6, 0.8, 1.0)),
    "lens blur": (lens_blur, (0.9, 1.4, 2.0, 2.7, 3.5)),
    "codec error": (compression_artifacts, ((1.5, 0), (3, 0.04), (5, 0.08), (8, 0.13), (12, 0.20))),
    "darkening": (lambda x, factor, _: x * factor, (0.65, 0.45, 0.30, 0.19, 0.11)),
    "dirty lens": (dirty_lens, (1.4, 0.9, 0.5, 0.15, -0.2)),
    "exposure": (overexposure, ((1.3, 0.02), (1.7, 0.05), (2.2, 0.10), (2.9, 0.16), (4.0, 0.22))),
    "gaussian blur": (gaussian_blur, (0.7, 1.1, 1.6, 2.2, 3.0)),
    "noise": (
        lambda x, sigma, generator: x + sigma * random_normal(generator, *x.shape).to(x),
        (0.05, 0.10, 0.17, 0.26, 0.38),
    ),
    "rain": (rain, ((0.010, 5), (0.018, 6), (0.028, 7), (0.042, 8), (0.060, 9))),
    "shadow": (shadow, (0.30, 0.48, 0.63, 0.76, 0.87)),
    "snow": (snow, (0.004, 0.008, 0.014, 0.022, 0.034)),
    "haze": (haze, (0.10, 0.19, 0.28, 0.37, 0.46)),
}
CORRUPTIONS: tuple[str, ...] = tuple(_SEVERITY_PARAMETERS)
SEVERITIES = (1, 2, 3, 4, 5)


@convert_arguments
def corrupt(images: Tensor, corruption: str, severity: int, *, generator: torch.Generator | None = None) -> Tensor:
    """Return images under one of the twelve corruptions.

    Args:
        images: images (N, 3, H, W), floats in [0, 1].
        corruption: one of ``CORRUPTIONS``.
        severity: 1 (slight) to 5 (severe).
        generator: source of randomness, on the CPU; None is a new one with seed 0.

    Returns:
        Images like the input, in [0, 1], on the same device.

    Raises:
        ValueError: an unknown corruption (the message gives the nearest ones), a severity outside 1–5, or images of
            another shape, type or range.

    References:
        Temel et al., 2017, arXiv:1712.02463 (CURE-TSR).

    Example:
        >>> corrupt(torch.rand(2, 3, 48, 48), "haze", 3).shape
        torch.Size([2, 3, 48, 48])
    """
    function, parameters = _SEVERITY_PARAMETERS[check_choice(corruption, CORRUPTIONS, "corruption")]
    if severity not in SEVERITIES:
        raise ValueError(f"severity must be 1 (slight) to 5 (severe), not {severity!r}")
    check_images(images)
    if not len(images):
        return images.clone()
    # Half precision is too coarse for the convolutions and transforms.
    fine = images.to(promote_to_float32(images))
    return function(fine, parameters[severity - 1], default_generator(generator)).clamp(0, 1).to(images)


@convert_arguments
def check_images(images: Tensor) -> None:
    """Raise an error unless images are floats in [0, 1] of shape (N, 3, H, W).

    The values are looked at, so the check waits for a GPU.

    Args:
        images: the images to check.

    Raises:
        ValueError: another shape, type or range; the message says how to correct it.

    Example:
        >>> check_images(torch.rand(2, 3, 8, 8))
    """
    if not isinstance(images, Tensor) or images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
        raise ValueError(
            f"expected images of shape (N, 3, H, W), floats in [0, 1], got {format_tensor(images)}; "
            "add a batch axis to a single image: images[None]; divide bytes by 255"
        )
    check_range("images", images, 0, 1, "divide bytes by 255, undo a normalization, or clamp them")
