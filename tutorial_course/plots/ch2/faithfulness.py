"""Faithfulness metrics: deletion with several fill values, and scores next to controls."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from tutorial_course.findings.ch2.faithfulness import MethodScore, higher_is_better
from tutorial_course.plots.core import PALETTE, FigureWithAltText, panels, style, to_image_array, with_alt_text
from tutorial_lib.attribution import PerturbationCurve

TWELFTHS = (1, 2, 3, 6)
NAMES = {
    "saliency": "input gradient",
    "centre": "center prior",
    "centre × edges": "center × smoothed edges",
    "random, smooth": "smooth random",
    "random": "scattered random",
}


def deletion_figure(
    x: Tensor,
    maps: Tensor,
    fills: Mapping[str, float | Tensor],
    curves: Mapping[tuple[str, str], PerturbationCurve],
    example: int,
) -> FigureWithAltText:
    """Return deletion with several fill values: one image, and the mean curves of all images.

    Args:
        x: images (N, 3, H, W).
        maps: maps (N, H, W), of which the one of the example is shown.
        fills: fill values by name, numbers or images (N, 3, H, W).
        curves: the deletion curves by name of the fill value and of the map; the name of ``maps`` is the first one.
        example: index of the image.

    Returns:
        The figure, with a row per fill value.
    """
    names = list(dict.fromkeys(name for _, name in curves))
    order = maps[example].flatten().argsort(descending=True).argsort().view_as(maps[example])
    with style():
        figure, grid = panels(len(fills), 5, width=7.6, height=5.0, width_ratios=[1, 1, 1, 1, 2.1])
        for line, (fill, value) in zip(grid, fills.items(), strict=True):
            replacement = torch.as_tensor(value, device=x.device).expand_as(x)[example]
            probabilities = curves[fill, names[0]].probability[example].tolist()
            for axis, k in zip(line, TWELFTHS, strict=False):
                removed = torch.where(order < order.numel() * k // 12, replacement, x[example])
                axis.imshow(to_image_array(removed), interpolation="nearest")
                axis.set(xticks=[], yticks=[])
                axis.set_title(f"{k}/12 replaced" if fill == next(iter(fills)) else "", fontsize=9)
                axis.set_xlabel(f"p = {probabilities[k]:.0%}", fontsize=9)
            line[0].set_ylabel(fill, fontsize=10)
            for name, color, dash in zip(names, PALETTE, ("-", "--", "-.", ":"), strict=False):
                curve = curves[fill, name]
                mean = curve.probability.mean(0).cpu()
                line[4].plot(curve.fraction.cpu(), mean, dash, color=color, label=name)
            line[4].set(xlim=(0, 1), ylim=(0, 1.02), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
        grid[0, 4].set_title("mean probability", fontsize=9)
        grid[-1, 4].set_xlabel("share of the pixels that is replaced")
        figure.legend(*grid[0, 4].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=9)
    return with_alt_text(
        figure,
        "Three rows for the fill values. Left, a speed limit sign whose pixels with the highest Grad-CAM values are "
        "replaced step by step. Right, the mean probability over the replaced share for Grad-CAM, the center prior and "
        "two random maps. With black, all curves fall fast, whereas with gray and blur the scattered random map "
        "falls slowly.",
    )


def faithfulness_figure(scores: Mapping[str, Sequence[MethodScore]], titles: Mapping[str, str]) -> FigureWithAltText:
    """Return the scores of methods and controls under several metrics, with intervals.

    Args:
        scores: the scores by metric, in the same order of methods.
        titles: the title of each metric.

    Returns:
        The figure, with a panel per metric; arrows in the titles point to the better side.
    """
    methods = [score.method for score in next(iter(scores.values()))]
    with style():
        figure, axes = panels(1, len(scores), width=8.4, height=4.2, sharey=True)
        for axis, (metric, of_metric) in zip(axes, scores.items(), strict=True):
            for y, score in enumerate(of_metric):
                color = PALETTE[0] if score.uses_network else PALETTE[6]
                axis.plot([score.low, score.high], [y, y], color=color, lw=1.6)
                axis.plot(score.mean, y, "o" if score.uses_network else "s", color=color, ms=5)
            centre = next(score.mean for score in of_metric if score.method == "centre")
            axis.axvline(centre, color=PALETTE[6], lw=1, ls="--")
            better = "higher" if higher_is_better(metric) else "lower"
            axis.set_title(f"{titles[metric]}\n({better} is better)", fontsize=9)
        axes[0].set(yticks=range(len(methods)), yticklabels=[NAMES.get(m, m) for m in methods])
        axes[0].invert_yaxis()
    return with_alt_text(
        figure,
        "One panel per metric, with a row per map. Points are means over three networks and bars are 95% intervals. "
        "Blue circles are methods that use the network, gray squares are controls, and a dashed line marks the center "
        "prior.",
    )
