"""Figures of introspective learning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from matplotlib.ticker import MaxNLocator

from tutorial_course.plots.core import (
    PALETTE,
    FigureWithAltText,
    chance_line,
    legend_above,
    panels,
    style,
    with_alt_text,
)

MARKERS = "osD"  # one per network


def _points(value: float, digits: int = 1) -> str:
    """A difference with its plus or minus; a value that rounds to zero has a plus."""
    return f"{round(value, digits) + 0.0:+.{digits}f}"


def run_gain_figure(
    gains: Mapping[str, Mapping[str, Sequence[Sequence[float]]]], controls: Sequence[str]
) -> FigureWithAltText:
    """Return the gain in accuracy of every trained second stage, one mark per run.

    Args:
        gains: for each panel and classifier the gains over the base classifier in percentage points: for each network a
            list of its runs.
        controls: the names of the classifiers that use no gradient.

    Returns:
        The figure with its alternative text.
    """
    with style():
        figure, axes = panels(1, len(gains), width=8.4, height=3.0, sharey=True)
        for axis, (title, panel) in zip(axes, gains.items(), strict=True):
            for row, (name, values) in enumerate(panel.items()):
                color = PALETTE[0 if name in controls else 1]
                label = "control without gradients" if name in controls else "contrast gradients"
                for network, (runs, marker) in enumerate(zip(values, MARKERS, strict=False)):
                    axis.plot(
                        runs,
                        [row] * len(runs),
                        marker,
                        color=color,
                        markersize=6,
                        alpha=0.7,
                        label=None if network else label,
                    )
            chance_line(axis, 0, "x")
            axis.set(title=title, yticks=range(len(panel)), yticklabels=list(panel))
            axis.xaxis.set_major_locator(MaxNLocator(3))
            axis.margins(x=0.15)
        axes[0].invert_yaxis()
        figure.supxlabel("percentage points gained over the base classifier", fontsize=10)
        legend_above(figure)
    means = "; ".join(
        f"{title}: " + ", ".join(f"{name} {_points(fmean(map(fmean, runs)), 2)}" for name, runs in panel.items())
        for title, panel in gains.items()
    )
    return with_alt_text(
        figure,
        f"{len(gains)} panels of marks, one mark per run, with one shape per network. The horizontal axis shows the "
        "percentage points of accuracy gained over the base classifier under corruption, with a different scale in "
        "each panel, and the rows are second stages on contrast gradients and controls without gradients. Means over "
        f"networks: {means}.",
    )


def corruption_gain_figure(
    gains: Mapping[str, Mapping[str, Sequence[float]]], groups: Mapping[str, Sequence[str]]
) -> FigureWithAltText:
    """Return the gain in accuracy for each corruption, colored by its relation to the training images.

    A bar is the mean over the runs, and each mark is one run. A single value has no mark.

    Args:
        gains: for each panel the gains of the runs by corruption in percentage points, in the order of the rows.
        groups: the corruptions of each group; the name of a group is its entry in the legend.

    Returns:
        The figure with its alternative text.
    """
    group_of = {corruption: name for name, members in groups.items() for corruption in members}
    colors = dict(zip(groups, PALETTE, strict=False))
    with style():
        figure, axes = panels(1, len(gains), width=8.4, height=3.9, sharex=True, sharey=True)
        order = list(next(iter(gains.values())))
        for axis, (title, panel) in zip(axes, gains.items(), strict=True):
            for name, color in colors.items():
                rows = [row for row, corruption in enumerate(order) if group_of[corruption] == name]
                axis.barh(
                    rows, [fmean(panel[order[row]]) for row in rows], color=color, alpha=0.6, label=name, zorder=2
                )
            for row, corruption in enumerate(order):
                if len(runs := panel[corruption]) > 1:
                    axis.plot(runs, [row] * len(runs), "|", color="#222222", ms=7, mew=1.2, zorder=3)
            chance_line(axis, 0, "x")
            axis.set(title=title, yticks=range(len(order)), yticklabels=order)
        axes[0].invert_yaxis()
        figure.supxlabel("percentage points gained over the base classifier", fontsize=10)
        legend_above(figure)
    largest = "; ".join(
        f"{title}: " + ", ".join(f"{corruption} {_points(fmean(runs))}" for corruption, runs in panel.items())
        for title, panel in gains.items()
    )
    return with_alt_text(
        figure,
        f"{len(gains)} panels of horizontal bars, one per corruption: the percentage points of accuracy that the "
        f"second stage gains over the base classifier, as a mean over the runs. {largest}. Marks on the bars "
        "show the single runs. The bars are colored by whether the corruption was used in training, is similar to one "
        "that was, or is neither.",
    )
