"""Figures of image quality: the mismatch of a label, measures against severity, and measures against human ratings."""

from collections.abc import Mapping, Sequence

import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from tutorial_course.findings.ch4.logistic_fit import logistic_fit
from tutorial_course.plots.core import (
    PALETTE,
    FigureWithAltText,
    chance_line,
    image_grid,
    legend_above,
    panels,
    style,
    to_image_array,
    with_alt_text,
)
from tutorial_lib.data import QualityDataset
from tutorial_lib.quality import UNIQUEQuality, ssim_map

LINES = [(color, dashes) for dashes in ("-", "--") for color in PALETTE]  # a style per kind of distortion


def hue_mismatch_figure(images: Tensor, hues: Tensor, norms: Tensor) -> FigureWithAltText:
    """Return a figure of a sign whose hue changes, and of the norm of the required weight change below it.

    Args:
        images: the sign at every hue (K, 3, H, W).
        hues: the hues (K,), from 0 (red) to 1 (green).
        norms: norm of the gradient for each hue and scene (K, N).

    Returns:
        The figure.
    """
    with style():
        figure = Figure(figsize=(7.6, 3.2), layout="constrained")
        top, bottom = figure.subfigures(2, 1, height_ratios=[1, 2.8])
        for axis, image in zip(top.subplots(1, len(images)), images, strict=True):
            axis.imshow(to_image_array(image), interpolation="nearest")
            axis.axis("off")
        axis = bottom.subplots()
        low, middle, high = norms.quantile(torch.tensor([0.1, 0.5, 0.9]), dim=1)
        axis.fill_between(hues, low, high, color=PALETTE[1], alpha=0.2, lw=0, label="10% to 90% of the scenes")
        axis.plot(hues, middle, "o-", color=PALETTE[1], label="median")
        axis.set(xlabel="hue of the sign (0 = red, 1 = green)", ylabel="norm of the gradient")
        axis.set(xlim=(-0.05, 1.05), ylim=(0, None))
        axis.legend()
    return with_alt_text(
        figure,
        "A stop sign in nine steps from red to green. Below it, the norm of the gradient for the label stop: it is "
        "near zero for red signs, rises steeply within two steps, and then decreases slowly.",
    )


def ssim_figure(reference: Tensor, distorted: Tensor, captions: Sequence[str], alt: str) -> FigureWithAltText:
    """Return a figure of a reference, its distorted versions, and the local SSIM of each of them.

    Args:
        reference: the undistorted image (1, 3, H, W).
        distorted: the distorted images (N, 3, H, W).
        captions: 1 + 2 N captions, in the order reference, distorted images, maps.
        alt: alternative text.

    Returns:
        The figure.
    """
    maps = ssim_map(distorted, reference.expand_as(distorted)).clamp(0, 1)[:, None]
    maps = torch.nn.functional.pad(maps, (5, 5, 5, 5), value=1.0)
    images = [reference[0], *distorted, *maps]
    return with_alt_text(image_grid(images, captions, columns=len(images), image_height=1.75), alt)


def level_figure(pairs: QualityDataset, scores: Mapping[str, Tensor], alt: str, example: int = 4) -> FigureWithAltText:
    """Return a figure with a panel per measure: its mean against the level, with a line for each kind of distortion.

    Args:
        pairs: distorted images whose scores are levels of distortion.
        scores: title -> one value per image (N,).
        alt: alternative text.
        example: level of the images that are shown above the panels.

    Returns:
        The figure.
    """
    kinds, levels = list(dict.fromkeys(pairs.distortion_types)), sorted(set(pairs.scores.tolist()))
    at = example if example in levels else levels[-1]
    with style():
        figure = Figure(figsize=(8.2, 4.6), layout="constrained")
        top, below = figure.subfigures(2, 1, height_ratios=[1, 2.7])
        for i, (axis, kind) in enumerate(zip(top.subplots(1, len(kinds)), kinds, strict=True)):
            shown = [k == kind and level == at for k, level in zip(pairs.distortion_types, pairs.scores.tolist())]
            axis.imshow(to_image_array(pairs[shown.index(True)][0][0]), interpolation="nearest")
            axis.set(xticks=[], yticks=[])
            axis.set_title(kind.replace(" ", "\n"), fontsize=8.5)
            axis.spines[:].set_visible(False)
            color, dashes = LINES[i]  # the line of this kind in the panels below
            style_of_line = {"color": color, "transform": axis.transAxes, "clip_on": False}
            axis.plot([0.1, 0.9], [-0.13, -0.13], dashes, **style_of_line)
            axis.plot(0.5, -0.13, "o", ms=3, **style_of_line)
        for axis, (title, values) in zip(below.subplots(1, len(scores), squeeze=False)[0], scores.items(), strict=True):
            for (color, dashes), kind in zip(LINES, kinds, strict=False):
                of_kind = torch.tensor([k == kind for k in pairs.distortion_types])
                means = [values.cpu()[of_kind & (pairs.scores == level)].mean() for level in levels]
                axis.plot(levels, means, dashes, marker="o", ms=3, color=color)
            axis.set(title=title, xlabel="level of distortion", xticks=levels)
    return with_alt_text(figure, alt)


def correlation_figure(
    rows: pd.DataFrame, measures: Mapping[str, str], sets: Mapping[str, str], statistic: str, alt: str
) -> FigureWithAltText:
    """Return a figure with a panel per data set: the rank correlation of each measure with its interval.

    Args:
        rows: stored rows of the kind "measure".
        measures: name of each measure -> title, from top to bottom.
        sets: name of each data set -> title.
        statistic: "pooled" or "within".
        alt: alternative text.

    Returns:
        The figure. A measure that uses a gradient is orange, one that uses another network or code is green, and the
        others are blue. A measure that was not evaluated on a set is omitted there.
    """
    indexed = rows.set_index(["set", "measure"])
    with style():
        figure, axes = panels(1, len(sets), width=8.2, height=0.9 + 0.27 * len(measures), sharey=True)
        for axis, (name, title) in zip(axes, sets.items(), strict=True):
            for i, measure in enumerate(measures):
                if (name, measure) in indexed.index:
                    row, color = indexed.loc[(name, measure)], _measure_color(measure)
                    axis.plot([row[f"{statistic} low"], row[f"{statistic} high"]], [i, i], color=color, lw=2, alpha=0.5)
                    axis.plot(row[statistic], i, "o", color=color, ms=5)
            axis.set(title=title.replace(" (", "\n("), xlabel="rank correlation")
            axis.set(yticks=range(len(measures)), yticklabels=list(measures.values()))
        axes[0].invert_yaxis()
    return with_alt_text(figure, alt)


def _measure_color(measure: str) -> str:
    """The color of a measure by what it needs: a gradient, another network or code, or neither."""
    if measure.partition(",")[0] in ("distance", "cosine", "unscaled", "surprisal", "norm", "alignment"):
        return PALETTE[1]
    return PALETTE[2] if measure.partition(",")[0] in ("UNIQUE", "LPIPS", "error") else PALETTE[0]


def rating_figure(
    scores: Mapping[str, Tensor], quality: Tensor, kinds: Mapping[str, Tensor], alt: str
) -> FigureWithAltText:
    """Return a figure with a panel per measure: the rating of each image against the measure, and the fitted curve.

    Args:
        scores: title -> one value per image (N,).
        quality: ratings (N,), oriented so that higher means better.
        kinds: kind of distortion -> which images have it (N,), bool.
        alt: alternative text.

    Returns:
        The figure.
    """
    with style():
        figure, axes = panels(1, len(scores), width=8.4, height=2.9, sharey=True)
        for axis, (title, values) in zip(axes, scores.items(), strict=True):
            for j, (kind, of_kind) in enumerate(kinds.items()):
                axis.plot(values[of_kind], quality[of_kind], "os^"[j], ms=3, color=PALETTE[j], label=kind)
            line = torch.linspace(float(values.min()), float(values.max()), 80, dtype=torch.float64)
            axis.plot(line, logistic_fit(values, quality)(line), color="#555555", lw=1.2)
            axis.set(xlabel=title)
        axes[0].set(ylabel="quality (−DMOS)")
        legend_above(figure)
    return with_alt_text(figure, alt)


def filters_figure(coder: UNIQUEQuality, count: int = 24) -> FigureWithAltText:
    """Return a figure of the luma patches that the units of a sparse autoencoder add to a reconstruction.

    Args:
        coder: a fitted coder.
        count: number of units, those with the largest norm.

    Returns:
        The figure.
    """
    side = coder.patch
    filters = coder.check_fitted().decoder.weight.T.reshape(-1, 3, side, side)[:, :1].cpu()
    strongest = filters.flatten(1).norm(dim=1).argsort(descending=True)[:count]
    tiles = 0.5 + 0.5 * filters[strongest] / filters[strongest].abs().amax((1, 2, 3), keepdim=True)
    return with_alt_text(
        image_grid(tiles, columns=count // 2, image_height=0.55),
        f"The luma patches of {count} units of the sparse autoencoder, several of which are edges and stripes.",
    )


def no_reference_figure(clean: Mapping[str, Tensor], distorted: Mapping[str, Sequence[Mapping[str, Tensor]]]):
    """Return a figure of three numbers without a reference against the level of distortion.

    Args:
        clean: "error", "norm" and "alignment" of the undistorted images (N,).
        distorted: kind of distortion -> the same three quantities for each level.

    Returns:
        The figure. Error and norm are relative to the mean of the undistorted images.
    """
    titles = {
        "error": "reconstruction error\n(undistorted = 1)",
        "norm": "norm of the gradient\n(undistorted = 1)",
        "alignment": "cosine with the mean\ngradient of undistorted images",
    }
    with style():
        figure, axes = panels(1, 3, width=8.2, height=3.1)
        for axis, (name, title) in zip(axes, titles.items(), strict=True):
            unit = 1.0 if name == "alignment" else float(clean[name].mean())
            for i, (kind, levels) in enumerate(distorted.items()):
                values = [float(v[name].mean()) / unit for v in (clean, *levels)]
                axis.plot(range(len(values)), values, "o-", ms=3, color=PALETTE[i], label=kind)
            axis.set(title=title, xlabel="level of distortion")
        axes[0].set(yscale="log", yticks=[0.1, 0.3, 1, 3, 10], yticklabels=["0.1", "0.3", "1", "3", "10"])
        axes[0].minorticks_off()
        chance_line(axes[1], 1.0)
        legend_above(figure)
    return with_alt_text(
        figure,
        "Three panels over the level of four distortions. The reconstruction error rises with noise and falls with "
        "blur and darkening. The norm of the gradient and the cosine rise for some distortions and fall for others.",
    )
