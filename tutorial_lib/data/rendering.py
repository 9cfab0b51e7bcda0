"""Rendering of traffic signs: the pixels that each paint covers, and the image that a camera records."""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, cast, overload

import torch
from torch import Tensor, lerp

from tutorial_lib._batching import batch_slices
from tutorial_lib._validation import convert_arguments
from tutorial_lib.data.scenes import RENDER_BATCH, Pose, Scene, sample_scenes
from tutorial_lib.data.sdf import box
from tutorial_lib.data.signs import DESIGNS, PAINTS, SignLabels, to_label_tensor
from tutorial_lib.data.transforms import hue_rotation_matrix
from tutorial_lib.runtime import default_generator

FOCAL_LENGTH = 3.5  # in units of half the height of the image
# Which paints have a hue that can be rotated.
CHROMATIC_PAINTS = torch.tensor([max(color) - min(color) > 0.1 for color in PAINTS.values()], device="cpu")


class SignCoverage(NamedTuple):
    """The pixels that the paints of N signs cover, before any light.

    Attributes:
        paint_fractions: fraction of each pixel that each of the K paints covers (N, K, H, W).
        transmittance: fraction of each pixel that the sign leaves free (N, 1, H, W).
        glyph: fraction of each pixel that the message of the sign covers (N, 1, H, W).
        shadow: factor by which the sign darkens the background around it (N, 1, H, W).
        pole: coverage and brightness of the pole (N, 2, H, W).
        normal: direction in which the sign faces, a unit vector (N, 3).
    """

    paint_fractions: Tensor
    transmittance: Tensor
    glyph: Tensor
    shadow: Tensor
    pole: Tensor
    normal: Tensor


class RenderResult(NamedTuple):
    """Rendered images with the positions of their signs.

    Attributes:
        images: images (N, 3, H, W), floats in [0, 1].
        sign_mask: fraction of each pixel that shows the sign (N, 1, H, W).
        glyph_mask: fraction of each pixel that shows the message of the sign (N, 1, H, W).
    """

    images: Tensor
    sign_mask: Tensor
    glyph_mask: Tensor


def _rotation_matrix(yaw: Tensor, pitch: Tensor, roll: Tensor) -> Tensor:
    """Rotation matrices (N, 3, 3) of three angles (N,)."""
    (cy, cp, cr), (sy, sp, sr) = [(f(yaw), f(pitch), f(roll)) for f in (torch.cos, torch.sin)]
    rows = [
        [cy * cr + sy * sp * sr, sy * sp * cr - cy * sr, sy * cp],
        [cp * sr, cp * cr, -sp],
        [cy * sp * sr - sy * cr, sy * sr + cy * sp * cr, cy * cp],
    ]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def sign_plane_coordinates(pose: Pose, height: int, width: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the coordinates of every pixel in the plane of its sign.

    Args:
        pose: pose of N signs, each field a tensor (N,).
        height: height of the images in pixels.
        width: width of the images in pixels.

    Returns:
        x and y in the plane of the sign and the width of the pixel there, each (N, H, W) in units of the sign, and the
        unit vector (N, 3) in which the sign faces.
    """
    yaw, pitch, roll, size, center_x, center_y = cast(tuple[Tensor, ...], pose)
    rotation = _rotation_matrix(yaw, pitch, roll)
    column = torch.stack([center_x, center_y, torch.ones_like(center_x)], -1)[..., None]
    projected = torch.cat([rotation[:, :2, :2], rotation[:, 2:, :2] / FOCAL_LENGTH], 1)
    to_sign = torch.linalg.inv(torch.cat([projected * size[:, None, None], column], 2))
    v = (torch.arange(height, device=size.device, dtype=size.dtype) + 0.5) / height * 2 - 1
    u = (torch.arange(width, device=size.device, dtype=size.dtype) + 0.5) / height * 2 - width / height
    a, b, c = to_sign[:, :, 0, None, None], to_sign[:, :, 1, None, None], to_sign[:, :, 2, None, None]
    x, y, w = (a * u + b * v[:, None] + c).unbind(1)
    footprint = 2 / height * (torch.linalg.det(to_sign).abs()[:, None, None] / w.abs() ** 3).sqrt()
    return x / w, y / w, footprint, rotation[:, :, 2]


def _coverage(distance: Tensor, footprint: Tensor) -> Tensor:
    """Fraction of each pixel inside a shape, from the signed distance and the width of the pixel."""
    return (0.5 - distance / footprint).clamp(0, 1)


def rasterize_signs(labels: Tensor, pose: Pose, height: int, width: int) -> SignCoverage:
    """Return the pixels that the paints of signs cover.

    Args:
        labels: sign of each image (N,), on the CPU.
        pose: pose of the signs, each field a tensor (N,).
        height: height of the images in pixels.
        width: width of the images in pixels.

    Returns:
        The coverage of N signs.
    """
    x, y, footprint, normal = sign_plane_coordinates(pose, height, width)
    paints = list(PAINTS)
    fractions = x.new_zeros(len(labels), len(paints), height, width)
    transmittance, shadow, glyph = torch.ones_like(x), torch.ones_like(x), torch.zeros_like(x)
    for label in labels.unique().tolist():
        rows = (labels == label).nonzero()[:, 0].to(x.device)
        layers = DESIGNS[label](x[rows], y[rows])
        paint, free, message = fractions[rows], transmittance[rows], glyph[rows]
        for layer in layers:
            covered = _coverage(layer.distance, footprint[rows])
            paint = paint * (1 - covered[:, None])
            paint[:, paints.index(layer.paint)] += covered
            free = free * (1 - covered)
            message = message * (1 - covered) + covered * layer.glyph
        fractions, transmittance, glyph = (
            t.index_copy(0, rows, part) for t, part in ((fractions, paint), (transmittance, free), (glyph, message))
        )
        shadow = shadow.index_copy(0, rows, 1 - 0.35 * (0.5 - layers[0].distance / 0.16).clamp(0, 1))
    pole = _coverage(box(x, y, 0.055, 20, (0, 20)), footprint)
    metal = (0.42 + 0.25 * torch.cos(22 * x)).clamp(0.2, 0.7)
    return SignCoverage(
        fractions, transmittance[:, None], glyph[:, None], shadow[:, None], torch.stack([pole, metal], 1), normal
    )


def _palette(hue: Tensor) -> Tensor:
    """Colors of the paints (N, K, 3), with the hue of the chromatic ones rotated by an angle (N,)."""
    colors = torch.tensor(list(PAINTS.values()), device=hue.device, dtype=hue.dtype)
    rotated = torch.einsum("nij,kj->nki", hue_rotation_matrix(hue), colors).clamp(0, 1)
    is_rotated = CHROMATIC_PAINTS.to(hue.device)[:, None] & (hue != 0)[:, None, None]
    return torch.where(is_rotated, rotated, colors)


def composite(scene: Scene, *coverages: SignCoverage, poles: bool = True) -> RenderResult:
    """Return the images that the camera records of scenes and the signs in them.

    Args:
        scene: N scenes.
        *coverages: coverage of the signs, from back to front; each holds one sign per scene.
        poles: whether to render the poles.

    Returns:
        Images, and the masks of all signs together.
    """
    image, sign, glyph = (
        scene.background,
        torch.zeros_like(scene.occluder_alpha),
        torch.zeros_like(scene.occluder_alpha),
    )
    height, width = image.shape[-2:]
    v = torch.linspace(-1, 1, height, device=image.device, dtype=image.dtype)[:, None]
    u = torch.linspace(-1, 1, width, device=image.device, dtype=image.dtype)
    illumination = (
        1 + scene.illumination_gradient[:, :1, None, None] * u + scene.illumination_gradient[:, 1:, None, None] * v
    )
    palette = _palette(scene.hue_shift)
    for coverage in coverages:
        lambert = 0.62 + 0.5 * (coverage.normal * scene.light_direction).sum(-1).clamp(min=0)[:, None, None, None]
        if poles:
            image = lerp(image, coverage.pole[:, 1:] * lambert, coverage.pole[:, :1])
        albedo = torch.einsum("nkhw,nkc->nchw", coverage.paint_fractions, palette)
        image = (
            image * coverage.shadow * coverage.transmittance + albedo * lambert * scene.surface_texture * illumination
        )
        sign = sign * coverage.transmittance + (1 - coverage.transmittance)
        glyph = glyph * coverage.transmittance + coverage.glyph
    image = lerp(image, scene.occluder, scene.occluder_alpha)
    image = (image * scene.camera_gain[:, :, None, None] + scene.camera_noise).clamp(0, 1)
    visible = 1 - scene.occluder_alpha
    return RenderResult(image, sign * visible, glyph * visible)


def iter_scene_batches(n: int, scene: Scene | None, **options: Any) -> Iterator[tuple[slice, Scene]]:
    """Generate the scenes of n images, a batch at a time.

    Args:
        n: number of images.
        scene: the scenes, one for all images or one for each; None samples them at random.
        **options: arguments of :func:`~tutorial_lib.data.scenes.sample_scenes`.

    Yields:
        The rows of a batch, and its scenes.

    Raises:
        ValueError: the number of scenes is neither 1 nor n.
    """
    if scene is not None and len(scene) not in (1, n):
        raise ValueError(f"{len(scene)} scenes do not fit {n} labels; give one scene, or one for each")
    options["generator"] = default_generator(options.get("generator"))
    for rows in batch_slices(n, RENDER_BATCH):
        count = min(rows.stop, n) - rows.start
        if scene is None:
            yield rows, sample_scenes(count, **options)
        else:
            yield rows, scene.repeat(count) if len(scene) == 1 else scene[rows]


@overload
def render(
    labels: SignLabels,
    *,
    size: int | tuple[int, int] = 48,
    distribution: str = "wild",
    scene: Scene | None = None,
    masks: Literal[False] = False,
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
) -> Tensor: ...


@overload
def render(
    labels: SignLabels,
    *,
    size: int | tuple[int, int] = 48,
    distribution: str = "wild",
    scene: Scene | None = None,
    masks: Literal[True],
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
) -> RenderResult: ...


@convert_arguments
def render(
    labels: SignLabels,
    *,
    size: int | tuple[int, int] = 48,
    distribution: str = "wild",
    scene: Scene | None = None,
    masks: bool = False,
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
) -> Tensor | RenderResult:
    """Return one image per label of the synthetic traffic-sign dataset.

    Args:
        labels: one sign or several, as names or as indices into ``SIGNS + NOVEL_SIGNS``.
        size: height of the images in pixels, or (height, width).
        distribution: distribution of the scenes, "wild" (far and near, tilted, some behind leaves) or "clean" (large
            and nearly upright).
        scene: the scenes, one for all images or one for each; they determine ``size``, ``distribution``, ``generator``
            and ``device``. None samples them at random. If the fields of their pose require gradients, so do the
            images.
        masks: also return the positions of the signs and of their messages.
        generator: source of randomness, on the CPU; None is a new one with seed 0, which gives the same images each
            time.
        device: device of the images; None is the CPU. The random numbers are the same on every device.

    Returns:
        Images (N, 3, H, W), floats in [0, 1]; with ``masks``, a :class:`RenderResult`.

    Raises:
        ValueError: an unknown sign or distribution (the message gives the nearest ones), no label, or more or fewer
            scenes than labels.

    Example:
        >>> render(["stop", "yield"]).shape
        torch.Size([2, 3, 48, 48])
    """
    labels = to_label_tensor(labels)
    batches = []
    for rows, part in iter_scene_batches(
        len(labels), scene, size=size, distribution=distribution, generator=generator, device=device
    ):
        coverage = rasterize_signs(labels[rows], part.pose, *part.background.shape[-2:])
        batches.append(composite(part, coverage))
    if not batches:
        raise ValueError("expected at least one label; give at least one sign to render")
    result = RenderResult(*map(torch.cat, zip(*batches, strict=True)))
    return result if masks else result.images
