"""The uncertainty of contrastive explanations: examples, and the AUROC of its summaries."""

from collections.abc import Mapping, Sequence

import pandas as pd
from torch import Tensor

from tutorial_course.plots.core import (
    CORRECT_COLOR,
    PALETTE,
    WRONG_COLOR,
    FigureWithAltText,
    panels,
    style,
    to_image_array,
    with_alt_text,
)
from tutorial_lib.attribution import map_iou

NETWORK_NAMES = {
    "signs/classifier": "sign network 1",
    "signs/classifier/1": "sign network 2",
    "signs/classifier/2": "sign network 3",
    "cifar10/resnet20": "ResNet-20",
    "imagenet/squeezenet1_1": "SqueezeNet",
}
MARKERS = ("o", "s", "^", "D", "X")


def explanation_uncertainty_figure(
    x: Tensor, why: Tensor, published: Tensor, weighted: Tensor, chosen: Mapping[str, int], captions: Sequence[str]
) -> FigureWithAltText:
    """Return some images with their explanation and two kinds of uncertainty.

    The explanation and the published uncertainty are scaled per map. The probability-weighted one has one scale.

    Args:
        x: images (N, 3, H, W).
        why: explanation maps (N, H, W), not negative.
        published: published uncertainty (N, H, W).
        weighted: probability-weighted uncertainty (N, H, W).
        chosen: index of an image by title of its row.
        captions: a caption for each chosen image.

    Returns:
        The figure.
    """
    top = weighted[list(chosen.values())].max()
    with style():
        figure, grid = panels(len(chosen), 4, width=6.6, height=1.75 * len(chosen))
        for line, (title, i), caption in zip(grid, chosen.items(), captions, strict=True):
            overlap = map_iou(why[i : i + 1], published[i : i + 1])[0]
            shown = (
                (to_image_array(x[i]), caption, None),
                ((why[i] / why[i].max()).cpu(), "own scale", "Blues"),
                ((published[i] / published[i].max()).cpu(), f"own scale, overlap {overlap:.2f}", "Oranges"),
                ((weighted[i] / top).cpu(), f"one scale, maximum {weighted[i].max():.0e}", "Oranges"),
            )
            for axis, (image, text, colors) in zip(line, shown, strict=True):
                axis.imshow(image, interpolation="nearest", cmap=colors, vmin=0, vmax=1)
                axis.set(xticks=[], yticks=[])
                axis.spines[:].set(color="#DDDDDD", visible=True)
                axis.set_xlabel(text, fontsize=8.5)
            line[0].set_ylabel(title, fontsize=9, color=WRONG_COLOR if "wrong" in title else CORRECT_COLOR)
        titles = ("image", "why P?", "uncertainty,\nas published", "uncertainty,\nprobability-weighted")
        for axis, title in zip(grid[0], titles, strict=True):
            axis.set_title(title, fontsize=9)
    return with_alt_text(
        figure,
        "Four corrupted images in rows: a confident and an uncertain correct prediction, and a confident and an "
        "uncertain wrong one. Columns show the image, its Grad-CAM map, the published uncertainty, which is visible in "
        "all rows, and the probability-weighted uncertainty, which is visible for the uncertain predictions only.",
    )


def voice_auroc_figure(rows: pd.DataFrame, scores: Sequence[str]) -> FigureWithAltText:
    """Return the AUROC of several scores for wrong against correct predictions, in several settings.

    Args:
        rows: stored rows with the columns network, images, score, auroc, low, high, count and wrong.
        scores: names of the scores to show.

    Returns:
        The figure, with a row per setting.
    """
    settings = rows[["network", "images"]].drop_duplicates().to_records(index=False).tolist()
    settings.sort(key=lambda setting: "signs" not in setting[0])
    by_setting = rows.set_index(["network", "images", "score"])
    colors = (PALETTE[1], PALETTE[4], PALETTE[5], PALETTE[0], "#222222")
    labels = []
    with style():
        figure, axis = panels(width=7.2, height=5.4)
        for y, setting in enumerate(settings):
            for i, (score, marker, color) in enumerate(zip(scores, MARKERS, colors, strict=True)):
                row, level = by_setting.loc[(*setting, score)], y + 0.15 * (i - 2)
                axis.plot([row["low"], row["high"]], [level, level], color=color, lw=1.4)
                label = score.replace("mass", "total") if y == 0 else None
                axis.plot(row["auroc"], level, marker, color=color, ms=5.5, ls="", label=label)
            images = setting[1].replace("every second photograph", "photographs")
            counts = f"{row['wrong']:.0f} of {row['count']:.0f} wrong"
            labels.append(f"{NETWORK_NAMES[setting[0]]},\n{images}, {counts}")
        axis.axvline(0.5, color="#777777", ls="--", lw=1.1)
        axis.set(yticks=range(len(settings)), yticklabels=labels, ylim=(len(settings) - 0.5, -0.5), xlim=(0.15, 1))
        axis.set_xlabel("AUROC (above 0.5: higher for wrong predictions)")
        axis.grid(axis="y", visible=False)
        figure.legend(loc="outside upper left", ncols=2, fontsize=9)
    return with_alt_text(
        figure,
        "AUROC of five scores for wrong predictions with 95% intervals in six settings. The intervals of the "
        "published overlap lie below 0.5 or include it. Signal to noise lies above 0.5 in most settings. The total "
        "probability-weighted uncertainty and one minus the largest probability lie far above 0.5 in every setting.",
    )
