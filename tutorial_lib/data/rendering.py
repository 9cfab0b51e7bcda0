"""From labels to pictures: where a sign's paint falls, and what a camera sees of it."""

from typing import NamedTuple

import torch
from torch import Tensor

from tutorial_lib.data.scenes import RENDER_BATCH, Pose, Scene, lerp, sample_scenes
from tutorial_lib.data.sdf import box
from tutorial_lib.data.signs import DESIGNS, PAINTS, to_label_tensor
from tutorial_lib.data.transforms import hue_rotation_matrix

FOCAL_LENGTH = 3.5  # in half-heights of the picture
CHROMATIC_PAINTS = torch.tensor(
    [max(color) - min(color) > 0.1 for color in PAINTS.values()]
)  # paints that have a hue to turn


class SignCoverage(NamedTuple):
    """Where the paint of N signs falls, before any light: ``shares`` (N, K, H, W) of the K paints in every pixel, what stays
    ``clear`` of the sign, its ``glyph``, the ``shadow`` it leaves around itself (each (N, 1, H, W)), its ``pole``, and the
    direction it is ``facing``, (N, 3)."""

    paint_fractions: Tensor
    transmittance: Tensor
    glyph: Tensor
    shadow: Tensor
    pole: Tensor
    normal: Tensor


class RenderResult(NamedTuple):
    """``images`` (N, 3, H, W) in [0, 1]; ``sign`` and ``glyph`` (N, 1, H, W) in [0, 1], the share of each pixel that shows them."""

    images: Tensor
    sign_mask: Tensor
    glyph_mask: Tensor


def _rotation(pose: Pose) -> Tensor:
    (cy, cp, cr), (sy, sp, sr) = [(f(pose.yaw), f(pose.pitch), f(pose.roll)) for f in (torch.cos, torch.sin)]
    rows = [
        [cy * cr + sy * sp * sr, sy * sp * cr - cy * sr, sy * cp],
        [cp * sr, cp * cr, -sp],
        [cy * sp * sr - sy * cr, sy * sr + cy * sp * cr, cy * cp],
    ]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def sign_plane_coordinates(pose: Pose, height: int, width: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Each pixel's place in the plane of its sign, the pixel's width there, and the direction the sign faces.

    Returns:
        x, y, footprint, each (N, H, W), in units of the sign; facing, (N, 3).
    """
    turn = _rotation(pose)
    size = pose.size[:, None, None]
    column = torch.stack([pose.x, pose.y, torch.ones_like(pose.x)], -1)[..., None]
    to_picture = torch.cat([torch.cat([turn[:, :2, :2], turn[:, 2:, :2] / FOCAL_LENGTH], 1) * size, column], 2)
    to_sign = torch.linalg.inv(to_picture)
    v = ((torch.arange(height, device=size.device) + 0.5) / height * 2 - 1).to(size)
    u = ((torch.arange(width, device=size.device) + 0.5) / height * 2 - width / height).to(size)
    a, b, c = to_sign[:, :, 0, None, None], to_sign[:, :, 1, None, None], to_sign[:, :, 2, None, None]
    x, y, w = (a * u + b * v[:, None] + c).unbind(1)
    footprint = 2 / height * (torch.linalg.det(to_sign).abs()[:, None, None] / w.abs() ** 3).sqrt()
    return x / w, y / w, footprint, turn[:, :, 2]


def _coverage(distance: Tensor, footprint: Tensor) -> Tensor:
    return (0.5 - distance / footprint).clamp(0, 1)


def rasterize_signs(labels: Tensor, pose: Pose, height: int, width: int) -> SignCoverage:
    """Paint signs in their plane; ``labels`` (N,) on the CPU."""
    x, y, footprint, facing = sign_plane_coordinates(pose, height, width)
    paints = list(PAINTS)
    shares = x.new_zeros(len(labels), len(paints), height, width)
    clear, shadow, glyph = torch.ones_like(x), torch.ones_like(x), torch.zeros_like(x)
    for label in labels.unique().tolist():
        rows = (labels == label).nonzero()[:, 0].to(x.device)
        layers = DESIGNS[label](x[rows], y[rows])
        kept, open_, mark = shares[rows], clear[rows], glyph[rows]
        for layer in layers:
            over = _coverage(layer.distance, footprint[rows])
            kept = kept * (1 - over[:, None])
            kept[:, paints.index(layer.paint)] += over
            open_ = open_ * (1 - over)
            mark = mark * (1 - over) + over * layer.glyph
        shares, clear, glyph = (
            t.index_copy(0, rows, part) for t, part in ((shares, kept), (clear, open_), (glyph, mark))
        )
        shadow = shadow.index_copy(0, rows, 1 - 0.35 * (0.5 - layers[0].distance / 0.16).clamp(0, 1))
    pole = _coverage(box(x, y, 0.055, 20, (0, 20)), footprint)
    metal = (0.42 + 0.25 * torch.cos(22 * x)).clamp(0.2, 0.7)
    return SignCoverage(shares, *(t[:, None] for t in (clear, glyph, shadow)), torch.stack([pole, metal], 1), facing)


def _palette(hue: Tensor) -> Tensor:
    """The paints' colours, (N, K, 3); those that have a hue are turned by ``hue`` about the grey axis."""
    colors = torch.tensor(list(PAINTS.values()), device=hue.device, dtype=hue.dtype)
    turned = torch.einsum("nij,kj->nki", hue_rotation_matrix(hue), colors).clamp(0, 1)
    chosen = CHROMATIC_PAINTS.to(hue.device)[:, None] & (hue != 0)[:, None, None]
    return torch.where(chosen, turned, colors)


def composite(scene: Scene, *inks: SignCoverage, poles: bool = True) -> RenderResult:
    """What the camera sees of a scene and the signs in it; the masks are those of all its signs together."""
    image, sign, glyph = (
        scene.background,
        torch.zeros_like(scene.occluder_alpha),
        torch.zeros_like(scene.occluder_alpha),
    )
    height, width = image.shape[-2:]
    v = torch.linspace(-1, 1, height, device=image.device).to(image)[:, None]
    u = torch.linspace(-1, 1, width, device=image.device).to(image)
    sheen = 1 + scene.illumination_gradient[:, :1, None, None] * u + scene.illumination_gradient[:, 1:, None, None] * v
    palette = _palette(scene.hue_shift)
    for one in inks:
        lambert = 0.62 + 0.5 * (one.normal * scene.light_direction).sum(-1).clamp(min=0)[:, None, None, None]
        if poles:
            image = lerp(image, one.pole[:, 1:] * lambert, one.pole[:, :1])
        albedo = torch.einsum("nkhw,nkc->nchw", one.paint_fractions, palette)
        image = image * one.shadow * one.transmittance + albedo * lambert * scene.surface_texture * sheen
        sign = sign * one.transmittance + (1 - one.transmittance)
        glyph = glyph * one.transmittance + one.glyph
    image = lerp(image, scene.occluder, scene.occluder_alpha)
    image = (image * scene.camera_gain[:, :, None, None] + scene.camera_noise).clamp(0, 1)
    seen = 1 - scene.occluder_alpha
    return RenderResult(image, sign * seen, glyph * seen)


def render_scenes(scene: Scene, labels: Tensor) -> RenderResult:
    """One sign a scene, as it stands there."""
    return composite(scene, rasterize_signs(labels, scene.pose, *scene.background.shape[-2:]))


def iter_scene_batches(n: int, scene: Scene | None, **how):
    """Rows and scenes for ``n`` pictures, a block at a time; the scenes are drawn unless they are given."""
    if scene is not None and len(scene) not in (1, n):
        raise ValueError(f"{len(scene)} scenes do not fit {n} labels; give one scene, or one for each")
    if how.get("generator") is None:
        how["generator"] = torch.Generator().manual_seed(0)
    for start in range(0, n, RENDER_BATCH):
        rows = slice(start, min(start + RENDER_BATCH, n))
        count = rows.stop - rows.start
        if scene is None:
            yield rows, sample_scenes(count, **how)
        else:
            yield rows, scene.repeat(count) if len(scene) == 1 else scene[rows]


def render(
    labels,
    *,
    size: int | tuple[int, int] = 48,
    distribution: str = "wild",
    pose: Pose | None = None,
    scene: Scene | None = None,
    masks: bool = False,
    generator: torch.Generator | None = None,
    device=None,
) -> Tensor | RenderResult:
    """Draw one picture a label.

    Args:
        labels: names or ints into ``SIGNS + NOVEL``, one or many.
        size: height in pixels, or (height, width).
        world: "wild" or "clean", how widely the scenes scatter.
        pose: how the signs stand, instead of at random; its fields may carry gradients, and so does the picture then.
        scene: the scenes to stand in, instead of random ones: one for all, or one for each; then ``size``, ``world``,
            ``generator`` and ``device`` are the scenes' own.
        masks: also return where the sign and its message are.
        generator: source of randomness, on the CPU; without one, a fresh one seeded with 0: the same pictures each time.
        device: where to draw; the random numbers are the same everywhere.

    Returns:
        images, (N, 3, H, W) in [0, 1]; with ``masks``, a :class:`Rendered` of images, sign and glyph.

    Raises:
        ValueError: unknown sign or world (the nearest are named), or scenes that do not fit the labels.

    Example:
        >>> render(["stop", "yield"]).shape
        torch.Size([2, 3, 48, 48])
    """
    labels = to_label_tensor(labels)
    blocks = []
    placed = None
    for rows, part in iter_scene_batches(
        len(labels), scene, size=size, distribution=distribution, generator=generator, device=device
    ):
        if pose is not None:
            placed = placed or pose.for_batch(len(labels), part.background)
            part = part.replace(pose=Pose(*(field[rows] for field in placed)))
        blocks.append(render_scenes(part, labels[rows]))
    if not blocks:
        raise ValueError("no labels: name at least one sign to draw")
    drawn = RenderResult(*map(torch.cat, zip(*blocks, strict=True)))
    return drawn if masks else drawn.images
