"""Figures of saliency maps and of their agreement with human fixations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from torch import Tensor

from tutorial_course._numbers import typeset_numbers
from tutorial_course.findings.intervals import Interval
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
from tutorial_lib.metrics import gaussian_smooth

COLORS = {
    "no network": PALETTE[6],
    "no gradient": PALETTE[0],
    "gradient": PALETTE[1],
    "trained on fixations": PALETTE[2],
}


def spotlight(image: Tensor, map: Tensor) -> Tensor:
    """Return an image that is bright where a saliency map has large values.

    Args:
        image: image (3, H, W) in [0, 1].
        map: saliency map (H, W), ≥ 0.

    Returns:
        The image, dark where the map is zero and unchanged where the blurred map has its maximum.
    """
    light = gaussian_smooth(map, 2.0)
    return image * (0.08 + 0.92 * (light / light.amax()).clamp(0, 1) ** 1.1)


def spotlight_figure(rows: Sequence[tuple[Tensor, Mapping[str, Tensor]]], alt_text: str) -> FigureWithAltText:
    """Return a figure with a row per image: the image, and the image made bright where each saliency map is large.

    Args:
        rows: for each row the image (3, H, W) and its saliency maps (H, W) by title.
        alt_text: description of the figure.

    Returns:
        The figure with its alternative text.
    """
    n_columns = 1 + len(rows[0][1])
    with style():
        figure, axes = panels(len(rows), n_columns, height=8.8 / n_columns * len(rows) + 0.2)
        grid = axes.reshape(len(rows), n_columns)
        for axis_row, (image, maps) in zip(grid, rows, strict=True):
            shown = [image, *(spotlight(image, map) for map in maps.values())]
            for axis, array in zip(axis_row, shown, strict=True):
                axis.imshow(to_image_array(array), interpolation="bicubic")
                axis.axis("off")
        for axis, title in zip(grid[0], ["image", *rows[0][1]], strict=True):
            axis.set_title(title, fontsize=9)
    return with_alt_text(figure, alt_text)


def fixation_scores_figure(
    scores: Mapping[str, Mapping[str, Interval]],
    groups: Mapping[str, str],
    xlabel: str,
    chance: float,
) -> FigureWithAltText:
    """Return a dot plot of a fixation metric of several maps, with a panel for each data set.

    Args:
        scores: for each panel the metric with its interval by title of the map, in the order of the rows.
        groups: what each map uses, a key of ``COLORS``, by title.
        xlabel: name of the metric.
        chance: value of the metric that guessing reaches.

    Returns:
        The figure with its alternative text.
    """
    order = list(next(iter(scores.values())))
    with style():
        figure, axes = panels(1, len(scores), height=0.3 * len(order) + 1.4, sharey=True)
        for axis, (title, panel) in zip(axes, scores.items(), strict=True):
            for group, color in COLORS.items():
                rows = [row for row, name in enumerate(order) if name in panel and groups[name] == group]
                values = [panel[order[row]] for row in rows]
                errors = [[v.value - v.low for v in values], [v.high - v.value for v in values]]
                axis.errorbar(
                    [v.value for v in values], rows, xerr=errors, fmt="o", color=color, markersize=5, label=group
                )
            chance_line(axis, chance, "x")
            axis.set(title=title, xlabel=xlabel, yticks=range(len(order)), yticklabels=order)
        axes[0].invert_yaxis()
        legend_above(figure, n_columns=4)
    texts = "; ".join(
        f"{title}: " + ", ".join(f"{name} {interval.value:.2f}" for name, interval in panel.items())
        for title, panel in scores.items()
    )
    return with_alt_text(
        figure,
        f"Dot plots of {xlabel} with intervals, one panel per data set and one row per map. {texts}. The dashed line "
        "marks chance level.",
    )


def layer_figure(layers: Mapping[str, pd.DataFrame], metric: str, ylabel: str, chance: float) -> FigureWithAltText:
    """Return the agreement of maps with fixations at every layer, with intervals.

    Args:
        layers: for each form of the map a table with the column "layer" and the metric with its interval.
        metric: name of the metric in the tables.
        ylabel: name of the metric on the axis.
        chance: value of the metric that guessing reaches.

    Returns:
        The figure with its alternative text.
    """
    with style():
        figure, axis = panels(height=3.4)
        for shift, (title, table) in enumerate(layers.items()):
            positions = [i + 0.12 * (shift - 1) for i in range(len(table))]
            errors = [table[metric] - table[f"{metric}, low"], table[f"{metric}, high"] - table[metric]]
            axis.errorbar(positions, table[metric], yerr=errors, fmt="o-", markersize=4, capsize=2, label=title)
        chance_line(axis, chance)
        axis.set(xticks=range(len(table)), xticklabels=table["layer"], ylabel=ylabel)
        axis.set_xlabel("layer of SqueezeNet's features (index in the network)")
        legend_above(figure)
    best = ", ".join(f"{title} at layer {t['layer'][t[metric].idxmax()]}" for title, t in layers.items())
    return with_alt_text(
        figure,
        f"Line plot of {ylabel} over the layers of SqueezeNet, with an interval at each layer. The highest values: "
        f"{best}. The dashed line marks chance level.",
    )


def noise_figure(panel_scores: Mapping[str, pd.DataFrame], titles: Mapping[str, str]) -> FigureWithAltText:
    """Return the agreement of maps with fixations under strong noise, with and without the photograph.

    Args:
        panel_scores: for each metric, the title of a panel, a table of intervals: a row per map, a column for what is
            under the noise.
        titles: title of each map.

    Returns:
        The figure with its alternative text.
    """
    labels = {"photograph": "the photograph under noise", "nothing": "noise alone"}
    with style():
        figure, axes = panels(1, len(panel_scores), height=0.38 * len(titles) + 1.4, sharey=True)
        for axis, (metric, table) in zip(axes, panel_scores.items(), strict=True):
            for shift, (under, label) in enumerate(labels.items()):
                values = [table.loc[name, under] for name in titles]
                errors = [[v.value - v.low for v in values], [v.high - v.value for v in values]]
                rows = [row + 0.24 * (shift - 0.5) for row in range(len(titles))]
                axis.errorbar(
                    [v.value for v in values],
                    rows,
                    xerr=errors,
                    fmt="oD"[shift],
                    markersize=4,
                    color=PALETTE[shift],
                    label=label,
                )
            chance_line(axis, 0.5 if "AUC" in metric else 0.0, "x")
            axis.set(title=metric, yticks=range(len(titles)), yticklabels=list(titles.values()))
        axes[0].invert_yaxis()
        legend_above(figure)
    texts = "; ".join(
        f"{metric}: "
        + ", ".join(
            f"{title} {table.loc[name, 'photograph'].value:.2f}, noise alone {table.loc[name, 'nothing'].value:.2f}"
            for name, title in titles.items()
        )
        for metric, table in panel_scores.items()
    )
    return with_alt_text(
        figure,
        "Dot plots with intervals, one panel per metric and one row per map, under strong noise with the photograph "
        f"and with noise alone. {typeset_numbers(texts)}. The dashed lines mark chance level.",
    )
