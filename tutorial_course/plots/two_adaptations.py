"""The picture of the course: two ways for a network and a sign it never saw to agree."""

from colorsys import hsv_to_rgb

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, RegularPolygon

from tutorial_course.plots.core import RC_PARAMS, FigureWithAltText, with_alt_text
from tutorial_lib._validation import check_choice

HIGHLIGHTS = {
    "point": "one point and the arrow that leaves it: what the gradient says right here",
    "length": "the arrows: how far one would have to go",
    "network": "the bent boundary: the network, as it would have to be",
    "expectation": "the boundary that was learned, the expectation, and the way to where it would have to be, the mismatch",
}
INK_COLOR, PALE_COLOR, OTHER_SIDE_COLOR, CLASS_SIDE_COLOR, OLD_BOUNDARY_COLOR = (
    "#1a1a1a",
    "#B9B9B9",
    "#EFF2F4",
    "#FBE3DA",
    "#777777",
)
Y_GRID = np.linspace(0, 1, 200)
SIGN_POSITION = (0.74, 0.5)  # where the green sign stands
TARGET_X = 0.2  # where it would have to stand


def boundary(bend: float) -> np.ndarray:
    """x of the boundary at every height; with bend = 1 it passes behind the sign."""
    wave = 0.43 + 0.035 * np.sin(5 * Y_GRID + 0.6)
    return wave + bend * 0.52 * np.exp(-(((Y_GRID - SIGN_POSITION[1]) / 0.29) ** 2))


def sign(axis: Axes, x: float, y: float, hue: float, alpha: float = 1.0, size: float = 0.115) -> None:
    """A stop sign of this hue in degrees: 0 is red, 130 green."""
    color = hsv_to_rgb(hue / 360, 0.85, 0.62 if hue > 60 else 0.74)
    for radius, paint in ((size, "white"), (0.9 * size, color)):
        axis.add_patch(
            RegularPolygon(
                (x, y),
                8,
                radius=radius,
                orientation=np.pi / 8,
                facecolor=paint,
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


def arrow(axis: Axes, start: tuple[float, float], end: tuple[float, float], color: str) -> None:
    axis.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle="-|>", mutation_scale=13, lw=2, color=color, shrinkA=0, shrinkB=0, zorder=6
        )
    )


def two_adaptations_figure(highlight: str | None = None) -> FigureWithAltText:
    """Left the sign moves, x → x′, before a boundary that stands; right the boundary bends, W → W′, round a sign that stands.

    Args:
        lit: "point", "length", "network" or "expectation" lights one part and dims the others; None shows all.

    Raises:
        ValueError: there is no such part.
    """
    if highlight is not None:
        check_choice(highlight, HIGHLIGHTS, "part")
    step = "#D55E00" if highlight in (None, "length", "point") else PALE_COLOR
    bent = "#0072B2" if highlight in (None, "network") else PALE_COLOR
    bend = "#0072B2" if highlight in (None, "length") else "#D55E00" if highlight == "expectation" else PALE_COLOR
    with matplotlib.rc_context(RC_PARAMS):
        figure = Figure(figsize=(8.2, 3.3), layout="constrained")
        left, right = figure.subplots(1, 2)
        for axis, bending in ((left, 0), (right, 1)):
            edge = boundary(bending)
            axis.fill_betweenx(Y_GRID, 0, edge, color=CLASS_SIDE_COLOR)
            axis.fill_betweenx(Y_GRID, edge, 1, color=OTHER_SIDE_COLOR)
            axis.set(xlim=(0, 1), ylim=(0.12, 0.88), aspect="equal", xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
            axis.grid(False)
            axis.text(0.03, 0.81, "the network\nsays stop", fontsize=8.5, color="#7a3b22", va="center")
        left.plot(boundary(0), Y_GRID, color=INK_COLOR if highlight is None else OLD_BOUNDARY_COLOR, lw=2)
        shown = np.linspace(0, 1, 5)
        for t in shown[1:]:
            sign(
                left,
                SIGN_POSITION[0] + t * (TARGET_X - SIGN_POSITION[0]),
                SIGN_POSITION[1] - 0.19,
                130 * (1 - t),
                1.0 if t == 1 else 0.85,
                0.072,
            )
        sign(left, *SIGN_POSITION, 130)
        tip = (SIGN_POSITION[0] - 0.26, SIGN_POSITION[1]) if highlight == "point" else (TARGET_X, SIGN_POSITION[1])
        arrow(left, (SIGN_POSITION[0] - 0.12, SIGN_POSITION[1]), tip, step)
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
        right.plot(boundary(1), Y_GRID, color=bent, lw=2.4)
        for y in (0.34, 0.5, 0.66):
            i = int(round(y * 199))
            short = abs(y - SIGN_POSITION[1]) < 0.05
            arrow(right, (boundary(0)[i], y), (SIGN_POSITION[0] - 0.13 if short else boundary(1)[i], y), bend)
        sign(right, *SIGN_POSITION, 130)
        right.text(SIGN_POSITION[0] + 0.135, SIGN_POSITION[1], "x", style="italic", va="center", fontsize=12)
        right.text(0.43, 0.19, "W", style="italic", ha="right", va="center", fontsize=12, color=OLD_BOUNDARY_COLOR)
        right.text(0.72, 0.19, "W′", style="italic", ha="left", va="center", fontsize=12, color=bent)
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
        left.set_title("Move the picture:  $x' = x - \\alpha\\,\\partial J/\\partial x$")
        right.set_title("Move the network:  $W' = W - \\alpha\\,\\partial J/\\partial W$")
    said = "" if highlight is None else f" Lit is {HIGHLIGHTS[highlight]}."
    return with_alt_text(
        figure,
        "Two panels with the same green stop sign outside of the region that the network calls stop. Left the boundary stands, and the sign "
        "wanders over it, step by step turning red. Right the sign stands, still green, and the boundary bends round it."
        + said,
    )
