"""The introductory figure: change the image or change the network, so that a novel sign is classified as stop."""

from colorsys import hsv_to_rgb

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, RegularPolygon

from tutorial_course.plots.core import FigureWithAltText, panels, style, with_alt_text
from tutorial_lib._validation import check_choice

HIGHLIGHTS = {
    "point": "one point and the arrow that starts there: the gradient describes the network at this point",
    "length": "the length of the arrows: how large the required change is",
    "network": "the moved boundary: the network that would be required",
    "expectation": "the learned boundary, which is the expectation, and its distance to the required one, the mismatch",
}
INK_COLOR, PALE_COLOR, OTHER_SIDE_COLOR, CLASS_SIDE_COLOR, OLD_BOUNDARY_COLOR = (
    "#1a1a1a",
    "#B9B9B9",
    "#EFF2F4",
    "#FBE3DA",
    "#666666",
)
Y_GRID = np.linspace(0, 1, 200)
SIGN_POSITION = (0.74, 0.5)  # position of the green sign
TARGET_X = 0.2  # x at which it would be classified as stop


def boundary(shift: float) -> np.ndarray:
    """Return the decision boundary.

    Args:
        shift: 0 is the learned boundary; 1 moves it to the other side of the sign.

    Returns:
        x at every height of ``Y_GRID``, (200,).
    """
    wave = 0.43 + 0.035 * np.sin(5 * Y_GRID + 0.6)
    return wave + shift * 0.52 * np.exp(-(((Y_GRID - SIGN_POSITION[1]) / 0.29) ** 2))


def _draw_sign(axis: Axes, x: float, y: float, hue: float, alpha: float = 1.0, size: float = 0.115) -> None:
    """Draw a stop sign; the hue is in degrees, 0 is red and 130 is green."""
    color = hsv_to_rgb(hue / 360, 0.85, 0.62 if hue > 60 else 0.74)
    for radius, fill in ((size, "white"), (0.9 * size, color)):
        axis.add_patch(
            RegularPolygon(
                (x, y),
                8,
                radius=radius,
                orientation=np.pi / 8,
                facecolor=fill,
                edgecolor="#8a8a8a",
                lw=0.5,
                alpha=alpha,
                zorder=4,
            )
        )
    axis.text(
        x,
        y - 0.002,
        "STOP",
        color="white",
        ha="center",
        va="center",
        fontsize=6.5,
        weight="bold",
        alpha=alpha,
        zorder=5,
    )


def _draw_arrow(axis: Axes, start: tuple[float, float], end: tuple[float, float], color: str) -> None:
    """Draw an arrow from one point to another."""
    axis.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle="-|>", mutation_scale=13, lw=2, color=color, shrinkA=0, shrinkB=0, zorder=6
        )
    )


def two_adaptations_figure(highlight: str | None = None) -> FigureWithAltText:
    """Return the figure of the two ways to change the prediction for a novel sign.

    On the left the image changes, x → x′, and the boundary stays; on the right the network changes, W → W′, and the
    image stays.

    Args:
        highlight: "point", "length", "network" or "expectation" highlights one part and draws the others pale; None
            shows all parts alike.

    Returns:
        The figure with its alternative text.

    Raises:
        ValueError: unknown part.
    """
    if highlight is not None:
        check_choice(highlight, HIGHLIGHTS, "part")
    image_color = "#D55E00" if highlight in (None, "length", "point") else PALE_COLOR
    network_color = "#0072B2" if highlight in (None, "network") else PALE_COLOR
    shift_color = "#0072B2" if highlight in (None, "length") else PALE_COLOR
    if highlight == "expectation":
        shift_color = "#D55E00"
    with style():
        figure, (left, right) = panels(1, 2, width=8.2, height=3.3)
        for axis, shift in ((left, 0), (right, 1)):
            edge = boundary(shift)
            axis.fill_betweenx(Y_GRID, 0, edge, color=CLASS_SIDE_COLOR)
            axis.fill_betweenx(Y_GRID, edge, 1, color=OTHER_SIDE_COLOR)
            axis.set(xlim=(0, 1), ylim=(0.12, 0.88), aspect="equal", xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
            axis.grid(False)
            axis.text(0.03, 0.81, "predicted\nclass: stop", fontsize=8.5, color="#7a3b22", va="center")
        left.plot(boundary(0), Y_GRID, color=INK_COLOR if highlight is None else OLD_BOUNDARY_COLOR, lw=2)
        for t in np.linspace(0, 1, 5)[1:]:
            _draw_sign(
                left,
                SIGN_POSITION[0] + t * (TARGET_X - SIGN_POSITION[0]),
                SIGN_POSITION[1] - 0.19,
                130 * (1 - t),
                1.0 if t == 1 else 0.85,
                0.072,
            )
        _draw_sign(left, *SIGN_POSITION, 130)
        tip = (SIGN_POSITION[0] - 0.26, SIGN_POSITION[1]) if highlight == "point" else (TARGET_X, SIGN_POSITION[1])
        _draw_arrow(left, (SIGN_POSITION[0] - 0.12, SIGN_POSITION[1]), tip, image_color)
        left.text(SIGN_POSITION[0] + 0.135, SIGN_POSITION[1], "x", style="italic", va="center", fontsize=12)
        left.text(TARGET_X - 0.015, SIGN_POSITION[1], "x′", style="italic", ha="right", va="center", fontsize=12)
        expected = highlight == "expectation"
        right.plot(
            boundary(0),
            Y_GRID,
            color=INK_COLOR if expected else OLD_BOUNDARY_COLOR,
            lw=2.6 if expected else 1.6,
            ls="-" if expected else (0, (4, 3)),
        )
        right.plot(boundary(1), Y_GRID, color=network_color, lw=2.4)
        for y in (0.34, 0.5, 0.66):
            i = int(round(y * 199))
            short = abs(y - SIGN_POSITION[1]) < 0.05
            tip_x = SIGN_POSITION[0] - 0.13 if short else boundary(1)[i]
            _draw_arrow(right, (boundary(0)[i], y), (tip_x, y), shift_color)
        _draw_sign(right, *SIGN_POSITION, 130)
        right.text(SIGN_POSITION[0] + 0.135, SIGN_POSITION[1], "x", style="italic", va="center", fontsize=12)
        right.text(0.43, 0.19, "W", style="italic", ha="right", va="center", fontsize=12, color=OLD_BOUNDARY_COLOR)
        label_color = OLD_BOUNDARY_COLOR if network_color == PALE_COLOR else network_color
        right.text(0.72, 0.19, "W′", style="italic", ha="left", va="center", fontsize=12, color=label_color)
        if expected:
            right.text(
                0.375,
                0.47,
                "expectation",
                rotation=90,
                ha="center",
                va="center",
                fontsize=11,
                weight="bold",
                color=INK_COLOR,
            )
            right.text(0.475, 0.705, "mismatch", ha="left", va="center", fontsize=11, weight="bold", color="#B34E00")
        left.set_title("Change the image:  $x' = x - \\alpha\\,\\partial J/\\partial x$")
        right.set_title("Change the network:  $W' = W - \\alpha\\,\\partial J/\\partial W$")
    emphasis = "" if highlight is None else f" Highlighted: {HIGHLIGHTS[highlight]}."
    return with_alt_text(
        figure,
        "Two panels with the same green stop sign outside the region that the network classifies as stop. On the left "
        "the boundary stays, and the sign moves across it and turns red step by step. On the right the sign stays, "
        f"still green, and the boundary moves to its other side.{emphasis}",
    )
