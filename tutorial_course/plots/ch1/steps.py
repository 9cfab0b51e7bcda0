"""Figures of small changes: the first-order approximation, steepest steps, and a changed image or network."""

from collections.abc import Mapping

import torch
from matplotlib.axes import Axes
from torch import Tensor, nn

from tutorial_course.plots.core import (
    PALETTE,
    FigureWithAltText,
    image_grid,
    panels,
    percent_axis,
    style,
    with_alt_text,
)
from tutorial_lib.foundations import step_norm

BALL_TITLES = {"l2": "$\\ell_2$", "linf": "$\\ell_\\infty$", "l1": "$\\ell_1$", "M": "M"}
BALL_TITLES["spectral"] = "spectral (diagonal matrices)"
CLASS_COLORS = ("#E3EEF6", "#FBE3DA")


def linearization_figure(
    distances: Tensor, values: Tensor, slope: float, reached: Tensor, radii: Mapping[str, Tensor]
) -> FigureWithAltText:
    """Return a figure of an objective with its first-order approximation, and of the radii of two groups.

    Args:
        distances: distances along the direction (T,), in gray levels; the first is 0.
        values: the objective at each distance (T,).
        slope: decrease of the objective per gray level at 0.
        reached: linearization radius of the image.
        radii: name of a group -> the radii of its images (N,).

    Returns:
        The figure.
    """
    with style():
        figure, (left, right) = panels(1, 2, height=3.0)
        left.plot(distances, values, color=PALETTE[0], label="objective")
        left.plot(distances, values[0] - slope * distances, "--", color=PALETTE[1], label="first-order approximation")
        left.axvline(float(reached), color="#555555", linewidth=1, linestyle=":", label="linearization radius")
        left.set(xlabel="distance (gray levels)", ylabel="objective J", ylim=(0, None))
        left.set_title("one green stop sign")
        left.legend(fontsize=8)
        for (name, r), color in zip(radii.items(), PALETTE, strict=False):
            share = 1 - torch.arange(len(r)) / len(r)
            right.step(r.sort().values, share, color=color, label=f"{name}, median {r.median():.2g}")
        right.set(xscale="log", xlabel="distance (gray levels)", ylabel="approximation still accurate")
        right.set_title(f"{len(r)} images of each group")
        percent_axis(right)
        right.legend(fontsize=8)
    return with_alt_text(
        figure,
        "Left: line plot of the objective against the distance. It deviates from its dashed first-order approximation "
        "beyond the dotted radius. Right: the share of images for which the approximation is still accurate, against "
        f"the distance, for {' and '.join(radii)} signs.",
    )


def steepest_steps_figure(image: Tensor, steps: Mapping[str, Tensor]) -> FigureWithAltText:
    """Return a figure of an image and its steepest steps, with enhanced contrast.

    Args:
        image: the image (3, H, W).
        steps: norm ("l2" or "linf") -> the step (3, H, W).

    Returns:
        The figure.
    """
    titles = {"l2": "ℓ2: negative gradient", "linf": "ℓ∞: −sgn(g)"}
    enhanced = [0.5 + step * 0.5 / step.abs().flatten().quantile(0.995) for step in steps.values()]
    captions = ["green stop sign", *(titles[norm] for norm in steps)]
    return with_alt_text(
        image_grid([image, *enhanced], captions, columns=1 + len(steps), image_height=2.0),
        "A green stop sign and two steps. The negative gradient is largest on the sign and its letters. The step "
        "along −sgn(g) changes every pixel by the same amount.",
    )


def unit_balls_figure(gradient: Tensor, M: Tensor, steps: Mapping[str, Tensor]) -> FigureWithAltText:
    """Return a figure of the unit balls of five norms with the steepest step of norm one in each.

    Args:
        gradient: the gradient (2,); for the spectral norm it is the diagonal of a matrix.
        M: positive definite matrix (2, 2) of the norm "M".
        steps: name of the norm -> the steepest step (1, 2), or (1, 2, 2) for the spectral norm.

    Returns:
        The figure.
    """
    angle = torch.linspace(0, 2 * torch.pi, 721, dtype=gradient.dtype)
    circle = torch.stack([angle.cos(), angle.sin()], 1)
    along = torch.stack([-gradient[1], gradient[0]])  # the direction in which the loss stays equal
    with style():
        figure, axes = panels(1, len(steps), width=8.6, height=2.2)
        for axis, (norm, step) in zip(axes, steps.items(), strict=True):
            vectors = torch.diag_embed(circle) if norm == "spectral" else circle
            ball = circle / step_norm(vectors, norm, M=M if norm == "M" else None)[:, None]
            tip = step[0].diagonal() if norm == "spectral" else step[0]
            axis.fill(*ball.T, color=CLASS_COLORS[0], ec=PALETTE[0])
            axis.plot(*torch.stack([tip - along, tip + along]).T, color="#999999", linewidth=1, linestyle="--")
            arrow = {"arrowstyle": "-|>", "color": PALETTE[1], "lw": 2, "shrinkA": 0, "shrinkB": 0}
            axis.annotate("", tip.tolist(), (0, 0), arrowprops=arrow)
            axis.spines[:].set_visible(False)
            axis.set(title=BALL_TITLES[norm], aspect="equal", xlim=(-1.9, 1.9), ylim=(-1.9, 1.9), xticks=[], yticks=[])
            axis.grid(False)
    return with_alt_text(
        figure,
        "Five unit balls in the plane, each with an arrow for the steepest step: a circle, a square and a diamond "
        "with the arrow at a corner, a tilted ellipse, and a square for diagonal matrices. A dashed line of equal "
        "loss touches each ball at the tip of the arrow.",
    )


def two_moons_figure(
    points: Tensor, labels: Tensor, model: nn.Module, changed_model: nn.Module, path: Tensor, n_changed: int
) -> FigureWithAltText:
    """Return a figure of a point that moves across the boundary, and of a boundary that moves around the point.

    Args:
        points: the data (N, 2).
        labels: their classes, 0 or 1 (N,).
        model: the trained network, points (N, 2) -> logits (N, 2).
        changed_model: the network after its weights were changed.
        path: positions of the point while it moves (T, 2).
        n_changed: number of the data whose predicted class changes.

    Returns:
        The figure.
    """
    x, y = torch.linspace(-1.6, 2.6, 120), torch.linspace(-1.2, 1.8, 90)
    with torch.no_grad():
        before, after = (
            m(torch.cartesian_prod(x, y)).diff(dim=1).view(len(x), len(y)).T for m in (model, changed_model)
        )
    with style():
        figure, (left, right) = panels(1, 2, width=7.8, height=3.0)
        for axis, surface in ((left, before), (right, after)):
            _draw_moons(axis, points, labels)
            axis.contourf(x, y, surface, levels=[-1e9, 0, 1e9], colors=CLASS_COLORS, zorder=0)
            axis.contour(x, y, surface, levels=[0], colors="black", linewidths=1)
            axis.plot(*path[0], marker="*", markersize=13, color="#009E73", markeredgecolor="black")
        right.contour(x, y, before, levels=[0], colors="#777777", linestyles="--", linewidths=1)
        left.plot(*path.T, color="black", marker=".", markersize=4)
        left.set_title(f"the point moves by {(path[-1] - path[0]).norm():.2f}")
        right.set_title(f"{n_changed} of {len(points)} other predictions change")
    return with_alt_text(
        figure,
        "Two panels with two moon-shaped classes of points, a star, and the decision boundary. Left: the star moves "
        "across the boundary. Right: the boundary has moved around the star, and a dashed line shows where it was.",
    )


def _draw_moons(axis: Axes, points: Tensor, labels: Tensor) -> None:
    """Plot the points in the color of their class."""
    axis.scatter(*points.T, c=[PALETTE[i] for i in labels.tolist()], s=5)
    axis.set(xticks=[], yticks=[])
    axis.grid(False)
