"""Signed distances: negative inside a shape, zero on its edge, positive outside.

Every function takes coordinates ``x`` (to the right) and ``y`` (downward), tensors of one shape, and returns the distance at each
point, so a picture is drawn by asking each pixel how far it is from the ink. Distances are differentiable in the coordinates and
hence in whatever pose produced them. The primitives follow the well-known closed forms collected by Í. Quílez.
"""

from math import cos, hypot, pi, radians, sin

import torch
from torch import Tensor

Point = tuple[float, float]


def norm2d(x: Tensor, y: Tensor) -> Tensor:
    return torch.sqrt(x * x + y * y + 1e-12)  # the small term keeps the derivative finite at the origin


def union(*distances: Tensor) -> Tensor:
    nearest = distances[0]
    for distance in distances[1:]:
        nearest = torch.minimum(nearest, distance)
    return nearest


def circle(x: Tensor, y: Tensor, radius: float, centre: Point = (0, 0)) -> Tensor:
    return norm2d(x - centre[0], y - centre[1]) - radius


def box(
    x: Tensor, y: Tensor, half_width: float, half_height: float, centre: Point = (0, 0), corner: float = 0
) -> Tensor:
    """An upright rectangle, its corners rounded with radius ``corner``."""
    dx = (x - centre[0]).abs() - half_width + corner
    dy = (y - centre[1]).abs() - half_height + corner
    return norm2d(dx.clamp(min=0), dy.clamp(min=0)) + torch.maximum(dx, dy).clamp(max=0) - corner


def segment(x: Tensor, y: Tensor, start: Point, end: Point) -> Tensor:
    """The (unsigned) distance to a straight line from ``start`` to ``end``."""
    ux, uy = end[0] - start[0], end[1] - start[1]
    along = (((x - start[0]) * ux + (y - start[1]) * uy) / (ux * ux + uy * uy)).clamp(0, 1)
    return norm2d(x - start[0] - along * ux, y - start[1] - along * uy)


def arc(x: Tensor, y: Tensor, centre: Point, radius: float, start: float, end: float) -> Tensor:
    """The (unsigned) distance to an arc; angles in degrees, from the right, clockwise on the screen."""
    middle, half = radians((start + end) / 2), radians((end - start) / 2)
    dx, dy = x - centre[0], y - centre[1]
    along = dx * cos(middle) + dy * sin(middle)  # turn the arc's middle to the first axis; then it is symmetric
    across = (dy * cos(middle) - dx * sin(middle)).abs()
    beyond = cos(half) * across > sin(half) * along if half < pi else torch.zeros_like(x, dtype=torch.bool)
    to_end = norm2d(across - radius * sin(half), along - radius * cos(half))
    return torch.where(beyond, to_end, (norm2d(dx, dy) - radius).abs())


def polygon(x: Tensor, y: Tensor, corners: list[Point]) -> Tensor:
    """Any simple polygon: the nearest edge, signed by counting the edges to one side of the point."""
    nearest, inside = None, torch.zeros_like(x, dtype=torch.bool)
    for (ax, ay), (bx, by) in zip(corners, corners[-1:] + corners[:-1], strict=True):
        edge = segment(x, y, (ax, ay), (bx, by))
        nearest = edge if nearest is None else torch.minimum(nearest, edge)
        side = (bx - ax) * (y - ay) - (by - ay) * (x - ax)
        inside = inside ^ (((y >= ay) & (y < by) & (side > 0)) | ((y >= by) & (y < ay) & (side < 0)))
    return torch.where(inside, -nearest, nearest)


def regular_polygon(x: Tensor, y: Tensor, sides: int, radius: float, rotation: float = 0, corner: float = 0) -> Tensor:
    """A regular polygon with a corner straight up, turned by ``turn`` radians; ``radius`` reaches its (unrounded) corners."""
    sector = 2 * pi / sides
    core = radius - corner / cos(sector / 2)
    half_side, apothem = core * sin(sector / 2), core * cos(sector / 2)
    # Every side is the same side: turn each point into the sector of the first one.
    angle = (torch.round((torch.atan2(x, -y) - rotation) / sector - 0.5) + 0.5) * sector + rotation
    c, s = torch.cos(angle), torch.sin(angle)
    along, out = c * x + s * y, s * x - c * y - apothem
    beyond = along - along.clamp(-half_side, half_side)
    return torch.where(out > 0, norm2d(beyond, out), out) - corner


# A stroke font: segments "S" (from, to) and arcs "A" (centre, radius, angles) in a cell 1 wide and 1.6 high.
_OVAL = [
    ("A", (0.5, 0.5), 0.5, 180, 360),
    ("S", (0, 0.5), (0, 1.1)),
    ("S", (1, 0.5), (1, 1.1)),
    ("A", (0.5, 1.1), 0.5, 0, 180),
]
FONT = {
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


def stroke_path(x: Tensor, y: Tensor, items: list[tuple], half_width: float) -> Tensor:
    """Lines of one width: ``("S", from, to)`` and ``("A", centre, radius, start, end)``."""
    return union(*[(segment if kind == "S" else arc)(x, y, *rest) for kind, *rest in items]) - half_width


def text_sdf(
    x: Tensor, y: Tensor, word: str, cell: float, half_width: float, centre: Point = (0, 0), gap: float = 0.45
) -> Tensor:
    """A line of stroke letters, each ``cell`` wide, centred on ``centre``."""
    left = centre[0] - cell * (len(word) + gap * (len(word) - 1)) / 2
    top = centre[1] - 0.8 * cell
    letters = [
        stroke_path((x - left - i * cell * (1 + gap)) / cell, (y - top) / cell, FONT[letter], 0)
        for i, letter in enumerate(word)
    ]
    return union(*letters) * cell - half_width


def arrow(x: Tensor, y: Tensor, path: list[Point], half_width: float, head: float) -> Tensor:
    """A shaft along ``path`` that ends in a filled triangular head."""
    shaft = union(*[segment(x, y, a, b) for a, b in zip(path, path[1:], strict=False)]) - half_width
    (ax, ay), (bx, by) = path[-2:]
    ux, uy = (bx - ax) / hypot(bx - ax, by - ay), (by - ay) / hypot(bx - ax, by - ay)
    wing = 0.95 * head
    tip = polygon(
        x, y, [(bx + ux * head, by + uy * head), (bx - uy * wing, by + ux * wing), (bx + uy * wing, by - ux * wing)]
    )
    return torch.minimum(shaft, tip)


def car(x: Tensor, y: Tensor, centre: Point, size: float) -> Tensor:
    """A car seen from behind: body, cabin, two wheels."""
    x, y = (x - centre[0]) / size, (y - centre[1]) / size
    cabin = polygon(x, y, [(-0.36, -0.05), (-0.24, -0.38), (0.24, -0.38), (0.36, -0.05)])
    wheels = box(x.abs(), y, 0.11, 0.12, (0.33, 0.33))
    return union(box(x, y, 0.5, 0.20, (0, 0.12), 0.08), cabin, wheels) * size


_BICYCLE = [
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


def bicycle(x: Tensor, y: Tensor, centre: Point, size: float) -> Tensor:
    return stroke_path((x - centre[0]) / size, (y - centre[1]) / size, _BICYCLE, 0.055) * size
