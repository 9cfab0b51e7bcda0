"""Scenes: everything a picture holds except which sign stands in it.

A :class:`Scene` is drawn from a generator once and can then be painted with any sign, as often as we like: that is what makes exact
twins possible. It is a plain record of tensors; change one factor with ``scene.replace(...)`` and everything else stays as it was.
Random numbers are drawn on the CPU, so the same seed gives the same scene on every device.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from math import log
from typing import NamedTuple

import torch
from torch import Tensor

from tutorial_lib._validation import check_choice

RENDER_BATCH = 64  # pictures drawn at once: small enough to stay in a processor's cache


class Pose(NamedTuple):
    """How signs stand before the camera; each field is a number or a tensor, (N,).

    ``yaw``, ``pitch`` and ``roll`` are turns in radians about the vertical, the horizontal and the viewing axis (roll is clockwise).
    ``size`` is the sign's half-height as a share of half the picture's height; ``x`` (right) and ``y`` (down) move its centre in the
    same unit, so that a square picture reaches from -1 to 1.
    """

    yaw: Tensor | float = 0.0
    pitch: Tensor | float = 0.0
    roll: Tensor | float = 0.0
    size: Tensor | float = 0.55
    x: Tensor | float = 0.0
    y: Tensor | float = 0.0

    def for_batch(self, n: int, like: Tensor) -> "Pose":
        """The same pose with every field as (n,) on the device and dtype of ``like``; gradients flow through."""
        columns = [torch.as_tensor(field, dtype=like.dtype, device=like.device).expand(n) for field in self]
        return Pose(*columns)


class SceneDistribution(NamedTuple):
    """How widely poses scatter (radians, shares of half the picture) and how often leaves hang in front."""

    tilt: float
    roll: float
    size: tuple[float, float]
    shift: float
    leaves: float


SCENE_DISTRIBUTIONS = {
    "wild": SceneDistribution(tilt=0.75, roll=0.20, size=(0.26, 0.80), shift=0.22, leaves=0.35),
    "clean": SceneDistribution(tilt=0.40, roll=0.10, size=(0.50, 0.80), shift=0.12, leaves=0.0),
}


@dataclass(frozen=True)
class Scene:
    """N scenes without their signs. Every field is a tensor whose first dimension is N.

    ``background`` (N, 3, H, W) · ``pose`` · ``light`` (N, 3), the direction light comes from · ``sheen`` (N, 2), its fall-off
    across the picture · ``surface`` (N, 1, H, W), dirt and fading that multiply the paint · ``hue`` (N,), a turn of the paint's hue in
    radians · ``leaves`` (N, 3, H, W) and ``cover`` (N, 1, H, W), what hangs in front and how much of it · ``gain`` (N, 3), the camera's
    · ``noise`` (N, 3, H, W).
    """

    background: Tensor
    pose: Pose
    light_direction: Tensor
    illumination_gradient: Tensor
    surface_texture: Tensor
    hue_shift: Tensor
    occluder: Tensor
    occluder_alpha: Tensor
    camera_gain: Tensor
    camera_noise: Tensor

    def __len__(self) -> int:
        return len(self.background)

    def replace(self, **changes) -> "Scene":
        """The same scenes with some fields changed."""
        return replace(self, **changes)

    def with_pose(self, **changes) -> "Scene":
        """The same scenes with some fields of the pose changed, such as ``roll=...``."""
        return self.replace(pose=self.pose._replace(**changes).for_batch(len(self), self.background))

    def _map(self, change) -> "Scene":
        moved = {f.name: change(getattr(self, f.name)) for f in fields(self) if f.name != "pose"}
        return Scene(pose=Pose(*map(change, self.pose)), **moved)

    def __getitem__(self, index) -> "Scene":
        index = slice(index, index + 1 or None) if isinstance(index, int) else index
        return self._map(lambda tensor: tensor[index])

    def repeat(self, times: int) -> "Scene":
        """Every scene ``times`` times in a row."""
        return self._map(lambda tensor: tensor.repeat_interleave(times, 0))

    def to(self, device) -> "Scene":
        return self._map(lambda tensor: tensor.to(device))


def lerp(under: Tensor, over: Tensor, share: Tensor) -> Tensor:
    return torch.lerp(under, over, share)  # exact at both ends


def one_over_f_noise(
    n: int, slopes: tuple[float, ...], height: int, width: int, generator: torch.Generator, device=None
) -> Iterator[Tensor]:
    """1/f noise: for each slope a map (n, 1, height, width) with mean 0 and standard deviation 1; steeper is smoother."""
    rows = torch.fft.fftfreq(height, 1 / height)[:, None]
    columns = torch.fft.rfftfreq(width, 1 / width)[None] * (
        height / width
    )  # one wavelength means the same along both axes
    frequency = torch.hypot(rows, columns).clamp(min=min(1, height / width)).to(device)
    for slope in slopes:
        white = torch.randn(n, height, width // 2 + 1, 2, generator=generator).to(device)
        smooth = torch.fft.irfft2(torch.view_as_complex(white) / frequency**slope, s=(height, width))
        smooth = smooth - smooth.mean((1, 2), keepdim=True)
        yield (smooth / smooth.std((1, 2), keepdim=True))[:, None]


def _color_variation(base: tuple[float, ...], spread: float, n: int, generator: torch.Generator) -> Tensor:
    """One colour a picture, (n, 3, 1, 1): the base colour, brighter or darker, a little warmer or cooler."""
    brighter = 1 + 3 * spread * torch.randn(n, 1, generator=generator)
    return (torch.tensor(base) * brighter + 0.35 * spread * torch.randn(n, 3, generator=generator)).clamp(0.02, 0.98)[
        ..., None, None
    ]


def _background(n: int, height: int, width: int, generator: torch.Generator, device) -> Tensor:
    """Sky and clouds over hills, over trees or a facade, over the road."""

    def uniform(low: float, high: float) -> Tensor:
        return (low + (high - low) * torch.rand(n, 1, 1, 1, generator=generator)).to(device)

    def shade(base, spread):
        return _color_variation(base, spread, n, generator).to(device)

    def chance(share: float) -> Tensor:
        return (torch.rand(n, 1, 1, 1, generator=generator) < share).float().to(device)

    edge = height / 3  # how many times steeper than a pixel's share an edge may be
    v = torch.linspace(-1, 1, height, device=device)[:, None]
    u = torch.linspace(-width / height, width / height, width, device=device)[None]
    clouds, grain, gravel, ridge, skyline = one_over_f_noise(
        n, (1.6, 0.9, 0.5, 1.7, 1.15), height, width, generator, device
    )

    sky = lerp(shade((0.26, 0.48, 0.82), 0.06), shade((0.74, 0.84, 0.93), 0.04), (0.75 * v + 0.7).clamp(0, 1))
    sky = lerp(sky, shade((0.98, 0.78, 0.58), 0.03), (v + 0.45).clamp(0, 0.9) * chance(0.15))  # an evening
    sky = lerp(
        sky,
        torch.tensor([0.96, 0.96, 0.97], device=device)[:, None, None],
        ((clouds - 0.2) * 0.65).clamp(0, 0.92) * chance(0.7),
    )
    sky = lerp(sky, 0.95 * sky.mean(1, keepdim=True), chance(0.22))  # overcast

    hills = lerp(shade((0.30, 0.40, 0.42), 0.04), shade((0.50, 0.58, 0.62), 0.03), (0.5 + 0.12 * grain).clamp(0, 1))
    trees = uniform(-1.1, 0.6)
    hill_line = trees - uniform(0.0, 0.35) + 0.10 * ridge[:, :, :1]
    image = lerp(sky, hills, torch.sigmoid((v - hill_line) * edge) * chance(0.6))

    leaf = lerp(shade((0.07, 0.13, 0.05), 0.02), shade((0.37, 0.48, 0.18), 0.07), (0.5 + 0.32 * grain).clamp(0, 1))
    autumn = lerp(shade((0.22, 0.12, 0.05), 0.02), shade((0.66, 0.45, 0.18), 0.06), (0.5 + 0.30 * grain).clamp(0, 1))
    foliage = lerp(leaf, autumn, chance(0.22))
    tree_line = trees + 0.16 * skyline[:, :, :1]

    wall = lerp(shade((0.45, 0.36, 0.31), 0.06), shade((0.66, 0.58, 0.51), 0.05), (0.5 + 0.18 * grain).clamp(0, 1))
    pitch, left = uniform(11, 17), uniform(0, 1)
    roof = trees + 0.12 * torch.sign(torch.sin(2.2 * u + 6 * left))  # houses of two heights
    panes = torch.sigmoid(9 * (torch.sin(pitch * u + 6 * left) - 0.35)) * torch.sigmoid(
        9 * (torch.sin(0.8 * pitch * (v - roof)) - 0.1)
    )
    facade = lerp(wall, shade((0.20, 0.23, 0.28), 0.05), 0.75 * panes)

    town = chance(0.25)
    image = lerp(
        image,
        torch.where(town > 0, facade, foliage),
        torch.sigmoid((v - torch.where(town > 0, roof, tree_line)) * edge),
    )

    road = lerp(shade((0.30, 0.30, 0.31), 0.03), shade((0.47, 0.46, 0.45), 0.03), (0.5 + 0.3 * gravel).clamp(0, 1))
    verge = lerp(shade((0.20, 0.27, 0.10), 0.03), shade((0.46, 0.52, 0.26), 0.05), (0.5 + 0.3 * gravel).clamp(0, 1))
    kerb = uniform(0.35, 1.3) + uniform(-0.15, 0.15) * u
    image = lerp(image, verge, torch.sigmoid((v - kerb + uniform(0, 0.16)) * edge))
    return lerp(image, road, torch.sigmoid((v - kerb) * edge)).clamp(0, 1)


def _pose(n: int, distribution: SceneDistribution, generator: torch.Generator) -> Pose:
    yaw, pitch, roll, size, x, y = torch.rand(6, n, generator=generator)
    small, large = map(log, distribution.size)
    return Pose(
        yaw=(2 * yaw - 1) * distribution.tilt,
        pitch=(2 * pitch - 1) * 0.6 * distribution.tilt,
        roll=(2 * roll - 1) * distribution.roll,
        size=torch.exp(small + (large - small) * size),
        x=(2 * x - 1) * distribution.shift,
        y=(2 * y - 1) * distribution.shift,
    )


def sample_scenes(
    n: int,
    *,
    size: int | tuple[int, int] = 48,
    distribution: str = "wild",
    generator: torch.Generator | None = None,
    device=None,
) -> Scene:
    """Draw ``n`` scenes at random, ready to be painted with signs.

    Args:
        n: how many.
        size: height of the picture in pixels, or (height, width).
        world: "wild" (far and near, tilted, leaves in front of some) or "clean" (large and nearly upright).
        generator: source of randomness, on the CPU; without one, a fresh one seeded with 0, so that the same scenes return.
        device: where the scenes shall live.

    Raises:
        ValueError: the world is unknown, or the size is too small to show a sign (under 8 pixels).

    Example:
        >>> sample_scenes(3).background.shape
        torch.Size([3, 3, 48, 48])
    """
    distribution = SCENE_DISTRIBUTIONS[check_choice(distribution, SCENE_DISTRIBUTIONS, "world")]
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < 8:
        raise ValueError(f"pictures of {height}×{width} pixels cannot show a sign; use a size of 8 or more")
    generator = generator if generator is not None else torch.Generator().manual_seed(0)

    # Scalars come before maps, so that the same seed gives the same pose and light at every size.
    pose = _pose(n, distribution, generator).for_batch(n, torch.empty(0, device=device))
    light = torch.rand(n, 3, generator=generator) * torch.tensor([1.6, 0.9, 0.6]) + torch.tensor([-0.8, -1.0, 0.4])
    sheen = 0.2 * torch.rand(n, 2, generator=generator) - 0.1
    brightness = 0.75 + 0.5 * torch.rand(n, 1, generator=generator)
    warmth = 0.05 * torch.randn(n, 1, generator=generator) * torch.tensor([1.0, 0.0, -1.0])
    leafy = torch.rand(n, 1, 1, 1, generator=generator) < distribution.leaves
    density = 0.9 + 1.3 * torch.rand(n, 1, 1, 1, generator=generator)

    background = _background(n, height, width, generator, device)
    dirt, clump, speckle = one_over_f_noise(n, (1.0, 1.1, 0.6), height, width, generator, device)
    dark, bright = (
        _color_variation((0.06, 0.12, 0.04), 0.02, n, generator).to(device),
        _color_variation((0.30, 0.42, 0.15), 0.05, n, generator).to(device),
    )
    return Scene(
        background=background,
        pose=pose,
        light_direction=torch.nn.functional.normalize(light, dim=-1).to(device),
        illumination_gradient=sheen.to(device),
        surface_texture=1 + 0.05 * dirt,
        hue_shift=torch.zeros(n, device=device),
        occluder=lerp(dark, bright, (0.5 + 0.3 * speckle).clamp(0, 1)),
        occluder_alpha=torch.sigmoid(7 * (clump - density.to(device))) * leafy.to(device),
        camera_gain=(brightness * (1 + warmth)).to(device),
        camera_noise=0.012 * torch.randn(n, 3, height, width, generator=generator).to(device),
    )
