"""Figures of curricula, prediction switches, and forgetting."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from torch import Tensor

from tutorial_course.findings.ch1.sequential_training import SETTINGS
from tutorial_course.plots.core import (
    PALETTE,
    FigureWithAltText,
    legend_above,
    panels,
    percent_axis,
    style,
    to_image_array,
    with_alt_text,
)

STAGES = ("⅛", "¼", "½", "all", "all\nagain")
MARKERS = {"replay": "o", "penalty": "s", "penalty, equal weights": "^", "none": "X", "joint": "*"}


def switch_events_figure(events: Tensor, correct: Tensor, images: Tensor) -> FigureWithAltText:
    """Return a histogram of the switch events, and the images with the fewest and the most.

    Args:
        events: switch events (N,).
        correct: mask of the images that are classified correctly at the end (N,).
        images: images (N, 3, H, W).

    Returns:
        The figure.
    """
    order = events.argsort(stable=True)
    with style():
        figure, axes = panels(2, 8, height=2.9)
        grid = axes[0, 0].get_gridspec()
        for axis in axes[:, :4].flat:
            axis.remove()
        histogram = figure.add_subplot(grid[:, :4], xlabel="switch events", ylabel="images", axisbelow=True)
        histogram.hist(
            [events[correct].tolist(), events[~correct].tolist()],
            bins=[count - 0.5 for count in range(int(events.max()) + 2)],  # each bar is centered at its count
            stacked=True,
            label=["classified correctly at the end", "misclassified"],
        )
        histogram.set_ylim(top=1.25 * histogram.get_ylim()[1])  # room for the legend
        histogram.legend(fontsize=8)
        for axis, index in zip(axes[:, 4:].flat, [*order[:4].tolist(), *order[-4:].tolist()], strict=True):
            axis.imshow(to_image_array(images[index]), interpolation="nearest")
            axis.set_title(f"{int(events[index])} switches", fontsize=8)
            axis.set(xticks=[], yticks=[])
            axis.grid(False)
    return with_alt_text(
        figure,
        "Left: stacked histogram of the switch events of correctly classified and of misclassified images. The "
        "misclassified ones have more. Right: four images with the fewest switch events, and below them four with "
        "the most.",
    )


def curriculum_figure(curves: Mapping[str, Mapping[str, Sequence[Sequence[float]]]]) -> FigureWithAltText:
    """Return line plots of the accuracy after each stage, the mean of all runs, with a dot for each run.

    Args:
        curves: title of the panel -> title of the order -> one list of accuracies per run.

    Returns:
        The figure.
    """
    with style():
        figure, axes = panels(1, len(curves), height=3.3, sharey=True)
        for axis, (title, orders) in zip(np.atleast_1d(axes), curves.items(), strict=True):
            for i, (order, runs) in enumerate(orders.items()):
                values = np.array(runs)
                axis.plot(STAGES, values.mean(0), color=PALETTE[i], label=order)
                for run in values:
                    axis.plot(STAGES, run, ".", color=PALETTE[i], markersize=4, alpha=0.6)
            axis.set(title=title, xlabel="share of the pool in use", ylim=(0, 1.02))
            percent_axis(axis)
        np.atleast_1d(axes)[0].set_ylabel("accuracy (clean images)")
        legend_above(figure)
    return with_alt_text(
        figure,
        f"Line plots of the accuracy on clean images against the share of the pool in use, in {len(curves)} panels, "
        f"for the orders {', '.join(next(iter(curves.values())))}. With balanced classes, the orders with many "
        "switches first and high loss first are lowest at the beginning, and all orders are close at the end. "
        "Without balance, all sorted orders begin far below the random one.",
    )


def forgetting_figure(curves: pd.DataFrame) -> FigureWithAltText:
    """Return plots of the accuracy on old against new data, one panel per setting.

    Args:
        curves: the table of :func:`~tutorial_course.findings.ch1.forgetting_curves`.

    Returns:
        The figure.
    """
    with style():
        figure, axes = panels(1, len(SETTINGS), height=3.5, sharey=True)
        for axis, (setting, title) in zip(axes, SETTINGS.items(), strict=True):
            for i, (method, marker) in enumerate(MARKERS.items()):
                rows = curves.query("setting == @setting and method == @method").sort_values("strength")
                spread = (rows["old"] - rows["old_low"], rows["old_high"] - rows["old"])
                color = PALETTE[i] if len(rows) > 1 else "#222222"
                axis.errorbar(rows["new"], rows["old"], spread, color=color, linewidth=1, alpha=0.6, fmt="-")
                sizes = [16 + 14 * j for j in range(len(rows))] if len(rows) > 1 else 90
                axis.scatter(rows["new"], rows["old"], s=sizes, marker=marker, color=color, label=method)
            axis.set(title=title, xlabel="accuracy on new data", xlim=(-0.05, 1.05), ylim=(-0.05, 1.05))
            axis.set_axisbelow(True)
            percent_axis(axis, "x")
            percent_axis(axis, "y")
        axes[0].set_ylabel("accuracy on old data")
        legend_above(figure)
    return with_alt_text(
        figure,
        "Three panels with the accuracy on old data against the accuracy on new data. Larger markers show a stronger "
        "method, and bars the range over the training runs. For new classes, no method ends at the bottom right, "
        "replay approaches joint training, and the penalty lies lower.",
    )
