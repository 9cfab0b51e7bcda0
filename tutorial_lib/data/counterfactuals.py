"""Pictures that come with their own answer: exact twins, two signs in one scene, arrays with an odd one out."""

from math import pi
from typing import NamedTuple

import torch
from torch import Tensor

from tutorial_lib._validation import check_choice
from tutorial_lib.data.rendering import CHROMATIC_PAINTS, SignCoverage, composite, iter_scene_batches, rasterize_signs
from tutorial_lib.data.scenes import Pose, Scene, one_over_f_noise, sample_scenes
from tutorial_lib.data.signs import SIGNS, to_label_tensor

DEFAULT_FACTOR_CHANGE = {
    "sign": 0.0,
    "roll": pi / 4,
    "background": 1.0,
    "colour": 2 * pi / 3,
    "texture": 0.5,
}  # and how much by default
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
    """``image`` and ``other`` (N, 3, H, W) in [0, 1], the same scenes but for one thing; ``difference`` (N, 1, H, W), bool, the
    pixels which that thing can reach. Outside of it the twins are equal, bit for bit."""

    image: Tensor
    counterfactual: Tensor
    difference: Tensor


class TwoSignImages(NamedTuple):
    """``images`` (N, 3, H, 2H) in [0, 1] with two signs each; ``left`` and ``right`` (N, 1, H, 2H) in [0, 1], where they are."""

    images: Tensor
    left: Tensor
    right: Tensor


class OddOneOutArrays(NamedTuple):
    """``images`` (N, 3, S, S) in [0, 1] of 3×3 signs; ``mask`` (N, 1, S, S) in [0, 1], where the odd one is; ``labels`` (N, 9) and
    ``odd`` (N,), the signs by rows and the place of the odd one; ``signs`` (N, 1, S, S), where any of the nine is."""

    images: Tensor
    mask: Tensor
    labels: Tensor
    odd_index: Tensor
    signs: Tensor


def _paint_differs(one: SignCoverage, two: SignCoverage) -> Tensor:
    """Where two signs put other paint, uncover other ground or cast another shadow: read off the coverage, before any light."""
    paint_differs = (one.paint_fractions != two.paint_fractions).any(1, keepdim=True)
    return paint_differs | (one.transmittance != two.transmittance) | (one.shadow != two.shadow)


def _render_pair_batch(
    scene: Scene, labels: Tensor, others: Tensor | None, change: str, amount, generator
) -> tuple[Tensor, Tensor, Tensor]:
    height, width = scene.background.shape[-2:]
    first = second = rasterize_signs(labels, scene.pose, height, width)
    altered = scene
    if change == "sign":
        second = rasterize_signs(others, scene.pose, height, width)
        differs = _paint_differs(first, second)
    elif change == "roll":
        # A pole does not turn with its sign, so it stays the first one's.
        second = rasterize_signs(labels, scene.pose._replace(roll=scene.pose.roll + amount), height, width)._replace(
            pole=first.pole
        )
        differs = _paint_differs(first, second)
    elif change == "background":
        elsewhere = sample_scenes(
            len(labels), size=(height, width), generator=generator, device=scene.background.device
        )
        share = amount[:, None, None, None]
        altered = scene.replace(background=torch.lerp(scene.background, elsewhere.background, share))
        differs = (first.transmittance > 0) & (first.pole[:, :1] < 1)
    elif change == "colour":
        altered = scene.replace(hue_shift=scene.hue_shift + amount)
        differs = (first.paint_fractions[:, CHROMATIC_PAINTS.to(scene.hue_shift.device)] > 0).any(1, keepdim=True)
    else:
        (pattern,) = one_over_f_noise(len(labels), (0.6,), height, width, generator, scene.background.device)
        pattern = torch.sign(pattern) * pattern.abs().sqrt()  # patches rather than grain
        altered = scene.replace(
            surface_texture=scene.surface_texture * (1 + amount[:, None, None, None] * pattern).clamp(0.1, 1.9)
        )
        differs = (first.paint_fractions > 0).any(1, keepdim=True)
    image, other = composite(scene, first).images, composite(altered, second).images
    return image, other, differs & (scene.occluder_alpha < 1)


def counterfactual_pairs(
    labels,
    others=None,
    *,
    factor: str = "sign",
    amount: float | Tensor | None = None,
    size: int | tuple[int, int] = 48,
    distribution: str = "wild",
    scene: Scene | None = None,
    generator: torch.Generator | None = None,
    device=None,
) -> CounterfactualPair:
    """Draw every scene twice, with one thing changed: the ground truth of "why P, rather than Q?".

    Args:
        labels: the signs of the first pictures, names or ints.
        others: the signs of the second ones, for ``change="sign"`` only; one for all, or one for each.
        change: "sign", or one factor alone: "roll", "background", "colour" or "texture".
        amount: how much of it, one number or (N,): radians of roll (default π/4), radians of hue (default 2π/3: red turns green), the
            share of the new background (default 1), the contrast of the pattern laid over the sign (default 0.5).
        size, world, scene, generator, device: as for :func:`render`.

    Returns:
        :class:`Twins`. The difference comes from the coverage of the two signs (rim, shadow and leaves in front included), never from
        comparing the pictures.

    Raises:
        ValueError: unknown sign, world or change (the nearest are named), or ``others`` where it has no meaning.

    Example:
        >>> question = counterfactual_pairs("speed 30", "speed 50")
        >>> bool((question.image == question.counterfactual)[~question.difference.expand_as(question.image)].all())
        True
    """
    check_choice(factor, DEFAULT_FACTOR_CHANGE, "change")
    labels = to_label_tensor(labels)
    if (factor == "sign") != (others is not None):
        raise ValueError(
            'name the other signs for change="sign", and only there; a change of one factor keeps the sign'
        )
    if factor == "sign":
        others = to_label_tensor(others)
        if len(others) not in (1, len(labels)):
            raise ValueError(f"{len(others)} other signs do not fit {len(labels)} labels; give one, or one for each")
        others = others.expand(len(labels))
    amount = torch.as_tensor(DEFAULT_FACTOR_CHANGE[factor] if amount is None else amount, dtype=torch.float32).expand(
        len(labels)
    )
    generator = generator if generator is not None else torch.Generator().manual_seed(0)
    blocks = []
    for rows, part in iter_scene_batches(
        len(labels), scene, size=size, distribution=distribution, generator=generator, device=device
    ):
        chosen = others[rows] if factor == "sign" else None
        blocks.append(
            _render_pair_batch(part, labels[rows], chosen, factor, amount[rows].to(part.hue_shift), generator)
        )
    return CounterfactualPair(*map(torch.cat, zip(*blocks, strict=True)))


def two_sign_images(
    left,
    right,
    *,
    size: int = 48,
    distribution: str = "clean",
    generator: torch.Generator | None = None,
    device=None,
) -> TwoSignImages:
    """Two signs in one scene, twice as wide as high.

    Args:
        left, right: names or ints of the signs, one or many, equally many.
        size: height in pixels.
        world, generator, device: as for :func:`render`. In the wild world signs may be far away, tilted and behind leaves.

    Returns:
        :class:`Pairs`, with a mask for each of the two signs.

    Raises:
        ValueError: unknown sign or world (the nearest are named), or lists of different lengths.

    Example:
        >>> two_sign_images("stop", "speed 30").images.shape
        torch.Size([1, 3, 48, 96])
    """
    left, right = to_label_tensor(left), to_label_tensor(right)
    if len(left) != len(right):
        raise ValueError(f"{len(left)} signs on the left and {len(right)} on the right; a pair needs one of each")
    generator = generator if generator is not None else torch.Generator().manual_seed(0)
    blocks = []
    for rows, scene in iter_scene_batches(
        len(left), None, size=(size, 2 * size), distribution=distribution, generator=generator, device=device
    ):
        beside = sample_scenes(len(scene), size=8, distribution=distribution, generator=generator, device=device).pose
        inks = [
            rasterize_signs(labels[rows], pose._replace(x=pose.x + side), size, 2 * size)
            for labels, pose, side in ((left, scene.pose, -1), (right, beside, +1))
        ]
        seen = 1 - scene.occluder_alpha
        masks = [(1 - one.transmittance) * seen for one in inks]
        blocks.append((composite(scene, *inks).images, masks[0] * inks[1].transmittance, masks[1]))
    return TwoSignImages(*map(torch.cat, zip(*blocks, strict=True)))


def _split_cells(maps: Tensor) -> Tensor:
    """(N, C, 3s, 3s) → (9N, C, s, s), by rows."""
    n, channels, side, _ = maps.shape
    return (
        maps.reshape(n, channels, 3, side // 3, 3, side // 3)
        .permute(0, 2, 4, 1, 3, 5)
        .reshape(9 * n, channels, side // 3, side // 3)
    )


def _join_cells(cells: Tensor) -> Tensor:
    """The way back of :func:`_cells`."""
    n, channels, side, _ = cells.shape
    return (
        cells.reshape(n // 9, 3, 3, channels, side, side)
        .permute(0, 3, 1, 4, 2, 5)
        .reshape(n // 9, channels, 3 * side, 3 * side)
    )


def odd_one_out_arrays(
    kind: str, n: int = 1, *, size: int = 144, generator: torch.Generator | None = None, device=None
) -> OddOneOutArrays:
    """Nine signs in a square, eight alike and one odd.

    Args:
        kind: what is odd about it: "class" (any other sign), "near" (a sign easily taken for it), "colour" (red turned green, blue
            turned red), "size" or "roll".
        n: how many arrays.
        size: width and height in pixels, a multiple of 3 and at least 24.
        generator, device: as for :func:`render`.

    Returns:
        :class:`Arrays`.

    Raises:
        ValueError: the kind is unknown (the nearest are named), or the size does not divide by 3.

    Example:
        >>> odd_one_out_arrays("colour").images.shape
        torch.Size([1, 3, 144, 144])
    """
    check_choice(kind, ODD_ONE_OUT_KINDS, "kind of array")
    if size % 3 or size < 24:
        raise ValueError(
            f"an array has 3×3 cells; a size of {size} pixels cannot be cut so, try {max(24, 3 * round(size / 3))}"
        )
    generator = generator if generator is not None else torch.Generator().manual_seed(0)
    parts = []
    for _ in range(n):
        base = int(torch.randint(len(SIGNS), (1,), generator=generator))
        place = int(torch.randint(9, (1,), generator=generator))
        labels, odd = torch.full((9,), base), torch.arange(9) == place
        if kind == "class":
            labels[place] = (base + 1 + int(torch.randint(len(SIGNS) - 1, (1,), generator=generator))) % len(SIGNS)
        elif kind == "near":
            labels[place] = SIGNS.index(MOST_SIMILAR_SIGN[SIGNS[base]])
        scene = sample_scenes(1, size=size, distribution="clean", generator=generator, device=device).repeat(9)
        loose = torch.rand(6, 9, generator=generator).to(scene.hue_shift) * 2 - 1
        odd = odd.to(scene.hue_shift)
        pose = Pose(
            yaw=0.15 * loose[0],
            pitch=0.1 * loose[1],
            roll=0.06 * loose[2] + (0.9 * odd if kind == "roll" else 0),
            size=(0.56 + 0.04 * loose[3]) * (1 + 0.45 * odd if kind == "size" else 1),
            x=0.08 * loose[4],
            y=0.08 * loose[5],
        )
        cut = {
            name: _split_cells(getattr(scene, name)[:1])
            for name in ("background", "surface_texture", "occluder", "occluder_alpha", "camera_noise")
        }
        scene = scene.replace(
            **cut,
            pose=pose,
            illumination_gradient=0 * scene.illumination_gradient,
            hue_shift=(DEFAULT_FACTOR_CHANGE["colour"] * odd if kind == "colour" else 0 * odd),
        )
        drawn = composite(scene, rasterize_signs(labels, pose, size // 3, size // 3), poles=False)
        there, odd_one = _join_cells(drawn.sign_mask), _join_cells(drawn.sign_mask * odd[:, None, None, None])
        parts.append((_join_cells(drawn.images), odd_one, labels[None], torch.tensor([place]), there))
    if not parts:
        raise ValueError(f"{n} arrays are none to look at; ask for 1 or more")
    return OddOneOutArrays(*map(torch.cat, zip(*parts, strict=True)))
