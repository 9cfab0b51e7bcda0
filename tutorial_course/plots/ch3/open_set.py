"""Figures of open-set recognition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from torch import Tensor

from tutorial_course.plots.core import (
    PALETTE,
    FigureWithAltText,
    chance_line,
    panels,
    percent_axis,
    style,
    with_alt_text,
)


def open_set_curve_figure(
    curves: Mapping[str, tuple[Tensor, Tensor]], areas: Mapping[str, float], false_positive_rate: float = 0.05
) -> FigureWithAltText:
    """Return the open-set classification rate curves of some scores.

    Args:
        curves: for each score the false-positive rates and the correct classification rates.
        areas: the area under each curve, which is shown in the legend.
        false_positive_rate: where a vertical line is drawn.

    Returns:
        The figure with its alternative text.
    """
    with style():
        figure, axis = panels(width=6.6, height=3.2)
        for (name, (accepted, classified)), color in zip(curves.items(), PALETTE, strict=False):
            axis.plot(accepted, classified, color=color, label=f"{name}, OSCR {areas[name]:.2f}")
        axis.axvline(false_positive_rate, color="#222222", linewidth=1, linestyle=":")
        axis.set(
            xlabel="unknown images that are accepted",
            ylabel="known images that are\naccepted and correct",
            xlim=(0, 1),
            ylim=(0, 1),
        )
        for which in "xy":
            percent_axis(axis, which)
        axis.legend(loc="lower right", fontsize=9)
    listed = ", ".join(f"{name} {area:.2f}" for name, area in areas.items())
    return with_alt_text(
        figure,
        "Curves that rise from left to right, one per score. The horizontal axis shows the share of "
        "unknown images that are accepted, and the vertical axis the share of known images that are accepted and "
        f"correctly classified. Areas under the curves: {listed}.",
    )


def proxy_unknown_figure(aurocs: Mapping[str, Sequence[Sequence[float]]], steps: Sequence[str]) -> FigureWithAltText:
    """Return the AUROC of detectors from the proxy unknowns of the training to the real unknown classes.

    Args:
        aurocs: for each detector one list per split of the classes, in the order of the steps.
        steps: names of the steps.

    Returns:
        The figure with its alternative text; thin lines are single splits, thick lines are their means.
    """
    with style():
        figure, axis = panels(width=8.4, height=3.3)
        means = {name: [fmean(column) for column in zip(*runs)] for name, runs in aurocs.items()}
        for (name, runs), color in zip(aurocs.items(), PALETTE, strict=False):
            for run in runs:
                axis.plot(range(len(steps)), run, color=color, linewidth=0.7, alpha=0.35)
            axis.plot(range(len(steps)), means[name], color=color, linewidth=2.2, marker="o", label=name)
        chance_line(axis)
        axis.set(ylabel="AUROC", ylim=(0.2, 1.02), xticks=range(len(steps)), xticklabels=steps)
        axis.margins(x=0.08)
        figure.legend(fontsize=9, loc="outside right center")
    listed = "; ".join(f"{name} " + ", ".join(f"{v:.2f}" for v in values) for name, values in means.items())
    names = ", ".join(step.replace("\n", " ") for step in steps)
    return with_alt_text(
        figure,
        f"Lines over {len(steps)} steps ({names}), with the AUROC on the vertical axis. Each detector has a thin line "
        f"for every split of the classes and a thick line for the mean. Means in the order of the steps: {listed}.",
    )
