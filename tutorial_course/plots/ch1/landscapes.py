"""Figures of the loss along directions in weight space, and along the training path."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from torch import Tensor

from tutorial_course.plots.core import PALETTE, FigureWithAltText, panels, percent_axis, style, with_alt_text

NORMALIZATION_TITLES = {"whole": "one norm for the whole direction", "filter": "filter normalization"}
PATH_LABELS = {
    "the training path": "training\npath",
    "a random walk with the same step norms": "random\nwalk, same\nstep norms",
    "a random walk with equal steps": "random\nwalk, equal\nsteps",
    "the training path, in a random plane": "path in a\nrandom\nplane",
}


def normalization_figure(a: Sequence[float], losses: Mapping[str, Sequence[Tensor]]) -> FigureWithAltText:
    """Return line plots of the loss of a network and of its reparametrized copy along a random direction.

    Args:
        a: positions along the direction (T,).
        losses: normalization -> the loss of the network and of its copy, (T,) each.

    Returns:
        The figure.
    """
    with style():
        figure, axes = panels(1, len(losses), width=7.4, height=3.0, sharey=True)
        for axis, (normalization, curves) in zip(axes, losses.items(), strict=True):
            for values, line, label in zip(curves, ("-", "--"), ("network", "reparametrized copy"), strict=True):
                axis.plot(a, values, line, linewidth=2.2, label=label)
            axis.set(title=NORMALIZATION_TITLES[normalization], xlabel="position a", yscale="log")
            axis.legend(fontsize=8)
        axes[0].set_ylabel("loss")
    return with_alt_text(
        figure,
        "Two line plots of the loss along one random direction, for a network and its reparametrized copy. With one "
        "norm for the whole direction the copy is much steeper, and with filter normalization the two curves agree.",
    )


def trajectory_figure(shares: Mapping[str, Mapping[str, Any]], losses: pd.DataFrame) -> FigureWithAltText:
    """Return a bar chart of the variance explained by two components, and the loss along the training path.

    Args:
        shares: name of the path, a key of ``PATH_LABELS`` -> its ``values``, one per network and draw.
        losses: the table of :func:`~tutorial_course.findings.ch1.path_losses`.

    Returns:
        The figure.
    """
    with style():
        figure, (left, right) = panels(1, 2, height=3.1)
        for i, share in enumerate(shares.values()):
            values = share["values"]
            left.bar(i, sum(values) / len(values), color=PALETTE[5])
            left.plot([i] * len(values), values, "o", markersize=3.5, color="#333333")
        left.set(ylabel="explained variance", title="first two principal components", ylim=(0, 1.02))
        left.set_xticks(range(len(shares)), [PATH_LABELS[name] for name in shares], fontsize=8)
        left.set_axisbelow(True)
        percent_axis(left)
        right.semilogy(losses["step"], losses["loss"], "-", label="current batch statistics")
        right.semilogy(losses["step"], losses["frozen"], "--", label="statistics of the final network")
        right.set(xlabel="training step", ylabel="loss")
        right.set_ylim(top=8 * right.get_ylim()[1])  # room for the legend
        right.legend(fontsize=8)
    return with_alt_text(
        figure,
        "Left: bar chart of the variance that two components explain, which is nearly all for the training path, most "
        "for the two random walks, and almost nothing in a random plane. Right: the loss along the path decreases with "
        "current batch statistics, and first rises with those of the final network.",
    )
