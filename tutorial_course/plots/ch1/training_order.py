"""Accuracy for three orders of training images, and catastrophic forgetting, for section 1.4."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tutorial_course.plots.core import PALETTE, FigureWithAltText, band, panels, percent_axis, style, with_alt_text

STAGES = ("⅛", "¼", "½", "all", "all\nagain")


def training_order_figure(
    orders: Mapping[str, np.ndarray], before: Sequence[float], sequences: Mapping[str, tuple[np.ndarray, np.ndarray]]
) -> FigureWithAltText:
    """Return the accuracy for each order of the training images, and the accuracy on old and new classes.

    Lines are means over seeds, and bands reach from the lowest to the highest seed.

    Args:
        orders: name of an order -> accuracy (seeds, 5) at each stage.
        before: mean accuracy on the old classes in the epochs before the new classes are trained on.
        sequences: name of a method -> accuracy on the old and on the new classes, each (seeds, epochs).

    Returns:
        Two panels.
    """
    with style():
        figure, (left, right) = panels(1, 2, height=3.2, sharey=True)
        for (name, runs), marker in zip(orders.items(), "os^", strict=True):
            _band_over_seeds(left, STAGES, runs, label=name, marker=marker, markersize=4)
        left.set(title="order of the training images", xlabel="share of the training images in use")
        left.legend(fontsize=8, loc="lower right")
        n = len(before)
        right.plot(range(1, n + 1), before, color=PALETTE[0])
        for (name, (old, new)), line in zip(sequences.items(), ("-", "--")):
            epochs = range(n + 1, n + 1 + old.shape[1])
            _band_over_seeds(right, epochs, old, color=PALETTE[0], linestyle=line, label=f"old classes, {name}")
            _band_over_seeds(right, epochs, new, color=PALETTE[1], linestyle=line, label=f"new classes, {name}")
        right.axvline(n + 0.5, color="#888888", linewidth=1)
        right.set(title="seven classes, then seven new ones", xlabel="epoch")
        right.legend(fontsize=8, loc="lower left")
        left.set(ylabel="accuracy", ylim=(-0.03, 1.04))
        percent_axis(left)
    first = ", ".join(f"{name} {runs[:, 0].mean():.0%}" for name, runs in orders.items())
    last = ", ".join(f"{name} {old[:, -1].mean():.0%}" for name, (old, _) in sequences.items())
    return with_alt_text(
        figure,
        f"Two panels. Left: the accuracy on clean test images as more training images come into use. With an eighth of "
        f"them it is {first}, and the curves meet at the end. Right: the accuracy on the old classes after training on "
        f"new ones. In the last epoch it is {last}.",
    )


def _band_over_seeds(axis, x, runs: np.ndarray, **line_style) -> None:
    """A line at the mean over seeds, with a band from the lowest to the highest seed."""
    band(axis, x, runs.mean(0), runs.min(0), runs.max(0), **line_style)
