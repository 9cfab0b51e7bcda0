"""The picture of the course: two ways for a network and a sign it never saw to agree."""

from colorsys import hsv_to_rgb

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, RegularPolygon

from tutorial_lib.instruments.plots import STYLE, Described, described
from tutorial_lib.names import known

PARTS = {
    "point": "one point and the arrow that leaves it: what the gradient says right here",
    "length": "the arrows: how far one would have to go",
    "network": "the bent boundary: the network, as it would have to be",
    "expectation": "the boundary that was learned, the expectation, and the way to where it would have to be, the mismatch",
}
INK, PALE, FAR, NEAR, OLD = "#1a1a1a", "#B9B9B9", "#EFF2F4", "#FBE3DA", "#777777"
HEIGHT = np.linspace(0, 1, 200)
SIGN = (0.74, 0.5)  # where the green sign stands
AIM = 0.2  # where it would have to stand


def boundary(bend: float) -> np.ndarray:
    """x of the boundary at every height; with bend = 1 it passes behind the sign."""
    wave = 0.43 + 0.035 * np.sin(5 * HEIGHT + 0.6)
    return wave + bend * 0.52 * np.exp(-(((HEIGHT - SIGN[1]) / 0.29) ** 2))


def sign(axis: Axes, x: float, y: float, hue: float, alpha: float = 1.0, size: float = 0.115) -> None:
    """A stop sign of this hue in degrees: 0 is red, 130 green."""
    colour = hsv_to_rgb(hue / 360, 0.85, 0.62 if hue > 60 else 0.74)
    for radius, paint in ((size, "white"), (0.9 * size, colour)):
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


def arrow(axis: Axes, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
    axis.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle="-|>", mutation_scale=13, lw=2, color=colour, shrinkA=0, shrinkB=0, zorder=6
        )
    )


def two_ways(lit: str | None = None) -> Described:
    """Left the sign moves, x → x′, before a boundary that stands; right the boundary bends, W → W′, round a sign that stands.

    Args:
        lit: "point", "length", "network" or "expectation" lights one part and dims the others; None shows all.

    Raises:
        ValueError: there is no such part.
    """
    if lit is not None:
        known(lit, PARTS, "part")
    step = "#D55E00" if lit in (None, "length", "point") else PALE
    bent = "#0072B2" if lit in (None, "network") else PALE
    bend = "#0072B2" if lit in (None, "length") else "#D55E00" if lit == "expectation" else PALE
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8.2, 3.3), layout="constrained")
        left, right = figure.subplots(1, 2)
        for axis, bending in ((left, 0), (right, 1)):
            edge = boundary(bending)
            axis.fill_betweenx(HEIGHT, 0, edge, color=NEAR)
            axis.fill_betweenx(HEIGHT, edge, 1, color=FAR)
            axis.set(xlim=(0, 1), ylim=(0.12, 0.88), aspect="equal", xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
            axis.grid(False)
            axis.text(0.03, 0.81, "the network\nsays stop", fontsize=8.5, color="#7a3b22", va="center")
        left.plot(boundary(0), HEIGHT, color=INK if lit is None else OLD, lw=2)
        shown = np.linspace(0, 1, 5)
        for t in shown[1:]:
            sign(left, SIGN[0] + t * (AIM - SIGN[0]), SIGN[1] - 0.19, 130 * (1 - t), 1.0 if t == 1 else 0.85, 0.072)
        sign(left, *SIGN, 130)
        tip = (SIGN[0] - 0.26, SIGN[1]) if lit == "point" else (AIM, SIGN[1])
        arrow(left, (SIGN[0] - 0.12, SIGN[1]), tip, step)
        left.text(SIGN[0] + 0.135, SIGN[1], "x", style="italic", va="center", fontsize=12)
        left.text(AIM - 0.015, SIGN[1], "x′", style="italic", ha="right", va="center", fontsize=12)
        expected = lit == "expectation"
        right.plot(
            boundary(0),
            HEIGHT,
            color=INK if expected else OLD,
            lw=2.6 if expected else 1.6,
            ls="-" if expected else (0, (4, 3)),
        )
        right.plot(boundary(1), HEIGHT, color=bent, lw=2.4)
        for y in (0.34, 0.5, 0.66):
            i = int(round(y * 199))
            short = abs(y - SIGN[1]) < 0.05
            arrow(right, (boundary(0)[i], y), (SIGN[0] - 0.13 if short else boundary(1)[i], y), bend)
        sign(right, *SIGN, 130)
        right.text(SIGN[0] + 0.135, SIGN[1], "x", style="italic", va="center", fontsize=12)
        right.text(0.43, 0.19, "W", style="italic", ha="right", va="center", fontsize=12, color=OLD)
        right.text(0.72, 0.19, "W′", style="italic", ha="left", va="center", fontsize=12, color=bent)
        if expected:
            right.text(
                0.375, 0.47, "expectation", rotation=90, ha="center", va="center", fontsize=11, weight="bold", color=INK
            )
            right.text(0.475, 0.705, "mismatch", ha="left", va="center", fontsize=11, weight="bold", color="#B34E00")
        left.set_title("Move the picture:  $x' = x - \\alpha\\,\\partial J/\\partial x$")
        right.set_title("Move the network:  $W' = W - \\alpha\\,\\partial J/\\partial W$")
    said = "" if lit is None else f" Lit is {PARTS[lit]}."
    return described(
        figure,
        "Two panels with the same green stop sign outside of the region that the network calls stop. Left the boundary stands, and the sign "
        "wanders over it, step by step turning red. Right the sign stands, still green, and the boundary bends round it."
        + said,
    )
