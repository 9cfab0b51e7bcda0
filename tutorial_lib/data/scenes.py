"""Scenes of the synthetic traffic-sign dataset: everything in an image except which sign is shown.

A :class:`Scene` is sampled once and can then be rendered with any sign, as often as needed, which makes exact
counterfactual pairs possible. It is a record of tensors: ``scene.replace(...)`` changes one factor and keeps the
others. Random numbers are drawn on the CPU, so the same seed gives the same scene on every device.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from math import log
from typing import Any, NamedTuple

import torch
from torch import Tensor, lerp

from tutorial_lib._validation import check_choice, check_counts, convert_arguments
from tutorial_lib.runtime import default_generator, random_normal, random_uniform

RENDER_BATCH = 64  # images that are rendered at once; few enough to fit into the cache of a CPU


class Pose(NamedTuple):
    """Position and orientation of signs relative to the camera.

    Each field is a number or a tensor (N,). Lengths are in units of half the height of the image, so a square image
    reaches from −1 to 1.

    Attributes:
        yaw: rotation about the vertical axis, in radians.
        pitch: rotation about the horizontal axis, in radians.
        roll: rotation about the viewing axis, in radians, clockwise.
        size: half the height of the sign.
        x: position of its center, to the right.
        y: position of its center, downward.
    """

    yaw: Tensor | float = 0.0
    pitch: Tensor | float = 0.0
    roll: Tensor | float = 0.0
    size: Tensor | float = 0.55
    x: Tensor | float = 0.0
    y: Tensor | float = 0.0

    @convert_arguments
    def for_batch(self, n: int, like: Tensor) -> "Pose":
        """Return the same pose with every field as a tensor (n,); gradients pass through.

        Args:
            n: number of images.
            like: a tensor with the dtype and the device of the result.

        Returns:
            The pose.
        """
        return Pose(*(torch.as_tensor(field, dtype=like.dtype, device=like.device).expand(n) for field in self))


class SceneDistribution(NamedTuple):
    """Ranges of the random poses, and the frequency of leaves in front of the sign.

    Attributes:
        tilt: largest absolute yaw in radians; the largest absolute pitch is 0.6 times that.
        roll: largest absolute roll in radians.
        size: smallest and largest half-height of a sign, in units of half the height of the image.
        shift: largest absolute shift of the center in each direction, in the same unit.
        leaves: probability of leaves in front of the sign.
    """

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
    """N scenes without their signs; the first axis of every field is N, and ``len`` is N.

    ``scene[i]`` selects scenes by an int, a slice or a tensor of positions.

    Attributes:
        background: background image (N, 3, H, W).
        pose: pose of the sign.
        light_direction: unit vector (N, 3) towards the light.
        illumination_gradient: slope of the brightness across the image to the right and downward (N, 2).
        surface_texture: dirt and fading (N, 1, H, W), a factor of the paint.
        hue_shift: rotation of the hue of the paint in radians (N,).
        occluder: color of the leaves in front of the sign (N, 3, H, W).
        occluder_alpha: opacity of these leaves (N, 1, H, W).
        camera_gain: gain of each channel (N, 3).
        camera_noise: additive noise (N, 3, H, W).
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

    def replace(self, **changes: Any) -> "Scene":
        """Return the same scenes with some fields changed.

        Args:
            **changes: field name -> new value.

        Returns:
            The changed scenes.
        """
        return replace(self, **changes)

    def with_pose(self, **changes: Tensor | float) -> "Scene":
        """Return the same scenes with some fields of the pose changed.

        Args:
            **changes: field name -> new value, such as ``roll=0.5``; a number or a tensor (N,).

        Returns:
            The changed scenes.
        """
        return self.replace(pose=self.pose._replace(**changes).for_batch(len(self), self.background))

    def _map(self, function: Callable[[Any], Any]) -> "Scene":
        """The scenes with a function applied to every tensor."""
        tensors = {f.name: function(getattr(self, f.name)) for f in fields(self) if f.name != "pose"}
        return Scene(pose=Pose(*map(function, self.pose)), **tensors)

    def __getitem__(self, index: int | slice | Tensor) -> "Scene":
        index = slice(index, index + 1 or None) if isinstance(index, int) else index
        return self._map(lambda tensor: tensor[index])

    @convert_arguments
    def repeat(self, times: int) -> "Scene":
        """Return every scene several times in a row.

        Args:
            times: number of copies of each scene.

        Returns:
            N · times scenes.
        """
        return self._map(lambda tensor: tensor.repeat_interleave(times, 0))


def one_over_f_noise(
    n: int,
    slope: float,
    height: int,
    width: int,
    generator: torch.Generator,
    device: torch.device | str | None = None,
) -> Tensor:
    """Return maps of 1/f noise with mean 0 and standard deviation 1.

    Args:
        n: number of maps.
        slope: exponent of the spectrum; the amplitude at the frequency f is f^(−slope), so a larger slope is smoother.
        height: height of the maps in pixels.
        width: width of the maps in pixels.
        generator: source of randomness, on the CPU.
        device: device of the maps; None is the CPU.

    Returns:
        Maps (n, 1, height, width).
    """
    float32: Any = {"dtype": torch.float32, "device": "cpu"}
    rows = torch.fft.fftfreq(height, 1 / height, **float32)[:, None]
    # The factor gives a frequency the same wavelength in pixels along both axes.
    columns = torch.fft.rfftfreq(width, 1 / width, **float32)[None] * (height / width)
    frequency = torch.hypot(rows, columns).clamp(min=min(1, height / width)).to(device)
    white = random_normal(generator, n, height, width // 2 + 1, 2).to(device)
    smooth = torch.fft.irfft2(torch.view_as_complex(white) / frequency**slope, s=(height, width))
    smooth = smooth - smooth.mean((1, 2), keepdim=True)
    spread = smooth.std((1, 2), correction=min(1, height * width - 1), keepdim=True)
    return (smooth / torch.where(spread > 0, spread, 1))[:, None]  # a map of one pixel does not vary


def _color_variation(base: tuple[float, ...], spread: float, n: int, generator: torch.Generator) -> Tensor:
    """One color per image (n, 3, 1, 1): the base color with random brightness and a little random hue."""
    brightness = 1 + 3 * spread * random_normal(generator, n, 1)
    color = brightness.new_tensor(base) * brightness + 0.35 * spread * random_normal(generator, n, 3)
    return color.clamp(0.02, 0.98)[..., None, None]


def _background(
    n: int, height: int, width: int, generator: torch.Generator, device: torch.device | str | None
) -> Tensor:
    """Background images (n, 3, height, width): from the top, sky with clouds, hills, trees or a facade, and a road."""

    def uniform(low: float, high: float) -> Tensor:
        """One number per image."""
        return (low + (high - low) * random_uniform(generator, n, 1, 1, 1)).to(device)

    def color(base: tuple[float, ...], spread: float) -> Tensor:
        """One color per image."""
        return _color_variation(base, spread, n, generator).to(device)

    def chance(probability: float) -> Tensor:
        """1 or 0 per image."""
        return (random_uniform(generator, n, 1, 1, 1) < probability).float().to(device)

    edge = height / 3  # steepness of the edges between two regions: a transition takes about a pixel
    float32: Any = {"dtype": torch.float32, "device": device}
    v = torch.linspace(-1, 1, height, **float32)[:, None]
    u = torch.linspace(-width / height, width / height, width, **float32)[None]
    clouds, grain, gravel, ridge, skyline = (
        one_over_f_noise(n, slope, height, width, generator, device) for slope in (1.6, 0.9, 0.5, 1.7, 1.15)
    )

    sky = lerp(color((0.26, 0.48, 0.82), 0.06), color((0.74, 0.84, 0.93), 0.04), (0.75 * v + 0.7).clamp(0, 1))
    sky = lerp(sky, color((0.98, 0.78, 0.58), 0.03), (v + 0.45).clamp(0, 0.9) * chance(0.15))  # evening
    sky = lerp(
        sky,
        torch.tensor([0.96, 0.96, 0.97], **float32)[:, None, None],
        ((clouds - 0.2) * 0.65).clamp(0, 0.92) * chance(0.7),
    )
    sky = lerp(sky, 0.95 * sky.mean(1, keepdim=True), chance(0.22))  # overcast

    hills = lerp(color((0.30, 0.40, 0.42), 0.04), color((0.50, 0.58, 0.62), 0.03), (0.5 + 0.12 * grain).clamp(0, 1))
    trees = uniform(-1.1, 0.6)
    hill_line = trees - uniform(0.0, 0.35) + 0.10 * ridge[:, :, :1]
    image = lerp(sky, hills, torch.sigmoid((v - hill_line) * edge) * chance(0.6))

    leaf = lerp(color((0.07, 0.13, 0.05), 0.02), color((0.37, 0.48, 0.18), 0.07), (0.5 + 0.32 * grain).clamp(0, 1))
    autumn = lerp(color((0.22, 0.12, 0.05), 0.02), color((0.66, 0.45, 0.18), 0.06), (0.5 + 0.30 * grain).clamp(0, 1))
    foliage = lerp(leaf, autumn, chance(0.22))
    tree_line = trees + 0.16 * skyline[:, :, :1]

    wall = lerp(color((0.45, 0.36, 0.31), 0.06), color((0.66, 0.58, 0.51), 0.05), (0.5 + 0.18 * grain).clamp(0, 1))
    pitch, left = uniform(11, 17), uniform(0, 1)
    roof = trees + 0.12 * torch.sign(torch.sin(2.2 * u + 6 * left))  # two heights of buildings
    panes = torch.sigmoid(9 * (torch.sin(pitch * u + 6 * left) - 0.35)) * torch.sigmoid(
        9 * (torch.sin(0.8 * pitch * (v - roof)) - 0.1)
    )
    facade = lerp(wall, color((0.20, 0.23, 0.28), 0.05), 0.75 * panes)

    town = chance(0.25)
    image = lerp(
        image,
        torch.where(town > 0, facade, foliage),
        torch.sigmoid((v - torch.where(town > 0, roof, tree_line)) * edge),
    )

    road = lerp(color((0.30, 0.30, 0.31), 0.03), color((0.47, 0.46, 0.45), 0.03), (0.5 + 0.3 * gravel).clamp(0, 1))
    verge = lerp(color((0.20, 0.27, 0.10), 0.03), color((0.46, 0.52, 0.26), 0.05), (0.5 + 0.3 * gravel).clamp(0, 1))
    kerb = uniform(0.35, 1.3) + uniform(-0.15, 0.15) * u
    image = lerp(image, verge, torch.sigmoid((v - kerb + uniform(0, 0.16)) * edge))
    return lerp(image, road, torch.sigmoid((v - kerb) * edge)).clamp(0, 1)


def _sample_pose(n: int, distribution: SceneDistribution, generator: torch.Generator) -> Pose:
    """Random poses of n signs."""
    yaw, pitch, roll, size, x, y = random_uniform(generator, 6, n)
    small, large = map(log, distribution.size)
    return Pose(
        yaw=(2 * yaw - 1) * distribution.tilt,
        pitch=(2 * pitch - 1) * 0.6 * distribution.tilt,
        roll=(2 * roll - 1) * distribution.roll,
        size=torch.exp(small + (large - small) * size),
        x=(2 * x - 1) * distribution.shift,
        y=(2 * y - 1) * distribution.shift,
    )


@convert_arguments
def sample_scenes(
    n: int,
    *,
    size: int | tuple[int, int] = 48,
    distribution: str = "wild",
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
) -> Scene:
    """Return random scenes, which can be rendered with any sign.

    Args:
        n: number of scenes.
        size: height of the images in pixels, or (height, width).
        distribution: "wild" (far and near, tilted, some behind leaves) or "clean" (large and nearly upright).
        generator: source of randomness, on the CPU; None is a new one with seed 0, which gives the same scenes each
            time.
        device: device of the scenes; None is the CPU.

    Returns:
        n scenes.

    Raises:
        ValueError: an unknown distribution, or a size below 8 pixels, which is too small to show a sign.

    Example:
        >>> sample_scenes(3).background.shape
        torch.Size([3, 3, 48, 48])
    """
    ranges = SCENE_DISTRIBUTIONS[check_choice(distribution, SCENE_DISTRIBUTIONS, "scene distribution")]
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < 8:
        raise ValueError(f"images of {height}×{width} pixels cannot show a sign; use a size of 8 or more")
    check_counts(n=n)
    generator, device = default_generator(generator), device or "cpu"

    # Scalars are sampled before maps, so that the same seed gives the same pose and light at every size.
    pose = _sample_pose(n, ranges, generator).for_batch(n, torch.empty(0, dtype=torch.float32, device=device))
    light = random_uniform(generator, n, 3)
    light = light * light.new_tensor([1.6, 0.9, 0.6]) + light.new_tensor([-0.8, -1.0, 0.4])
    gradient = 0.2 * random_uniform(generator, n, 2) - 0.1
    brightness = 0.75 + 0.5 * random_uniform(generator, n, 1)
    warmth = 0.05 * random_normal(generator, n, 1) * light.new_tensor([1.0, 0.0, -1.0])
    has_leaves = random_uniform(generator, n, 1, 1, 1) < ranges.leaves
    density = 0.9 + 1.3 * random_uniform(generator, n, 1, 1, 1)

    background = _background(n, height, width, generator, device)
    dirt, clump, speckle = (one_over_f_noise(n, slope, height, width, generator, device) for slope in (1.0, 1.1, 0.6))
    dark = _color_variation((0.06, 0.12, 0.04), 0.02, n, generator).to(device)
    bright = _color_variation((0.30, 0.42, 0.15), 0.05, n, generator).to(device)
    return Scene(
        background=background,
        pose=pose,
        light_direction=torch.nn.functional.normalize(light, dim=-1).to(device),
        illumination_gradient=gradient.to(device),
        surface_texture=1 + 0.05 * dirt,
        hue_shift=torch.zeros(n, dtype=torch.float32, device=device),
        occluder=lerp(dark, bright, (0.5 + 0.3 * speckle).clamp(0, 1)),
        occluder_alpha=torch.sigmoid(7 * (clump - density.to(device))) * has_leaves.to(device),
        camera_gain=(brightness * (1 + warmth)).to(device),
        camera_noise=0.012 * random_normal(generator, n, 3, height, width).to(device),
    )
