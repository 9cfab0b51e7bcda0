"""Figures of the detection of corrupted images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from tutorial_course.findings.intervals import Interval
from tutorial_course.plots.core import (
    PALETTE,
    FigureWithAltText,
    band,
    chance_line,
    legend_above,
    panels,
    percent_axis,
    style,
    with_alt_text,
)

MARKERS = "osD^vP"


def severity_figure(
    curves: Mapping[str, Mapping[str, Sequence[Interval]]], errors: Mapping[str, Sequence[float]]
) -> FigureWithAltText:
    """Return the AUROC of scores and the error rate of the network against the severity of a corruption.

    Args:
        curves: for each network and score the AUROC with its interval by severity.
        errors: for each network the share of wrong predictions by severity.

    Returns:
        The figure with its alternative text.
    """
    with style():
        figure, axes = panels(1, len(curves), height=3.1, sharey=True)
        for axis, (network, scores) in zip(axes, curves.items(), strict=True):
            for (score, intervals), color, marker in zip(scores.items(), PALETTE, MARKERS, strict=False):
                band(axis, range(1, len(intervals) + 1), *zip(*intervals), color=color, label=score, marker=marker)
            wrong = errors[network]
            axis.plot(range(1, len(wrong) + 1), wrong, ":", color="#222222", label="share of wrong predictions")
            chance_line(axis)
            axis.set(title=network, xlabel="severity", ylim=(0, 1.02))
        axes[0].set_ylabel("AUROC, and share of errors")
        legend_above(figure)
    ends = "; ".join(
        f"{network}: "
        + ", ".join(f"{score} from {v[0].value:.2f} to {v[-1].value:.2f}" for score, v in scores.items())
        + f", wrong predictions from {errors[network][0]:.0%} to {errors[network][-1]:.0%}"
        for network, scores in curves.items()
    )
    return with_alt_text(
        figure,
        f"{len(curves)} panels, one per network. The horizontal axis shows the severity of the corruption, and the "
        "vertical axis the AUROC of each score on corrupted against clean images, with a band for its 95% interval. A "
        f"dotted line shows the share of wrong predictions. From the mildest to the strongest severity: {ends}.",
    )


def blur_transfer_figure(
    accuracy: Mapping[str, Mapping[str, Sequence[float]]], types: Sequence[str]
) -> FigureWithAltText:
    """Return the balanced accuracy of detectors trained on one mild blur for corruptions that they were not trained on.

    Args:
        accuracy: for each panel and detector the balanced accuracy, in the order of the types.
        types: names of the corruptions, one row each.

    Returns:
        The figure with its alternative text.
    """
    names = list(dict.fromkeys(name for panel in accuracy.values() for name in panel))
    with style():
        figure, axes = panels(1, len(accuracy), height=3.3, sharey=True)
        for axis, (title, panel) in zip(axes, accuracy.items(), strict=True):
            for name, values in panel.items():
                i = names.index(name)
                options = {"color": PALETTE[i], "markersize": 6, "alpha": 0.85}
                axis.plot(values, range(len(types)), MARKERS[i], label=name, **options)
            chance_line(axis, 0.5, "x")
            axis.set(title=title, yticks=range(len(types)), yticklabels=types, xlim=(0.2, 1.02))
            percent_axis(axis, "x")
        axes[0].invert_yaxis()
        figure.supxlabel("balanced accuracy (chance level 50%)", fontsize=10)
        legend_above(figure, n_columns=3)
    means = "; ".join(
        f"{title}: " + ", ".join(f"{name} {fmean(values):.0%}" for name, values in panel.items())
        for title, panel in accuracy.items()
    )
    return with_alt_text(
        figure,
        f"{len(accuracy)} panels of marks. The rows are types of corruption that the detectors were not trained on, "
        "and the horizontal axis shows the balanced accuracy of detectors that were trained on one mild blur, with a "
        f"shape and a color for each input of the detector. Means over the types: {means}.",
    )
