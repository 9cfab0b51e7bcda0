"""Figure of the randomization test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tutorial_course.plots.core import PALETTE, FigureWithAltText, legend_above, panels, style, with_alt_text

MARKERS = "osD^v"


def cascade_figure(
    curves: Mapping[str, Mapping[str, Sequence[float]]],
    nulls: Mapping[str, Mapping[str, float]],
    stages: Mapping[str, Sequence[str]],
) -> FigureWithAltText:
    """Return the similarity of maps while more and more layers are randomized, one panel per kind of network.

    Args:
        curves: for each panel and method the mean |r|: of the trained network, and after each further layer.
        nulls: for each panel and method the mean |r| of the maps of two different images, drawn at the right edge.
        stages: for each panel the names of the stages, as many as there are values in a curve.

    Returns:
        The figure with its alternative text.
    """
    methods = list(dict.fromkeys(method for panel in curves.values() for method in panel))
    with style():
        figure, axes = panels(1, len(curves), width=8.4, height=3.6, sharey=True)
        for axis, (title, panel) in zip(list(axes) if len(curves) > 1 else [axes], curves.items(), strict=True):
            for method, values in panel.items():
                i = methods.index(method)
                color, marker = PALETTE[i % len(PALETTE)], MARKERS[i % len(MARKERS)]
                axis.plot(range(len(values)), values, color=color, marker=marker, markersize=5, label=method)
                axis.plot(len(values) - 0.3, nulls[title][method], color=color, marker=marker, mfc="white", ls="none")
            labels = stages[title]
            axis.set_xticks(range(len(labels)), labels, rotation=40, ha="right", fontsize=8.5)
            axis.set(title=title, ylim=(-0.03, 1.03))
        first = figure.axes[0]
        first.set_ylabel("mean |r| with the original map")
        legend_above(figure, n_columns=min(3, len(methods)), fontsize=8.5)
    drops = "; ".join(
        f"{title}: " + ", ".join(f"{method} {values[1]:.2f}, then {values[-1]:.2f}" for method, values in panel.items())
        for title, panel in curves.items()
    )
    return with_alt_text(
        figure,
        f"{len(curves)} panels of lines. The horizontal axis shows how many layers were re-initialized, from the last "
        "layer to the first, and the vertical axis the mean absolute rank correlation with the map of the trained "
        f"network. All lines start at 1. Values after the last layer, and after all layers: {drops}. Hollow markers at "
        "the right show the similarity of the maps of two different images.",
    )
