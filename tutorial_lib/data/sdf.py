"""Signed distance functions of the shapes on the signs: negative inside a shape, zero on its edge, positive outside.

Every function takes coordinates x (to the right) and y (downward), tensors of the same shape, and returns the distance
at each point. An image is rendered by evaluating the distance at each pixel. Distances are differentiable with respect
to the coordinates, and hence to the pose that determined them. The primitives follow the closed forms collected by
Í. Quílez.
"""

from functools import reduce
from math import cos, hypot, pi, radians, sin
from typing import Any

import torch
from torch import Tensor

Point = tuple[float, float]
Stroke = tuple[Any, ...]  # ("S", start, end) is a segment, ("A", center, radius, start angle, end angle) an arc


def norm2d(x: Tensor, y: Tensor) -> Tensor:
    """Return the Euclidean norm of vectors, with a finite derivative at the origin.

    Args:
        x: first components.
        y: second components, of the same shape.

    Returns:
        √(x² + y²) of the shape of x, ≥ 0.
    """
    return torch.sqrt(x * x + y * y + 1e-12)  # without the small term the derivative at the origin is NaN


def union(*distances: Tensor) -> Tensor:
    """Return the distance to the union of shapes, the minimum of their distances.

    Args:
        *distances: signed distances, tensors of the same shape.

    Returns:
        Signed distances of the same shape.
    """
    return reduce(torch.minimum, distances)


def circle(x: Tensor, y: Tensor, radius: float, center: Point = (0, 0)) -> Tensor:
    """Return the distance to a disk.

    Args:
        x: horizontal coordinates, to the right.
        y: vertical coordinates, downward, of the same shape.
        radius: radius of the disk.
        center: its center.

    Returns:
        Signed distances of the shape of x.
    """
    return norm2d(x - center[0], y - center[1]) - radius


def box(
    x: Tensor, y: Tensor, half_width: float, half_height: float, center: Point = (0, 0), corner: float = 0
) -> Tensor:
    """Return the distance to an upright rectangle with rounded corners.

    Args:
        x: horizontal coordinates, to the right.
        y: vertical coordinates, downward, of the same shape.
        half_width: half its width.
        half_height: half its height.
        center: its center.
        corner: radius of the rounded corners.

    Returns:
        Signed distances of the shape of x.
    """
    dx = (x - center[0]).abs() - half_width + corner
    dy = (y - center[1]).abs() - half_height + corner
    return norm2d(dx.clamp(min=0), dy.clamp(min=0)) + torch.maximum(dx, dy).clamp(max=0) - corner


def segment(x: Tensor, y: Tensor, start: Point, end: Point) -> Tensor:
    """Return the unsigned distance to a straight segment.

    Args:
        x: horizontal coordinates, to the right.
        y: vertical coordinates, downward, of the same shape.
        start: one end.
        end: the other end.

    Returns:
        Distances of the shape of x, ≥ 0.
    """
    ux, uy = end[0] - start[0], end[1] - start[1]
    along = (((x - start[0]) * ux + (y - start[1]) * uy) / (ux * ux + uy * uy)).clamp(0, 1)
    return norm2d(x - start[0] - along * ux, y - start[1] - along * uy)


def arc(x: Tensor, y: Tensor, center: Point, radius: float, start: float, end: float) -> Tensor:
    """Return the unsigned distance to a circular arc.

    Args:
        x: horizontal coordinates, to the right.
        y: vertical coordinates, downward, of the same shape.
        center: center of the circle.
        radius: its radius.
        start: angle at which the arc begins, in degrees, from the right, clockwise on the screen.
        end: angle at which it ends, in degrees.

    Returns:
        Distances of the shape of x, ≥ 0.
    """
    middle, half = radians((start + end) / 2), radians((end - start) / 2)
    dx, dy = x - center[0], y - center[1]
    # The middle of the arc is rotated onto the first axis, about which the arc is symmetric.
    along = dx * cos(middle) + dy * sin(middle)
    across = (dy * cos(middle) - dx * sin(middle)).abs()
    beyond = cos(half) * across > sin(half) * along if half < pi else torch.zeros_like(x, dtype=torch.bool)
    to_end = norm2d(across - radius * sin(half), along - radius * cos(half))
    return torch.where(beyond, to_end, (norm2d(dx, dy) - radius).abs())


def polygon(x: Tensor, y: Tensor, corners: list[Point]) -> Tensor:
    """Return the distance to a simple polygon.

    A point is inside if a ray from it to one side crosses an odd number of edges.

    Args:
        x: horizontal coordinates, to the right.
        y: vertical coordinates, downward, of the same shape.
        corners: its corners in order.

    Returns:
        Signed distances of the shape of x.
    """
    edges, inside = [], torch.zeros_like(x, dtype=torch.bool)
    for (ax, ay), (bx, by) in zip(corners, corners[-1:] + corners[:-1], strict=True):
        edges.append(segment(x, y, (ax, ay), (bx, by)))
        side = (bx - ax) * (y - ay) - (by - ay) * (x - ax)
        inside = inside ^ (((y >= ay) & (y < by) & (side > 0)) | ((y >= by) & (y < ay) & (side < 0)))
    nearest = union(*edges)
    return torch.where(inside, -nearest, nearest)


def regular_polygon(x: Tensor, y: Tensor, sides: int, radius: float, rotation: float = 0, corner: float = 0) -> Tensor:
    """Return the distance to a regular polygon with rounded corners.

    Args:
        x: horizontal coordinates, to the right.
        y: vertical coordinates, downward, of the same shape.
        sides: number of its sides.
        radius: distance from the origin, its center, to the corners before they are rounded.
        rotation: angle in radians by which it is rotated clockwise; at 0 a corner points up.
        corner: radius of the rounded corners.

    Returns:
        Signed distances of the shape of x.
    """
    sector = 2 * pi / sides
    core = radius - corner / cos(sector / 2)
    half_side, apothem = core * sin(sector / 2), core * cos(sector / 2)
    # All sides are alike, so each point is rotated into the sector of the first side.
    angle = (torch.round((torch.atan2(x, -y) - rotation) / sector - 0.5) + 0.5) * sector + rotation
    c, s = torch.cos(angle), torch.sin(angle)
    along, out = c * x + s * y, s * x - c * y - apothem
    beyond = along - along.clamp(-half_side, half_side)
    return torch.where(out > 0, norm2d(beyond, out), out) - corner


# A stroke font in a cell of width 1 and height 1.6.
_OVAL: list[Stroke] = [
    ("A", (0.5, 0.5), 0.5, 180, 360),
    ("S", (0, 0.5), (0, 1.1)),
    ("S", (1, 0.5), (1, 1.1)),
    ("A", (0.5, 1.1), 0.5, 0, 180),
]
FONT: dict[str, list[Stroke]] = {
    "0": _OVAL,
    "O": _OVAL,
    "3": [("A", (0.46, 0.40), 0.40, 205, 450), ("A", (0.46, 1.13), 0.47, -90, 155)],
    "5": [("S", (0.95, 0), (0.1, 0)), ("S", (0.1, 0), (0.05, 0.75)), ("A", (0.48, 1.08), 0.52, -140, 150)],
    "6": [("A", (0.5, 1.1), 0.5, 0, 360), ("A", (1.0, 1.1), 1.0, 180, 262)],
    "8": [("A", (0.5, 0.4), 0.4, 0, 360), ("A", (0.5, 1.14), 0.46, 0, 360)],
    "G": [("A", (0.5, 0.5), 0.5, 180, 345), ("S", (0, 0.5), (0, 1.1)), ("A", (0.5, 1.1), 0.5, 0, 180)]
    + [("S", (1, 1.1), (1, 0.85)), ("S", (1, 0.85), (0.55, 0.85))],
    "P": [
        ("S", (0, 0), (0, 1.6)),
        ("S", (0, 0), (0.55, 0)),
        ("S", (0, 0.84), (0.55, 0.84)),
        ("A", (0.55, 0.42), 0.42, -90, 90),
    ],
    "S": [("A", (0.5, 0.42), 0.42, 90, 330), ("A", (0.5, 1.2), 0.42, -90, 150), ("S", (0.08, 1.41), (0.085, 1.40))],
    "T": [("S", (0, 0), (1, 0)), ("S", (0.5, 0), (0.5, 1.6))],
}


def stroke_path(x: Tensor, y: Tensor, items: list[Stroke], half_width: float) -> Tensor:
    """Return the distance to a set of strokes of the same width.

    Args:
        x: horizontal coordinates, to the right.
        y: vertical coordinates, downward, of the same shape.
        items: the strokes, ``("S", start, end)`` or ``("A", center, radius, start angle, end angle)``.
        half_width: half the width of the strokes.

    Returns:
        Signed distances of the shape of x.
    """
    return union(*[(segment if kind == "S" else arc)(x, y, *rest) for kind, *rest in items]) - half_width


def text_sdf(
    x: Tensor, y: Tensor, word: str, cell: float, half_width: float, center: Point = (0, 0), gap: float = 0.45
) -> Tensor:
    """Return the distance to a line of stroke letters.

    Args:
        x: horizontal coordinates, to the right.
        y: vertical coordinates, downward, of the same shape.
        word: the text, of characters in ``FONT``.
        cell: width of a letter; its height is 1.6 times that.
        half_width: half the width of the strokes.
        center: center of the line.
        gap: space between letters, in units of ``cell``.

    Returns:
        Signed distances of the shape of x.
    """
    left = center[0] - cell * (len(word) + gap * (len(word) - 1)) / 2
    top = center[1] - 0.8 * cell
    letters = [
        stroke_path((x - left - i * cell * (1 + gap)) / cell, (y - top) / cell, FONT[letter], 0)
        for i, letter in enumerate(word)
    ]
    return union(*letters) * cell - half_width


def arrow(x: Tensor, y: Tensor, path: list[Point], half_width: float, head: float) -> Tensor:
    """Return the distance to an arrow, a shaft along a path that ends in a filled triangle.

    Args:
        x: horizontal coordinates, to the right.
        y: vertical coordinates, downward, of the same shape.
        path: corners of the shaft.
        half_width: half the width of the shaft.
        head: length of the triangle.

    Returns:
        Signed distances of the shape of x.
    """
    shaft = union(*[segment(x, y, a, b) for a, b in zip(path, path[1:], strict=False)]) - half_width
    (ax, ay), (bx, by) = path[-2:]
    ux, uy = (bx - ax) / hypot(bx - ax, by - ay), (by - ay) / hypot(bx - ax, by - ay)
    wing = 0.95 * head
    tip = polygon(
        x, y, [(bx + ux * head, by + uy * head), (bx - uy * wing, by + ux * wing), (bx + uy * wing, by - ux * wing)]
    )
    return torch.minimum(shaft, tip)


def car(x: Tensor, y: Tensor, center: Point, size: float) -> Tensor:
    """Return the distance to a car seen from behind, with body, cabin and two wheels.

    Args:
        x: horizontal coordinates, to the right.
        y: vertical coordinates, downward, of the same shape.
        center: center of the car.
        size: its width.

    Returns:
        Signed distances of the shape of x.
    """
    x, y = (x - center[0]) / size, (y - center[1]) / size
    cabin = polygon(x, y, [(-0.36, -0.05), (-0.24, -0.38), (0.24, -0.38), (0.36, -0.05)])
    wheels = box(x.abs(), y, 0.11, 0.12, (0.33, 0.33))
    return union(box(x, y, 0.5, 0.20, (0, 0.12), 0.08), cabin, wheels) * size


_BICYCLE: list[Stroke] = [
    ("A", (-0.5, 0.22), 0.3, 0, 360),
    ("A", (0.5, 0.22), 0.3, 0, 360),
    ("S", (-0.5, 0.22), (-0.02, 0.22)),
    ("S", (-0.02, 0.22), (-0.28, -0.22)),
    ("S", (-0.5, 0.22), (-0.28, -0.22)),
    ("S", (-0.28, -0.2), (0.3, -0.2)),
    ("S", (0.3, -0.2), (-0.02, 0.22)),
    ("S", (0.5, 0.22), (0.25, -0.38)),
    ("S", (0.25, -0.38), (0.42, -0.38)),
    ("S", (-0.28, -0.22), (-0.32, -0.36)),
    ("S", (-0.44, -0.36), (-0.2, -0.36)),
]


def bicycle(x: Tensor, y: Tensor, center: Point, size: float) -> Tensor:
    """Return the distance to a bicycle seen from the side.

    Args:
        x: horizontal coordinates, to the right.
        y: vertical coordinates, downward, of the same shape.
        center: center of the bicycle.
        size: distance between the wheels.

    Returns:
        Signed distances of the shape of x.
    """
    return stroke_path((x - center[0]) / size, (y - center[1]) / size, _BICYCLE, 0.055) * size
