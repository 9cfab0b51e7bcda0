"""Scores, layers and detectors for out-of-distribution detection, and what the gradient adds to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import pandas as pd
from torch import Tensor

from tutorial_course.plots.core import (
    PALETTE,
    FigureWithAltText,
    chance_line,
    legend_above,
    panels,
    style,
    to_image_array,
    with_alt_text,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tutorial_course.findings.intervals import Interval

# The networks: title, marker and color.
NETWORK_MARKS = {
    "signs/classifier": ("signs, network 1", "o", PALETTE[0]),
    "signs/classifier/1": ("signs, network 2", "^", PALETTE[0]),
    "signs/classifier/2": ("signs, network 3", "v", PALETTE[0]),
    "cifar10/resnet20": ("CIFAR-10, ResNet-20", "s", PALETTE[1]),
    "cifar10/resnet56": ("CIFAR-10, ResNet-56", "D", PALETTE[3]),
}


def auroc_by_task_figure(
    values: Mapping[str, pd.DataFrame], alt_text: str, examples: Mapping[str, Tensor] | None = None
) -> FigureWithAltText:
    """Return the AUROC of scores by type of abnormal image, with a mark for each network.

    Args:
        values: by title of the panel, AUROCs with the types as rows and the names of the networks as columns.
        alt_text: the alternative text.
        examples: an image (3, H, W) for some of the types, shown above the panels.

    Returns:
        The figure.
    """
    examples = examples or {}
    with style():
        figure, _ = panels(1, 1, height=3.4 + 1.1 * bool(examples))
        figure.clear()
        grid = figure.add_gridspec(1 + bool(examples), 1, height_ratios=[1, 3.2] if examples else [1])
        if examples:
            strip = grid[0].subgridspec(1, len(examples))
            for i, (title, image) in enumerate(examples.items()):
                _image_axis(figure.add_subplot(strip[i]), image, title)
        columns = grid[-1].subgridspec(1, len(values))
        axes: list[Axes] = []
        for i, (title, table) in enumerate(values.items()):
            axis = figure.add_subplot(columns[i], sharey=axes[0] if axes else None)
            axes.append(axis)
            for j, network in enumerate(table.columns):
                name, marker, color = NETWORK_MARKS[network]
                y = [k + 0.13 * (j - (len(table.columns) - 1) / 2) for k in range(len(table))]
                axis.plot(table[network], y, marker, color=color, ms=5, mew=0, alpha=0.85, label=name)
            chance_line(axis, which="x")
            axis.set(title=title, xlabel="AUROC", xlim=(-0.03, 1.03), yticks=range(len(table)), yticklabels=table.index)
            axis.tick_params(axis="y", labelleft=i == 0)
        axes[0].invert_yaxis()
        legend_above(figure, fontsize=8.5)
    return with_alt_text(figure, alt_text)


def _image_axis(axis: Axes, image: Tensor, title: str) -> None:
    """Show an image without ticks."""
    axis.imshow(to_image_array(image), interpolation="nearest")
    axis.set_title(title, fontsize=9)
    axis.set(xticks=[], yticks=[])
    axis.grid(False)


def layer_auroc_figure(columns: Mapping[str, Mapping[str, Sequence[float]]], alt_text: str) -> FigureWithAltText:
    """Return bars for the AUROC of the gradient norm of every layer, from the chance level upward or downward.

    Args:
        columns: by title of the column and then by type of abnormal image, one AUROC per layer.
        alt_text: the alternative text.

    Returns:
        The figure.
    """
    rows = list(next(iter(columns.values())))
    with style():
        figure, grid = panels(len(rows), len(columns), height=0.85 * len(rows) + 0.9, sharey=True)
        for j, (title, by_row) in enumerate(columns.items()):
            for i, row in enumerate(rows):
                axis, values = grid[i][j], list(by_row[row])
                colors = [PALETTE[1] if value >= 0.5 else PALETTE[0] for value in values]
                axis.bar(range(len(values)), [value - 0.5 for value in values], bottom=0.5, color=colors, width=0.8)
                axis.axhline(0.5, color="#222222", lw=1)
                axis.set(ylim=(0, 1), yticks=[0, 0.5, 1], xticks=[])
                axis.grid(axis="x", visible=False)
                if j == 0:
                    axis.set_ylabel(row, rotation=0, ha="right", va="center", fontsize=9)
            grid[0][j].set_title(title, fontsize=10)
            grid[-1][j].set_xlabel("first layer → last layer", fontsize=9)
    return with_alt_text(figure, alt_text)


def detector_figure(
    panels_of: Mapping[str, Mapping[str, Mapping[str, tuple[float, float]]]], alt_text: str
) -> FigureWithAltText:
    """Return pairs of AUROCs of detectors, such as those trained on the tested family (filled) and on others (open).

    Args:
        panels_of: by title of the panel, type of abnormal image and input of the detector, the two AUROCs.
        alt_text: the alternative text.

    Returns:
        The figure.
    """
    with style():
        figure, axes = panels(1, len(panels_of), height=4.2, sharey=True)
        for axis, (title, tasks) in zip(axes, panels_of.items(), strict=True):
            for i, inputs in enumerate(tasks.values()):
                for j, (name, (filled, open_)) in enumerate(inputs.items()):
                    y, color = i + 0.2 * (j - (len(inputs) - 1) / 2), PALETTE[(1, 0, 2, 6)[j]]
                    axis.plot([filled, open_], [y, y], color=color, lw=1.3, alpha=0.6)
                    axis.plot(filled, y, "o", color=color, ms=5.5, label=name)
                    axis.plot(open_, y, "o", color=color, ms=5.5, mfc="white")
            chance_line(axis, which="x")
            axis.set(title=title, xlabel="AUROC", xlim=(-0.03, 1.03), yticks=range(len(tasks)), yticklabels=list(tasks))
            axis.grid(axis="y", visible=False)
        axes[0].invert_yaxis()
        legend_above(figure, fontsize=8.5)
    return with_alt_text(figure, alt_text)


def gradient_gain_figure(rows: Sequence[Mapping[str, Any]], alt_text: str) -> FigureWithAltText:
    """Return the difference between the best gradient score and the best other score, by task and data.

    Args:
        rows: dicts with "task", "data" and "difference", an interval; rows of one task follow each other.
        alt_text: the alternative text.

    Returns:
        The figure.
    """
    marks = {title: (marker, color) for title, marker, color in NETWORK_MARKS.values()}
    others = (data for data in dict.fromkeys(row["data"] for row in rows) if data not in marks)
    marks |= dict(zip(others, (("P", PALETTE[2]), ("X", PALETTE[6]), ("h", PALETTE[4])), strict=False))
    groups = {task: list(group) for task, group in groupby(rows, key=itemgetter("task"))}
    room = {task: max(len(group), 2.8) + 1.2 for task, group in groups.items()}  # two lines of text need 2.8 rows
    centers = dict(zip(room, accumulate(room.values()), strict=True))
    with style():
        figure, axis = panels(height=0.105 * sum(room.values()) + 1)
        for task, group in groups.items():
            centers[task] -= room[task] / 2
            for i, row in enumerate(group):
                difference: Interval = row["difference"]
                marker, color = marks[row["data"]]
                y = centers[task] + i - (len(group) - 1) / 2
                axis.plot([difference.low, difference.high], [y, y], color=color, lw=1.5)
                axis.plot(difference.value, y, marker, color=color, ms=5.5, mew=0, label=row["data"])
        axis.axvline(0, color="#222222", lw=1)
        axis.set(xlabel="best gradient score minus best score without a gradient (AUROC; open set: OSCR)")
        axis.set(yticks=list(centers.values()), yticklabels=[task.replace(": ", ":\n") for task in centers])
        axis.set(ylim=(sum(room.values()), 0), xlim=(-0.24, 0.27))
        legend_above(figure, n_columns=3, fontsize=8.5)
    return with_alt_text(figure, alt_text)
