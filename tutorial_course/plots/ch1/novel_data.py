"""Accuracy and confidence against a factor, for section 1.1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tutorial_course.findings.ch1.novel_data import Reliability
from tutorial_course.plots.core import (
    PALETTE,
    FigureWithAltText,
    band,
    legend_above,
    panels,
    percent_axis,
    style,
    with_alt_text,
)


def reliability_figure(
    x: Sequence[float], curves: Mapping[str, Sequence[Reliability]], *, xlabel: str, alt: str
) -> FigureWithAltText:
    """Return accuracy and mean confidence against one quantity, each with its 95% confidence interval.

    Args:
        x: positions (n,), the same for all panels.
        curves: title of a panel -> the reliability at each position (n,).
        xlabel: label of the x-axes.
        alt: what the figure shows, in words.

    Returns:
        A panel per title.
    """
    with style():
        figure, axes = panels(1, len(curves), height=2.9, sharey=True)
        for axis, (title, row) in zip(axes, curves.items(), strict=True):
            lines = {"accuracy": [r.accuracy for r in row], "mean confidence": [r.confidence for r in row]}
            for (name, estimates), color, marker in zip(lines.items(), PALETTE, "os"):
                mean, low, high = zip(*estimates, strict=True)
                band(axis, x, mean, low, high, color=color, label=name, marker=marker, markersize=3.5)
            axis.set(xlabel=xlabel, title=title, xticks=x[::3])  # a tick at every third position
        axes[0].set_ylim(-0.03, 1.04)
        percent_axis(axes[0])
        legend_above(figure)
    return with_alt_text(figure, alt)
