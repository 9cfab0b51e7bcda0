"""Images with a known explanation: counterfactual pairs, two signs in one scene, and arrays with an odd one out."""

from math import pi
from typing import NamedTuple

import torch
from torch import Tensor

from tutorial_lib._validation import check_choice, check_counts, convert_arguments
from tutorial_lib.data.rendering import CHROMATIC_PAINTS, SignCoverage, composite, iter_scene_batches, rasterize_signs
from tutorial_lib.data.scenes import Pose, Scene, one_over_f_noise, sample_scenes
from tutorial_lib.data.signs import SIGNS, SignLabels, to_label_tensor
from tutorial_lib.runtime import default_generator, random_uniform

# Factor -> default amount of its change.
DEFAULT_FACTOR_CHANGE = {
    "sign": 0.0,
    "roll": pi / 4,
    "background": 1.0,
    "colour": 2 * pi / 3,
    "texture": 0.5,
}
ODD_ONE_OUT_KINDS = ("class", "near", "colour", "size", "roll")
MOST_SIMILAR_SIGN = {
    "stop": "no entry",
    "yield": "hump",
    "no entry": "stop",
    "speed 30": "speed 50",
    "speed 50": "speed 80",
    "speed 80": "speed 30",
    "no overtaking": "no left",
    "no left": "no right",
    "no right": "no left",
    "hump": "bicycle",
    "bicycle": "hump",
    "ahead only": "turn right",
    "turn right": "ahead only",
    "priority": "yield",
}


class CounterfactualPair(NamedTuple):
    """Pairs of images of the same scene with one factor changed.

    Attributes:
        image: images (N, 3, H, W), floats in [0, 1].
        counterfactual: images of the same scenes with the change (N, 3, H, W).
        difference: the pixels that the change can affect (N, 1, H, W), bool. All other pixels of a pair are equal, bit
            for bit.
    """

    image: Tensor
    counterfactual: Tensor
    difference: Tensor


class TwoSignImages(NamedTuple):
    """Images with two signs each.

    Attributes:
        images: images (N, 3, H, 2H), floats in [0, 1].
        left: fraction of each pixel that shows the left sign (N, 1, H, 2H).
        right: fraction of each pixel that shows the right sign (N, 1, H, 2H).
    """

    images: Tensor
    left: Tensor
    right: Tensor


class OddOneOutArrays(NamedTuple):
    """Arrays of 3×3 signs, one of which is odd.

    Attributes:
        images: images (N, 3, S, S), floats in [0, 1].
        mask: fraction of each pixel that shows the odd sign (N, 1, S, S).
        labels: signs of the cells, row by row (N, 9).
        odd_index: index of the cell with the odd sign (N,).
        signs: fraction of each pixel that shows any of the nine signs (N, 1, S, S).
    """

    images: Tensor
    mask: Tensor
    labels: Tensor
    odd_index: Tensor
    signs: Tensor


def _paint_differs(a: SignCoverage, b: SignCoverage) -> Tensor:
    """The pixels (N, 1, H, W) in which two signs differ in paint, transmittance or shadow, before any light."""
    paint_differs = (a.paint_fractions != b.paint_fractions).any(1, keepdim=True)
    return paint_differs | (a.transmittance != b.transmittance) | (a.shadow != b.shadow)


def _render_pair_batch(
    scene: Scene, labels: Tensor, others: Tensor, factor: str, amount: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """The two images and the difference of each pair of a batch; ``others`` matters for the factor "sign" alone."""
    height, width = scene.background.shape[-2:]
    first = second = rasterize_signs(labels, scene.pose, height, width)
    changed_scene = scene
    if factor == "sign":
        second = rasterize_signs(others, scene.pose, height, width)
        differs = _paint_differs(first, second)
    elif factor == "roll":
        # The pole does not rotate with its sign, so both images have the pole of the first one.
        second = rasterize_signs(labels, scene.pose._replace(roll=scene.pose.roll + amount), height, width)._replace(
            pole=first.pole
        )
        differs = _paint_differs(first, second)
    elif factor == "background":
        new_scenes = sample_scenes(
            len(labels), size=(height, width), generator=generator, device=scene.background.device
        )
        share = amount[:, None, None, None]
        changed_scene = scene.replace(background=torch.lerp(scene.background, new_scenes.background, share))
        differs = (first.transmittance > 0) & (first.pole[:, :1] < 1)
    elif factor == "colour":
        changed_scene = scene.replace(hue_shift=scene.hue_shift + amount)
        differs = (first.paint_fractions[:, CHROMATIC_PAINTS.to(scene.hue_shift.device)] > 0).any(1, keepdim=True)
    else:
        pattern = one_over_f_noise(len(labels), 0.6, height, width, generator, scene.background.device)
        pattern = torch.sign(pattern) * pattern.abs().sqrt()  # larger patches than the noise itself has
        changed_scene = scene.replace(
            surface_texture=scene.surface_texture * (1 + amount[:, None, None, None] * pattern).clamp(0.1, 1.9)
        )
        differs = (first.paint_fractions > 0).any(1, keepdim=True)
    image, counterfactual = composite(scene, first).images, composite(changed_scene, second).images
    return image, counterfactual, differs & (scene.occluder_alpha < 1)


@convert_arguments
def counterfactual_pairs(
    labels: SignLabels,
    others: SignLabels | None = None,
    *,
    factor: str = "sign",
    amount: float | Tensor | None = None,
    size: int | tuple[int, int] = 48,
    distribution: str = "wild",
    scene: Scene | None = None,
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
) -> CounterfactualPair:
    """Return pairs of images of the same scene with one factor changed.

    They are the ground truth for explanations of the type "Why P, rather than Q?". The difference is computed from the
    coverage of the two signs, including rim, shadow and leaves in front, and never from a comparison of the images.

    Args:
        labels: signs of the first images, as names or as indices into ``SIGNS + NOVEL_SIGNS``.
        others: signs of the second images, for ``factor="sign"`` only; one for all pairs, or one for each.
        factor: the factor that changes, "sign", "roll", "background", "colour" or "texture".
        amount: size of the change, one number or (N,). None selects the default: for "roll" an angle of π/4, for
            "colour" a hue rotation of 2π/3 (red becomes green), for "background" the share 1 of the new background, and
            for "texture" the contrast 0.5 of the pattern on the sign. It has no effect on "sign".
        size: height of the images in pixels, or (height, width).
        distribution: distribution of the scenes, "wild" (far and near, tilted, some behind leaves) or "clean" (large
            and nearly upright).
        scene: the scenes, one for all pairs or one for each; they determine ``size``, ``distribution`` and ``device``.
            None samples them at random.
        generator: source of randomness, on the CPU; None is a new one with seed 0, which gives the same pairs each
            time.
        device: device of the images; None is the CPU.

    Returns:
        N pairs and the pixels in which they can differ.

    Raises:
        ValueError: an unknown sign, distribution or factor (the message gives the nearest ones), ``others`` without
            ``factor="sign"`` or the reverse, or a number of others or scenes that does not fit the labels.

    Example:
        >>> pairs = counterfactual_pairs("speed 30", "speed 50")
        >>> bool((pairs.image == pairs.counterfactual)[~pairs.difference.expand_as(pairs.image)].all())
        True
    """
    check_choice(factor, DEFAULT_FACTOR_CHANGE, "factor")
    labels = to_label_tensor(labels)
    if (factor == "sign") != (others is not None):
        raise ValueError('give the other signs with factor="sign", and only then; any other factor keeps the sign')
    others = labels if others is None else to_label_tensor(others)
    if len(others) not in (1, len(labels)):
        raise ValueError(f"{len(others)} other signs do not fit {len(labels)} labels; give one, or one for each")
    others = others.expand(len(labels))
    amount = torch.as_tensor(
        DEFAULT_FACTOR_CHANGE[factor] if amount is None else amount, dtype=torch.float32, device="cpu"
    )
    if amount.shape not in ((), labels.shape):
        raise ValueError(f"expected one amount, or one for each label ({len(labels)},), got {tuple(amount.shape)}")
    amount = amount.expand(len(labels))
    generator = default_generator(generator)
    batches = []
    for rows, part in iter_scene_batches(
        len(labels), scene, size=size, distribution=distribution, generator=generator, device=device
    ):
        change = amount[rows].to(part.hue_shift)
        batches.append(_render_pair_batch(part, labels[rows], others[rows], factor, change, generator))
    return CounterfactualPair(*map(torch.cat, zip(*batches, strict=True)))


@convert_arguments
def two_sign_images(
    left: SignLabels,
    right: SignLabels,
    *,
    size: int = 48,
    distribution: str = "clean",
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
) -> TwoSignImages:
    """Return images with two signs in one scene, twice as wide as high.

    Args:
        left: the left signs, as names or as indices into ``SIGNS + NOVEL_SIGNS``.
        right: the right signs, as many as the left ones.
        size: height in pixels.
        distribution: distribution of the scenes, "wild" (signs may be far away, tilted and behind leaves) or "clean".
        generator: source of randomness, on the CPU; None is a new one with seed 0, which gives the same images each
            time.
        device: device of the images; None is the CPU.

    Returns:
        N images, with a mask for each of the two signs.

    Raises:
        ValueError: an unknown sign or distribution (the message gives the nearest ones), or lists of different lengths.

    Example:
        >>> two_sign_images("stop", "speed 30").images.shape
        torch.Size([1, 3, 48, 96])
    """
    left, right = to_label_tensor(left), to_label_tensor(right)
    if len(left) != len(right):
        raise ValueError(f"{len(left)} signs on the left and {len(right)} on the right; a pair needs one of each")
    generator = default_generator(generator)
    batches = []
    for rows, scene in iter_scene_batches(
        len(left), None, size=(size, 2 * size), distribution=distribution, generator=generator, device=device
    ):
        second_pose = sample_scenes(
            len(scene), size=8, distribution=distribution, generator=generator, device=device
        ).pose
        coverages = [
            rasterize_signs(labels[rows], pose._replace(x=pose.x + side), size, 2 * size)
            for labels, pose, side in ((left, scene.pose, -1), (right, second_pose, +1))
        ]
        visible = 1 - scene.occluder_alpha
        masks = [(1 - coverage.transmittance) * visible for coverage in coverages]
        batches.append((composite(scene, *coverages).images, masks[0] * coverages[1].transmittance, masks[1]))
    return TwoSignImages(*map(torch.cat, zip(*batches, strict=True)))


def _split_cells(maps: Tensor) -> Tensor:
    """The cells (9N, C, s, s) of arrays (N, C, 3s, 3s), row by row."""
    return maps.unflatten(3, (3, -1)).unflatten(2, (3, -1)).permute(0, 2, 4, 1, 3, 5).flatten(0, 2)


def _join_cells(cells: Tensor) -> Tensor:
    """Arrays (N, C, 3s, 3s) from their cells (9N, C, s, s)."""
    return cells.unflatten(0, (-1, 3, 3)).permute(0, 3, 1, 4, 2, 5).flatten(4).flatten(2, 3)


@convert_arguments
def odd_one_out_arrays(
    kind: str,
    n: int = 1,
    *,
    size: int = 144,
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
) -> OddOneOutArrays:
    """Return arrays of 3×3 signs, eight of which are alike and one is odd.

    Args:
        kind: how the odd sign differs: "class" (any other sign), "near" (the sign that resembles it most), "colour"
            (the hue is rotated, so that red becomes green and blue becomes red), "size" or "roll".
        n: number of arrays.
        size: height and width in pixels, a multiple of 3 and at least 24.
        generator: source of randomness, on the CPU; None is a new one with seed 0, which gives the same arrays each
            time.
        device: device of the images; None is the CPU.

    Returns:
        n arrays.

    Raises:
        ValueError: an unknown kind (the message gives the nearest ones), a size that does not fit 3×3 cells, or no
            array.

    Example:
        >>> odd_one_out_arrays("colour").images.shape
        torch.Size([1, 3, 144, 144])
    """
    check_choice(kind, ODD_ONE_OUT_KINDS, "kind of array")
    check_counts(n=n)
    if size % 3 or size < 24:
        raise ValueError(
            f"an array has 3×3 cells, so its size must be a multiple of 3 and at least 24, not {size}; "
            f"try {max(24, 3 * round(size / 3))}"
        )
    generator = default_generator(generator)

    def random_index(n: int) -> int:
        return int(torch.randint(n, (1,), generator=generator, device=generator.device))

    arrays = []
    for _ in range(n):
        base, position = random_index(len(SIGNS)), random_index(9)
        labels, is_odd = torch.full((9,), base, device="cpu"), torch.arange(9, device="cpu") == position
        if kind == "class":
            labels[position] = (base + 1 + random_index(len(SIGNS) - 1)) % len(SIGNS)
        elif kind == "near":
            labels[position] = SIGNS.index(MOST_SIMILAR_SIGN[SIGNS[base]])
        scene = sample_scenes(1, size=size, distribution="clean", generator=generator, device=device).repeat(9)
        jitter = random_uniform(generator, 6, 9).to(scene.hue_shift) * 2 - 1
        is_odd = is_odd.to(scene.hue_shift)
        pose = Pose(
            yaw=0.15 * jitter[0],
            pitch=0.1 * jitter[1],
            roll=0.06 * jitter[2] + (0.9 * is_odd if kind == "roll" else 0),
            size=(0.56 + 0.04 * jitter[3]) * (1 + 0.45 * is_odd if kind == "size" else 1),
            x=0.08 * jitter[4],
            y=0.08 * jitter[5],
        )
        cells = {
            name: _split_cells(getattr(scene, name)[:1])
            for name in ("background", "surface_texture", "occluder", "occluder_alpha", "camera_noise")
        }
        scene = scene.replace(
            **cells,
            pose=pose,
            illumination_gradient=0 * scene.illumination_gradient,
            hue_shift=(DEFAULT_FACTOR_CHANGE["colour"] * is_odd if kind == "colour" else 0 * is_odd),
        )
        rendered = composite(scene, rasterize_signs(labels, pose, size // 3, size // 3), poles=False)
        images, mask, signs = map(
            _join_cells, (rendered.images, rendered.sign_mask * is_odd[:, None, None, None], rendered.sign_mask)
        )
        arrays.append((images, mask, labels[None], torch.tensor([position], device="cpu"), signs))
    return OddOneOutArrays(*map(torch.cat, zip(*arrays, strict=True)))
