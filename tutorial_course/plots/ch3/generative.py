"""Figure of novelty detection with a variational autoencoder."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from tutorial_course.plots.core import (
    PALETTE,
    FigureWithAltText,
    style,
    to_image_array,
    with_alt_text,
)


def novelty_figure(
    examples: Mapping[str, tuple[Tensor, Tensor]],
    scores: Mapping[str, Mapping[str, Tensor]],
    aurocs: Mapping[str, float],
) -> FigureWithAltText:
    """Return images with their reconstructions, and histograms of novelty scores.

    Args:
        examples: for each row of images one image (3, H, W) and its reconstruction.
        scores: for each score the values of the normal and the abnormal images, by group.
        aurocs: the AUROC of each score, which is shown below its histogram.

    Returns:
        The figure with its alternative text.
    """
    with style():
        figure = Figure(figsize=(8.4, 3.1), layout="constrained")
        left, right = figure.subfigures(1, 2, width_ratios=(1, 2.6))
        grid = left.subplots(len(examples), 2, squeeze=False)
        for row, (name, pair) in zip(grid, examples.items(), strict=True):
            for axis, image in zip(row, pair, strict=True):
                axis.imshow(to_image_array(image), interpolation="nearest")
                axis.set(xticks=[], yticks=[])
            row[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
        for axis, title in zip(grid[0], ("image", "reconstruction"), strict=True):
            axis.set_title(title, fontsize=9)
        for axis, (score, groups) in zip(right.subplots(1, len(scores)), scores.items(), strict=True):
            values, names = [v.tolist() for v in groups.values()], list(groups)
            axis.hist(values, bins=24, density=True, histtype="stepfilled", alpha=0.65, color=PALETTE[:2], label=names)
            axis.set(yticks=[], xlabel=f"AUROC {aurocs[score]:.2f}")
            axis.xaxis.set_major_locator(MaxNLocator(2))
            axis.set_title(score.replace(", ", ",\n"), fontsize=9)
        right.legend(*axis.get_legend_handles_labels(), loc="outside upper left", ncols=2, fontsize=9)
    listed = ", ".join(f"{score} {auroc:.2f}" for score, auroc in aurocs.items())
    return with_alt_text(
        figure,
        f"Left, {len(examples)} images ({', '.join(examples)}) beside their reconstructions. Right, histograms of "
        f"{len(scores)} scores of normal and abnormal images. AUROC: {listed}.",
    )
