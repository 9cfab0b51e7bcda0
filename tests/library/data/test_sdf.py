from math import cos, pi, radians, sin

import pytest
import torch
from matplotlib.path import Path
from torch.autograd import gradcheck

from tutorial_lib.data import sdf

SIDE = torch.linspace(-1.6, 1.6, 41, dtype=torch.float64)
Y, X = torch.meshgrid(SIDE, SIDE, indexing="ij")


def distance_to_points(points):
    """Return the distance to a dense set of points, one by one: the definition."""
    points = torch.as_tensor(points, dtype=torch.float64)
    return torch.hypot(X[..., None] - points[:, 0], Y[..., None] - points[:, 1]).amin(-1)


def points_on_segment(start, end, n=4000):
    t = torch.linspace(0, 1, n, dtype=torch.float64)[:, None]
    return torch.tensor(start, dtype=torch.float64) * (1 - t) + torch.tensor(end, dtype=torch.float64) * t


def test_segment_sdf_matches_distance_to_sampled_points():
    assert torch.allclose(
        sdf.segment(X, Y, (-0.7, 0.2), (0.5, -0.9)),
        distance_to_points(points_on_segment((-0.7, 0.2), (0.5, -0.9))),
        atol=1e-3,
    )


@pytest.mark.parametrize("start, end", [(180, 360), (-90, 155), (0, 360), (205, 450), (-140, 150), (30, 40)])
def test_arc_sdf_matches_distance_to_sampled_points(start, end):
    angles = torch.linspace(radians(start), radians(end), 4000, dtype=torch.float64)
    points = torch.stack([0.2 + 0.8 * angles.cos(), -0.1 + 0.8 * angles.sin()], 1)
    assert torch.allclose(sdf.arc(X, Y, (0.2, -0.1), 0.8, start, end), distance_to_points(points), atol=1e-3)


def test_polygon_sdf_matches_distance_and_is_negative_inside():
    corners = [(-1.0, -0.8), (0.2, -0.3), (0.9, -1.0), (0.7, 0.9), (-0.4, 0.3)]
    ring = torch.cat([points_on_segment(a, b, 2000) for a, b in zip(corners, corners[1:] + corners[:1], strict=True)])
    inside = torch.from_numpy(
        Path(corners).contains_points(torch.stack([X.flatten(), Y.flatten()], 1).numpy())
    ).view_as(X)
    distance = sdf.polygon(X, Y, corners)
    assert torch.allclose(distance.abs(), distance_to_points(ring), atol=1e-3)
    assert torch.equal((distance < 0)[distance.abs() > 1e-3], inside[distance.abs() > 1e-3])


@pytest.mark.parametrize("sides, turn", [(3, 0), (3, pi), (4, 0), (8, pi / 8)])
def test_regular_polygon_sdf_matches_polygon(sides, turn):
    corners = [(sin(turn + 2 * pi * i / sides), -cos(turn + 2 * pi * i / sides)) for i in range(sides)]
    assert torch.allclose(sdf.regular_polygon(X, Y, sides, 1.0, turn), sdf.polygon(X, Y, corners), atol=1e-5)


def test_regular_polygon_corner_rounding_keeps_sides_in_place():
    sharp, rounded = sdf.regular_polygon(X, Y, 4, 1.0), sdf.regular_polygon(X, Y, 4, 1.0, corner=0.1)
    middle = (X - 0.5).abs() + (Y - 0.5).abs() < 0.2  # around the middle of a side
    assert torch.allclose(sharp[middle], rounded[middle], atol=1e-9)
    assert (rounded >= sharp - 1e-9).all() and (rounded > sharp + 1e-3).any()


def test_box_sdf_matches_polygon():
    corners = [(-0.6, -0.3), (0.8, -0.3), (0.8, 0.5), (-0.6, 0.5)]
    assert torch.allclose(sdf.box(X, Y, 0.7, 0.4, (0.1, 0.1)), sdf.polygon(X, Y, corners), atol=1e-5)


def test_stroke_path_keeps_every_letter_inside_its_cell():
    y, x = torch.meshgrid(torch.linspace(-0.5, 2.1, 80), torch.linspace(-0.5, 1.5, 80), indexing="ij")
    outside = (x < -0.15) | (x > 1.15) | (y < -0.15) | (y > 1.75)
    for letter, items in sdf.FONT.items():
        ink = sdf.stroke_path(x, y, items, 0.1) < 0
        assert ink.any() and not (ink & outside).any(), letter


@pytest.mark.parametrize(
    "shape",
    [
        lambda x, y: sdf.circle(x, y, 0.5),
        lambda x, y: sdf.box(x, y, 0.5, 0.3, corner=0.1),
        lambda x, y: sdf.regular_polygon(x, y, 8, 1.0, pi / 8, 0.05),
        lambda x, y: sdf.text_sdf(x, y, "30", 0.37, 0.07),
        lambda x, y: sdf.arrow(x, y, [(0, 0.6), (0, -0.2)], 0.1, 0.4),
    ],
)
def test_sdf_derivatives_pass_gradcheck(shape):
    points = torch.rand(7, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    x, y = (column.clone().requires_grad_() for column in points.unbind(1))
    assert gradcheck(shape, (x, y), eps=1e-7, atol=1e-5)


def test_circle_sdf_gradient_is_finite_at_the_center():
    x = torch.zeros(1, requires_grad=True)
    sdf.circle(x, torch.zeros(1), 1.0).sum().backward()
    assert torch.isfinite(x.grad).all()
