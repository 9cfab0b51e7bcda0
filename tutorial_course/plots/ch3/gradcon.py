"""Norm and direction of gradients of an autoencoder, and the AUROC of GradCon by class and by corruption."""

from collections.abc import Mapping, Sequence

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

SCORE_COLORS = {
    "reconstruction error": "#555555",
    "alignment, with constraint": PALETTE[1],
    "GradCon": PALETTE[0],
    "distance to the mean image": PALETTE[2],
}


def gradient_direction_figure(images: Mapping[str, Tensor], norms: Mapping, angles: Mapping) -> FigureWithAltText:
    """Return a figure with an example of each group and a scatter plot of the angle and the norm of each gradient.

    Args:
        images: images (N, 3, H, W) by group; the first one of each group is shown.
        norms: norm of the gradient of each image (N,), by group.
        angles: angle between this gradient and the mean training gradient in degrees (N,), by group.

    Returns:
        The figure.
    """
    with style():
        figure, axes = panels(1, 1 + len(images), height=2.9, width_ratios=[1] * len(images) + [3.2])
        for i, (group, x) in enumerate(images.items()):
            axes[i].imshow(to_image_array(x[0]), interpolation="nearest")
            axes[i].set(xticks=[], yticks=[])
            axes[i].set_title(group, fontsize=9)
            axes[-1].plot(angles[group], norms[group], "o^s"[i], ms=4, mfc="none", color=PALETTE[i], label=group)
        axes[-1].set(xlabel="angle to the mean training gradient (degrees)", ylabel="norm of the gradient")
        axes[-1].set_yscale("log")
        legend_above(figure)
    medians = "; ".join(f"{group} {angles[group].median():.0f}°" for group in images)
    return with_alt_text(
        figure,
        "An image of each group, and a scatter plot of the norm of the gradient against its angle to the mean training "
        f"gradient. Median angles: {medians}. The norms of the groups overlap.",
    )


def class_auroc_figure(aurocs: Mapping[str, Mapping[str, pd.Series]]) -> FigureWithAltText:
    """Return a figure with the AUROC of several scores for each normal class.

    Args:
        aurocs: by title of the panel and by score, the AUROC by normal class.

    Returns:
        The figure, with a panel for each title.
    """
    n_classes = [len(next(iter(scores.values()))) for scores in aurocs.values()]
    with style():
        figure, axes = panels(1, len(aurocs), height=3.1, sharey=True, width_ratios=[n + 0.6 for n in n_classes])
        for axis, (title, scores) in zip(axes, aurocs.items(), strict=True):
            for i, (score, values) in enumerate(scores.items()):
                positions = [k + 0.22 * (i - (len(scores) - 1) / 2) for k in range(len(values))]
                axis.plot(positions, values, "o^sD"[i], ms=5, color=SCORE_COLORS.get(score, "#555555"), label=score)
            chance_line(axis)
            axis.set(title=title, ylim=(0.2, 1.02), xticks=range(len(values)))
            axis.set_xticklabels(values.index, rotation=40, ha="right", rotation_mode="anchor", fontsize=8.5)
        axes[0].set_ylabel("AUROC")
        legend_above(figure)
    return with_alt_text(
        figure,
        "Dot plots of the AUROC of several scores for each normal class, with a line at chance level. "
        + " ".join(
            f"{title}: "
            + ", ".join(f"{score} from {v.min():.2f} to {v.max():.2f}" for score, v in scores.items())
            + "."
            for title, scores in aurocs.items()
        ),
    )


def corruption_auroc_figure(tables: Mapping[str, pd.DataFrame], corruptions: Sequence[str]) -> FigureWithAltText:
    """Return a figure with a heat map of the AUROC by corruption and severity for each score.

    Args:
        tables: by score, the AUROC with a row per corruption and a column per severity.
        corruptions: the corruptions, in the order of the rows.

    Returns:
        The figure, with one color scale from 0 (blue) over chance level (white) to 1 (red).
    """
    with style():
        figure, axes = panels(1, len(tables), height=3.4, sharey=True)
        for axis, (score, table) in zip(axes, tables.items(), strict=True):
            image = axis.imshow(table.loc[[*corruptions]], cmap="RdBu_r", vmin=0, vmax=1, aspect="auto")
            axis.set(xlabel="severity", xticks=range(table.shape[1]), xticklabels=table.columns)
            axis.set_title(score, fontsize=9)
            axis.set(yticks=range(len(corruptions)), yticklabels=corruptions)
            axis.tick_params(labelsize=8.5, length=0)
            axis.grid(False)
        figure.colorbar(image, ax=axes, label="AUROC", ticks=[0, 0.5, 1], pad=0.01)
    below = "; ".join(f"{score} {int((table < 0.5).sum().sum())}" for score, table in tables.items())
    return with_alt_text(
        figure,
        f"Heat maps of the AUROC for {len(corruptions)} corruptions and {table.shape[1]} severities. Number of cells "
        f"below chance level: {below}.",
    )
