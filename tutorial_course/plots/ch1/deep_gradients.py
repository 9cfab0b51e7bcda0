"""Vanishing, exploding and shattered gradients, for section 1.2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.ticker import MaxNLocator

from tutorial_course.plots.core import FigureWithAltText, panels, style, with_alt_text


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
        for (name, values), line in zip(norms.items(), ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)))):
            left.semilogy(range(len(values)), values, linestyle=line, lw=2, label=name)
        left.set(xlabel="layer (0 is the input)", title="norm of the gradient, relative to the last layer")
        for (name, values), marker in zip(autocorrelation.items(), "os^Dv"):
            right.plot(range(len(values)), values, marker=marker, markersize=3.5, label=name)
        right.set(xlabel="distance of two inputs, in grid steps", title="correlation of the gradients at two inputs")
        right.xaxis.set_major_locator(MaxNLocator(integer=True))
        left.legend(fontsize=8)
        right.legend(fontsize=8)
    ends = ", ".join(f"{name} {values[0]:.0e}" for name, values in norms.items())
    neighbors = ", ".join(f"{name} {values[1]:.2f}" for name, values in autocorrelation.items())
    return with_alt_text(
        figure,
        f"Two panels. Left: the norm of the gradient against the layer. At the input it is {ends}, relative to the "
        f"last layer. Right: the correlation of the gradients at two inputs falls with their distance. At distance one "
        f"it is {neighbors}.",
    )
