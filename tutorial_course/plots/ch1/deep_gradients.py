"""Vanishing, exploding and shattered gradients, for section 1.H."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.ticker import MaxNLocator

from tutorial_course.plots.core import FigureWithAltText, panels, style, with_alt_text

LINE_STYLES = (
    {"linestyle": "-"},
    {"linestyle": "--"},
    {"linestyle": "-."},
    {"linestyle": ":"},
    {"linestyle": "none", "marker": "D", "markersize": 4, "markevery": 5},  # stays visible on top of another curve
)


def deep_gradients_figure(
    norms: Mapping[str, Sequence[float]], autocorrelation: Mapping[str, Sequence[float]]
) -> FigureWithAltText:
    """Return the norm of the gradient against depth, and the autocorrelation of the gradient against the lag.

    Args:
        norms: name of a network -> gradient norm behind each layer, from the input to the last layer.
        autocorrelation: name of a network -> autocorrelation at lags 0, 1, …

    Returns:
        Two panels; the norms are on a logarithmic axis.
    """
    with style():
        figure, (left, right) = panels(1, 2, height=3.0)
        for (name, values), line_style in zip(norms.items(), LINE_STYLES):
            left.semilogy(range(len(values)), values, linewidth=2, label=name, **line_style)
        left.set_ylim(bottom=left.get_ylim()[0] / 1e5)  # room for the legend
        left.set(xlabel="layer (0 is the input)", title="norm of the gradient, relative to the last layer")
        for (name, values), marker in zip(autocorrelation.items(), "os^Dv"):
            right.plot(range(len(values)), values, marker=marker, markersize=3.5, label=name)
        right.set(xlabel="distance of two inputs, in grid steps", title="correlation of the gradients at two inputs")
        right.xaxis.set_major_locator(MaxNLocator(integer=True))
        left.legend(fontsize=8, loc="lower right")
        right.legend(fontsize=8)
    ends = ", ".join(f"{name} {values[0]:.0e}" for name, values in norms.items())
    neighbors = ", ".join(f"{name} {values[1]:.2f}" for name, values in autocorrelation.items())
    return with_alt_text(
        figure,
        f"Two panels. Left: the norm of the gradient against the layer. At the input it is {ends}, relative to the "
        f"last layer. Right: the correlation of the gradients at two inputs falls with their distance. At distance one "
        f"it is {neighbors}.",
    )
