"""Pictures that come with their own answer: exact twins, two signs in one scene, arrays with an odd one out."""

from math import pi
from typing import NamedTuple

import torch
from torch import Tensor

from tutorial_lib.data.painting import CHROMATIC, Ink, expose, in_blocks, ink
from tutorial_lib.data.scenes import Pose, Scene, noise_maps, sample_scenes
from tutorial_lib.data.signs import SIGNS, as_labels
from tutorial_lib.names import known

CHANGES = {
    "sign": 0.0,
    "roll": pi / 4,
    "background": 1.0,
    "colour": 2 * pi / 3,
    "texture": 0.5,
}  # and how much by default
ARRAYS = ("class", "near", "colour", "size", "roll")
NEAR = {
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


class Twins(NamedTuple):
    """``image`` and ``other`` (N, 3, H, W) in [0, 1], the same scenes but for one thing; ``difference`` (N, 1, H, W), bool, the
    pixels which that thing can reach. Outside of it the twins are equal, bit for bit."""

    image: Tensor
    other: Tensor
    difference: Tensor


class Pairs(NamedTuple):
    """``images`` (N, 3, H, 2H) in [0, 1] with two signs each; ``left`` and ``right`` (N, 1, H, 2H) in [0, 1], where they are."""

    images: Tensor
    left: Tensor
    right: Tensor


class Arrays(NamedTuple):
    """``images`` (N, 3, S, S) in [0, 1] of 3×3 signs; ``mask`` (N, 1, S, S) in [0, 1], where the odd one is; ``labels`` (N, 9) and
    ``odd`` (N,), the signs by rows and the place of the odd one; ``signs`` (N, 1, S, S), where any of the nine is."""

    images: Tensor
    mask: Tensor
    labels: Tensor
    odd: Tensor
    signs: Tensor


def _other_paint(one: Ink, two: Ink) -> Tensor:
    """Where two signs put other paint, uncover other ground or cast another shadow: read off the coverage, before any light."""
    paint_differs = (one.shares != two.shares).any(1, keepdim=True)
    return paint_differs | (one.clear != two.clear) | (one.shadow != two.shadow)


def _twin_block(
    scene: Scene, labels: Tensor, others: Tensor | None, change: str, amount, generator
) -> tuple[Tensor, Tensor, Tensor]:
    height, width = scene.background.shape[-2:]
    first = second = ink(labels, scene.pose, height, width)
    altered = scene
    if change == "sign":
        second = ink(others, scene.pose, height, width)
        differs = _other_paint(first, second)
    elif change == "roll":
        # A pole does not turn with its sign, so it stays the first one's.
        second = ink(labels, scene.pose._replace(roll=scene.pose.roll + amount), height, width)._replace(
            pole=first.pole
        )
        differs = _other_paint(first, second)
    elif change == "background":
        elsewhere = sample_scenes(
            len(labels), size=(height, width), generator=generator, device=scene.background.device
        )
        share = amount[:, None, None, None]
        altered = scene.replace(background=torch.lerp(scene.background, elsewhere.background, share))
        differs = (first.clear > 0) & (first.pole[:, :1] < 1)
    elif change == "colour":
        altered = scene.replace(hue=scene.hue + amount)
        differs = (first.shares[:, CHROMATIC.to(scene.hue.device)] > 0).any(1, keepdim=True)
    else:
        (pattern,) = noise_maps(len(labels), (0.6,), height, width, generator, scene.background.device)
        pattern = torch.sign(pattern) * pattern.abs().sqrt()  # patches rather than grain
        altered = scene.replace(surface=scene.surface * (1 + amount[:, None, None, None] * pattern).clamp(0.1, 1.9))
        differs = (first.shares > 0).any(1, keepdim=True)
    image, other = expose(scene, first).images, expose(altered, second).images
    return image, other, differs & (scene.cover < 1)


def twins(
    labels,
    others=None,
    *,
    change: str = "sign",
    amount: float | Tensor | None = None,
    size: int | tuple[int, int] = 48,
    world: str = "wild",
    scene: Scene | None = None,
    generator: torch.Generator | None = None,
    device=None,
) -> Twins:
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
        >>> question = twins("speed 30", "speed 50")
        >>> bool((question.image == question.other)[~question.difference.expand_as(question.image)].all())
        True
    """
    known(change, CHANGES, "change")
    labels = as_labels(labels)
    if (change == "sign") != (others is not None):
        raise ValueError(
            'name the other signs for change="sign", and only there; a change of one factor keeps the sign'
        )
    if change == "sign":
        others = as_labels(others)
        if len(others) not in (1, len(labels)):
            raise ValueError(f"{len(others)} other signs do not fit {len(labels)} labels; give one, or one for each")
        others = others.expand(len(labels))
    amount = torch.as_tensor(CHANGES[change] if amount is None else amount, dtype=torch.float32).expand(len(labels))
    generator = generator if generator is not None else torch.Generator().manual_seed(0)
    blocks = []
    for rows, part in in_blocks(len(labels), scene, size=size, world=world, generator=generator, device=device):
        chosen = others[rows] if change == "sign" else None
        blocks.append(_twin_block(part, labels[rows], chosen, change, amount[rows].to(part.hue), generator))
    return Twins(*map(torch.cat, zip(*blocks, strict=True)))


def pairs(
    left,
    right,
    *,
    size: int = 48,
    world: str = "clean",
    generator: torch.Generator | None = None,
    device=None,
) -> Pairs:
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
        >>> pairs("stop", "speed 30").images.shape
        torch.Size([1, 3, 48, 96])
    """
    left, right = as_labels(left), as_labels(right)
    if len(left) != len(right):
        raise ValueError(f"{len(left)} signs on the left and {len(right)} on the right; a pair needs one of each")
    generator = generator if generator is not None else torch.Generator().manual_seed(0)
    blocks = []
    for rows, scene in in_blocks(
        len(left), None, size=(size, 2 * size), world=world, generator=generator, device=device
    ):
        beside = sample_scenes(len(scene), size=8, world=world, generator=generator, device=device).pose
        inks = [
            ink(labels[rows], pose._replace(x=pose.x + side), size, 2 * size)
            for labels, pose, side in ((left, scene.pose, -1), (right, beside, +1))
        ]
        seen = 1 - scene.cover
        masks = [(1 - one.clear) * seen for one in inks]
        blocks.append((expose(scene, *inks).images, masks[0] * inks[1].clear, masks[1]))
    return Pairs(*map(torch.cat, zip(*blocks, strict=True)))


def _cells(maps: Tensor) -> Tensor:
    """(N, C, 3s, 3s) → (9N, C, s, s), by rows."""
    n, channels, side, _ = maps.shape
    return (
        maps.reshape(n, channels, 3, side // 3, 3, side // 3)
        .permute(0, 2, 4, 1, 3, 5)
        .reshape(9 * n, channels, side // 3, side // 3)
    )


def _whole(cells: Tensor) -> Tensor:
    """The way back of :func:`_cells`."""
    n, channels, side, _ = cells.shape
    return (
        cells.reshape(n // 9, 3, 3, channels, side, side)
        .permute(0, 3, 1, 4, 2, 5)
        .reshape(n // 9, channels, 3 * side, 3 * side)
    )


def arrays(kind: str, n: int = 1, *, size: int = 144, generator: torch.Generator | None = None, device=None) -> Arrays:
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
        >>> arrays("colour").images.shape
        torch.Size([1, 3, 144, 144])
    """
    known(kind, ARRAYS, "kind of array")
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
            labels[place] = SIGNS.index(NEAR[SIGNS[base]])
        scene = sample_scenes(1, size=size, world="clean", generator=generator, device=device).repeat(9)
        loose = torch.rand(6, 9, generator=generator).to(scene.hue) * 2 - 1
        odd = odd.to(scene.hue)
        pose = Pose(
            yaw=0.15 * loose[0],
            pitch=0.1 * loose[1],
            roll=0.06 * loose[2] + (0.9 * odd if kind == "roll" else 0),
            size=(0.56 + 0.04 * loose[3]) * (1 + 0.45 * odd if kind == "size" else 1),
            x=0.08 * loose[4],
            y=0.08 * loose[5],
        )
        cut = {name: _cells(getattr(scene, name)[:1]) for name in ("background", "surface", "leaves", "cover", "noise")}
        scene = scene.replace(
            **cut, pose=pose, sheen=0 * scene.sheen, hue=(CHANGES["colour"] * odd if kind == "colour" else 0 * odd)
        )
        drawn = expose(scene, ink(labels, pose, size // 3, size // 3), poles=False)
        there, odd_one = _whole(drawn.sign), _whole(drawn.sign * odd[:, None, None, None])
        parts.append((_whole(drawn.images), odd_one, labels[None], torch.tensor([place]), there))
    if not parts:
        raise ValueError(f"{n} arrays are none to look at; ask for 1 or more")
    return Arrays(*map(torch.cat, zip(*parts, strict=True)))
