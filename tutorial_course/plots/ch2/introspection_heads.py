"""The heads of introspective learning: their inputs, their gains and their calibration."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.figure import Figure
from torch import Tensor

from tutorial_course.plots.core import PALETTE, FigureWithAltText, panels, style, to_image_array, with_alt_text

HEADS = {
    "cross_entropy": "cross-entropy",
    "sigmoid": "binary cross-entropy",
    "squared": "squared error",
    "cross_entropy, linear": "cross-entropy, linear H",
    "h": "h",
    "h and z": "h and z",
    "h, as many weights": "h, as many weights",
    "h, linear": "h, linear H",
}
# The training set: its name in the figures, marker, color, and offset of its row.
TRAINING = {
    "clean": ("clean images", "o", PALETTE[0], -0.2),
    "clean, not seen before": ("new clean images", "^", PALETTE[2], 0.0),
    "augmented": ("corrupted images", "s", PALETTE[1], 0.2),
}
BASE = "feed-forward"


def introspective_features_figure(
    images: Tensor, maps: Mapping[str, Tensor], titles: Sequence[str], class_names: Sequence[str]
) -> FigureWithAltText:
    """Return the gradients of the losses for all classes, for one image and a changed version of it.

    Args:
        images: two images (2, 3, H, W).
        maps: gradients (2, C, K) by name of the loss.
        titles: a title per image.
        class_names: names of the classes.

    Returns:
        The figure.
    """
    with style():
        figure, grid = panels(2, 1 + len(maps), width=8.4, height=6.4, width_ratios=[0.9, *[1] * len(maps)])
        for i, line in enumerate(grid):
            line[0].imshow(to_image_array(images[i]), interpolation="nearest")
            line[0].set_title(titles[i], fontsize=9)
            line[0].set(xticks=[], yticks=[])
            for axis, (loss, values) in zip(line[1:], maps.items(), strict=True):
                top = values.abs().max()
                axis.imshow(values[i], cmap="RdBu_r", vmin=-top, vmax=top, aspect="auto", interpolation="nearest")
                axis.set(xticks=[], yticks=range(len(class_names)), yticklabels=[])
                axis.set_title(HEADS[loss] if i == 0 else "", fontsize=9)
            line[1].set_yticklabels(class_names, fontsize=8)
            for axis in line:
                axis.tick_params(length=0)
                axis.grid(False)
                axis.spines[:].set_visible(False)
        figure.supxlabel(
            "columns: the features, sorted · rows: the class Q · blue: negative, red: positive", fontsize=9
        )
    return with_alt_text(
        figure,
        "A sign, clean and with snow, and next to each of them three tables of 14 rows and 64 columns. All rows of a "
        "table have the same stripes with different strength. Under cross-entropy the row of the predicted class is "
        "nearly zero in the clean image and faint with snow.",
    )


def head_gains_figure(tables: Mapping[str, pd.DataFrame]) -> FigureWithAltText:
    """Return the gain in accuracy of each head over the base classifier, one mark per run.

    Args:
        tables: rows of kind "head" by title.

    Returns:
        The figure, with a panel per table.
    """
    with style():
        figure, axes = panels(1, len(tables), height=4.2, sharey=True)
        for axis, (title, rows) in zip(axes, tables.items(), strict=True):
            axis.axvline(0, color="#222222", lw=1)
            for trained, (name, marker, color, offset) in TRAINING.items():
                for y, head in enumerate(HEADS):
                    gains = 100 * _over_base(rows, trained, head, "accuracy")
                    levels = [y + offset] * len(gains)
                    label = name if y == 0 and len(gains) else None
                    axis.plot(gains, levels, marker, ms=4.5, alpha=0.75, color=color, mew=0, ls="", label=label)
            axis.set(title=title, xlabel="gain over f (percentage points)")
            _label_heads(axis, list(HEADS.values()))
        _training_legend(figure, axes[0], "head trained on")
    return with_alt_text(
        figure,
        "Gain in accuracy over the base classifier for eight heads in rows, for signs and for CIFAR-10, one mark per "
        "run. Heads trained on clean images lie close to zero. Heads trained on corrupted images lie clearly above "
        "zero, with and without gradients. On signs, the heads on contrasts lie slightly further to the right.",
    )


def calibration_figure(tables: Mapping[str, pd.DataFrame]) -> FigureWithAltText:
    """Return the calibration error of the base classifier and of each head, with and without temperature scaling.

    Args:
        tables: rows of kind "head" by title.

    Returns:
        The figure, with a panel per table; open marks are after temperature scaling.
    """
    heads = {BASE: "f alone", **HEADS}
    with style():
        figure, axes = panels(1, len(tables), height=4.4, sharey=True)
        for axis, (title, rows) in zip(axes, tables.items(), strict=True):
            for trained in ("clean", "augmented"):
                name, marker, color, offset = TRAINING[trained]
                means = rows[rows["trained"] == trained].groupby(["head", "network"])[["ece", "scaled ece"]].mean()
                means = means.groupby("head").mean()
                for y, head in enumerate(heads):
                    raw, scaled = means.loc[head]
                    level, first = y + offset, y == 0
                    axis.plot([raw, scaled], [level, level], color=color, lw=1.2, alpha=0.6)
                    axis.plot(raw, level, marker, ms=5.5, color=color, mew=0, ls="", label=name if first else None)
                    after = f"{name}, with temperature" if first else None
                    axis.plot(scaled, level, marker, ms=5.5, color=color, mfc="white", ls="", label=after)
            axis.set(title=title, xlabel="expected calibration error", xlim=(0, None))
            _label_heads(axis, list(heads.values()))
        _training_legend(figure, axes[0], "head and temperature fitted on")
    return with_alt_text(
        figure,
        "Mean calibration error of the base classifier and of eight heads, for signs and for CIFAR-10, before and "
        "after temperature scaling. Heads trained on clean images have the largest errors. After training on corrupted "
        "images the errors of all heads are smaller. Without temperature scaling, those of the heads on h are then "
        "smaller than those of the heads on contrasts.",
    )


def _over_base(rows: pd.DataFrame, trained: str, head: str, column: str) -> pd.Series:
    """The difference of each run from the base classifier of its network."""
    rows = rows[rows["trained"] == trained].set_index("network")
    return (rows.loc[rows["head"] == head, column] - rows.loc[rows["head"] == BASE, column]).dropna()


def _label_heads(axis, names: Sequence[str]) -> None:
    """Label the rows with the names of the heads, the first one at the top, and draw lines between the rows."""
    axis.set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.5))
    axis.grid(axis="y", visible=False)
    for row in range(len(names) - 1):
        axis.axhline(row + 0.5, color="#DDDDDD", lw=0.8, zorder=0)


def _training_legend(figure: Figure, axis, title: str) -> None:
    """Add the legend above the panels."""
    handles = axis.get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper left", ncols=4, fontsize=9, title=title, title_fontsize=9)
