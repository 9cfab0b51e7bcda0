"""Designs of the traffic signs: each is a stack of painted layers in its own plane, about from −1 to 1.

``SIGNS`` are the classes that networks are trained on, and ``NOVEL_SIGNS`` are classes outside the training set. A
label is an index into ``SIGNS + NOVEL_SIGNS``, or a name. A design maps coordinates to layers from bottom to top. The
first layer is the outline, and the layers marked as glyph carry the message. If the shape is the message (*yield*,
*priority*), the whole sign is the glyph.
"""

from collections.abc import Callable, Sequence
from math import cos, pi, radians, sin
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from tutorial_lib._validation import check_choice, convert_arguments
from tutorial_lib.data.sdf import (
    arrow,
    bicycle,
    box,
    car,
    circle,
    polygon,
    regular_polygon,
    segment,
    stroke_path,
    text_sdf,
    union,
)

PAINTS = {
    "white": (0.93, 0.93, 0.91),
    "red": (0.76, 0.07, 0.09),
    "black": (0.06, 0.06, 0.07),
    "blue": (0.03, 0.25, 0.62),
    "yellow": (0.97, 0.76, 0.05),
    "green": (0.02, 0.50, 0.26),
    "orange": (0.96, 0.49, 0.05),
}


class Layer(NamedTuple):
    """One painted layer of a sign.

    Attributes:
        distance: signed distance of each point to the edge of the layer, negative inside.
        paint: name of its paint, a key of ``PAINTS``.
        glyph: whether it carries the message of the sign.
    """

    distance: Tensor
    paint: str
    glyph: bool = False


Design = Callable[[Tensor, Tensor], list[Layer]]
SignLabels: TypeAlias = Sequence[str | int] | Tensor | str | int
POINT_DOWN = pi  # rotation of a triangle that points down


def _disk(x: Tensor, y: Tensor, face: str, rim: str | None = None) -> list[Layer]:
    """A round plate with an optional rim."""
    rings = [(0.94, face)] if rim is None else [(0.97, rim), (0.74, face)]
    return [Layer(circle(x, y, radius), paint) for radius, paint in [(1.0, "white"), *rings]]


def _triangle(x: Tensor, y: Tensor, rotation: float = 0, glyph: bool = False) -> list[Layer]:
    """A triangular plate with a red rim."""
    y = y - 0.2 * cos(rotation)  # centers its height rather than its center of gravity
    return [
        Layer(regular_polygon(x, y, 3, 1.32, rotation, 0.12), "white", glyph),
        Layer(regular_polygon(x, y, 3, 1.26, rotation, 0.10), "red", glyph),
        Layer(regular_polygon(x, y, 3, 0.78, rotation, 0.03), "white", glyph),
    ]


def _stop(face: str, word: str) -> Design:
    """An octagon with a word."""
    cell, half_width = (0.27, 0.068) if len(word) == 4 else (0.40, 0.10)

    return lambda x, y: [
        Layer(regular_polygon(x, y, 8, 1.06, pi / 8, 0.03), "white"),
        Layer(regular_polygon(x, y, 8, 0.98, pi / 8, 0.03), face),
        Layer(text_sdf(x, y, word, cell, half_width), "white", True),
    ]


def _speed(limit: str) -> Design:
    """A speed limit."""
    return lambda x, y: [
        *_disk(x, y, "white", "red"),
        Layer(text_sdf(x, y, limit, 0.37, 0.072, gap=0.49), "black", True),
    ]


def _turn(side: int) -> Design:
    """An arrow that turns to the left (−1) or to the right (1)."""
    path = [(-0.3 * side, 0.6), (-0.3 * side, -0.08), (0.18 * side, -0.08)]
    return lambda x, y: [*_disk(x, y, "blue"), Layer(arrow(x, y, path, 0.13, 0.42), "white", True)]


def _no_turn(side: int) -> Design:
    """A crossed-out arrow that turns to the left (−1) or to the right (1)."""
    path = [(-0.22 * side, 0.5), (-0.22 * side, -0.12), (0.12 * side, -0.12)]
    return lambda x, y: [
        *_disk(x, y, "white", "red"),
        Layer(arrow(x, y, path, 0.085, 0.3), "black", True),
        Layer(segment(x, y, (-0.55, -0.55), (0.55, 0.55)) - 0.09, "red"),
    ]


def _diamond(x: Tensor, y: Tensor, *rings: tuple[float, str], glyph: bool = False) -> list[Layer]:
    """Nested squares on a corner, from large to small."""
    return [Layer(regular_polygon(x, y, 4, radius, 0, 0.1 * radius), paint, glyph) for radius, paint in rings]


def _hump(x: Tensor, y: Tensor) -> list[Layer]:
    """A bump in the road."""
    mound = torch.maximum(circle(x, y, 0.27, (0, 0.46)), y - 0.5)
    return [*_triangle(x, y), Layer(union(mound, box(x, y, 0.45, 0.05, (0, 0.47))), "black", True)]


def _roundabout(x: Tensor, y: Tensor) -> list[Layer]:
    """Three arrows in a circle."""

    def tip(degrees: float) -> list[tuple[float, float]]:
        """The corners of an arrowhead on the circle."""
        at = radians(degrees)
        ahead = [radians(degrees + offset) for offset in (90, 210, 330)]
        return [(0.5 * cos(at) + 0.26 * cos(a), 0.5 * sin(at) + 0.26 * sin(a)) for a in ahead]

    ring = stroke_path(x, y, [("A", (0, 0), 0.5, a, a + 78) for a in (-80, 40, 160)], 0.1)
    return [*_disk(x, y, "blue"), Layer(union(ring, *[polygon(x, y, tip(a)) for a in (8, 128, 248)]), "white", True)]


_KNOWN_DESIGNS: dict[str, Design] = {
    "stop": _stop("red", "STOP"),
    "yield": lambda x, y: _triangle(x, y, POINT_DOWN, glyph=True),
    "no entry": lambda x, y: [*_disk(x, y, "red"), Layer(box(x, y, 0.66, 0.17, corner=0.02), "white", True)],
    "speed 30": _speed("30"),
    "speed 50": _speed("50"),
    "speed 80": _speed("80"),
    "no overtaking": lambda x, y: [  # two cars next to each other
        *_disk(x, y, "white", "red"),
        Layer(car(x, y, (-0.33, 0), 0.6), "red", True),
        Layer(car(x, y, (0.33, 0), 0.6), "black", True),
    ],
    "no left": _no_turn(-1),
    "no right": _no_turn(+1),
    "hump": _hump,
    "bicycle": lambda x, y: [*_triangle(x, y), Layer(bicycle(x, y, (0, 0.3), 0.47), "black", True)],
    "ahead only": lambda x, y: [
        *_disk(x, y, "blue"),
        Layer(arrow(x, y, [(0, 0.66), (0, -0.22)], 0.13, 0.45), "white", True),
    ],
    "turn right": _turn(+1),
    "priority": lambda x, y: _diamond(
        x, y, (1.12, "white"), (1.06, "black"), (1.0, "white"), (0.68, "yellow"), glyph=True
    ),
}
_NOVEL_DESIGNS: dict[str, Design] = {
    "green stop": _stop("green", "STOP"),
    "green go": _stop("green", "GO"),
    "turn left": _turn(-1),
    "speed 60": _speed("60"),
    "parking": lambda x, y: [
        Layer(box(x, y, 0.95, 0.95, corner=0.12), "white"),
        Layer(box(x, y, 0.88, 0.88, corner=0.10), "blue"),
        Layer(text_sdf(x, y, "P", 0.55, 0.12, (0.02, 0)), "white", True),
    ],
    "no stopping": lambda x, y: [  # a cross
        *_disk(x, y, "blue", "red"),
        Layer(
            union(segment(x, y, (-0.55, -0.55), (0.55, 0.55)), segment(x, y, (-0.55, 0.55), (0.55, -0.55))) - 0.1,
            "red",
            True,
        ),
    ],
    "roundabout": _roundabout,
    "road works": lambda x, y: [
        *_diamond(x, y, (1.12, "black"), (1.05, "orange")),
        Layer(arrow(x, y, [(0, 0.5), (0, -0.2)], 0.1, 0.32), "black", True),
    ],
    "no bicycle": lambda x, y: [*_disk(x, y, "white", "red"), Layer(bicycle(x, y, (0, 0.02), 0.62), "black", True)],
}
DESIGNS: list[Design] = [*_KNOWN_DESIGNS.values(), *_NOVEL_DESIGNS.values()]
SIGNS: tuple[str, ...] = tuple(_KNOWN_DESIGNS)
NOVEL_SIGNS: tuple[str, ...] = tuple(_NOVEL_DESIGNS)


@convert_arguments
def to_label_tensor(signs: SignLabels) -> Tensor:
    """Return the labels of signs, indices into ``SIGNS + NOVEL_SIGNS``.

    Args:
        signs: one sign or several, each a name or an index, or a tensor of indices of any shape.

    Returns:
        Labels (N,), int64, on the CPU.

    Raises:
        ValueError: an unknown name (the message gives the nearest ones), an index out of range, or a tensor that does
            not hold whole numbers.

    Example:
        >>> to_label_tensor(["stop", "speed 30"])
        tensor([0, 3])
    """
    names = SIGNS + NOVEL_SIGNS
    if isinstance(signs, Tensor):
        if signs.is_floating_point() or signs.is_complex() or signs.dtype == torch.bool:
            raise ValueError(
                f"labels must be whole numbers, not {signs.dtype}; pass labels.long() if the values are whole"
            )
        labels = signs.detach().cpu().long().reshape(-1)
    else:
        signs = [signs] if isinstance(signs, str | int) else list(signs)
        labels = torch.tensor(
            [names.index(check_choice(s, names, "sign")) if isinstance(s, str) else int(s) for s in signs],
            dtype=torch.long,
            device="cpu",
        )
    outside = labels[(labels < 0) | (labels >= len(names))]
    if len(outside):
        raise ValueError(
            f"label {int(outside[0])} is out of range; labels run from 0 to {len(names) - 1} (SIGNS + NOVEL_SIGNS)"
        )
    return labels
