"""The decision tree as a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill

from tutorial_course.findings.ch5.decision_tree import Leaf
from tutorial_course.plots.core import FigureWithAltText, panels, style, with_alt_text

CONTINUE, STOP = "#D7F0E5", "#EEEEEE"


def decision_tree_figure(tree: Mapping[str, Sequence[Leaf]]) -> FigureWithAltText:
    """Return a figure of the decision tree, from the kind of question on the left to the advice on the right.

    Args:
        tree: the paths by kind of question.

    Returns:
        The figure; a path that continues with a gradient ends in a green box, the others in a gray box.
    """
    leaves = [leaf for group in tree.values() for leaf in group]
    with style():
        figure, axis = panels(width=9.6, height=0.5 + 0.8 * len(leaves))
        axis.set(xlim=(0, 10), ylim=(len(leaves) - 0.45, -1.0))
        axis.set_axis_off()
        headings = ("kind of question", "question", "use this control first", "if it is not sufficient")
        for x, heading in zip((0.9, 3.3, 6.0, 8.6), headings, strict=True):
            axis.text(x, -0.75, heading, ha="center", va="center", fontsize=9, fontweight="bold")
        row = 0
        for name, group in tree.items():
            middle = row + (len(group) - 1) / 2
            _box(axis, 0.9, middle, name, 20, "white")
            for leaf in group:
                path = [0.9, 2.0, 2.0, 8.6], [middle, middle, row, row]
                axis.plot(*path, color="#888888", lw=1, zorder=0)  # the boxes cover the line
                _box(axis, 3.3, row, leaf.question, 31, "white")
                _box(axis, 6.0, row, leaf.control, 24, "white")
                _box(axis, 8.6, row, leaf.advice, 38, CONTINUE if leaf.use_gradient else STOP)
                row += 1
    advice = " ".join(
        f"{leaf.question} Use this control first: {leaf.control}. If it is not sufficient, {leaf.advice}."
        for leaf in leaves
    )
    return with_alt_text(figure, f"A decision tree with {len(leaves)} paths. {advice}")


def _box(axis, x: float, y: float, text: str, width: int, color: str) -> None:
    """Write text in a box with its center at (x, y)."""
    box = {"boxstyle": "round,pad=0.3", "facecolor": color, "edgecolor": "#888888"}
    axis.text(x, y, fill(text, width), ha="center", va="center", fontsize=8, bbox=box)
