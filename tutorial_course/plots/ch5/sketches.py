"""The error and the AUROC of compressed gradients, against the number of values that are kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tutorial_course.plots.core import PALETTE, FigureWithAltText, band, legend_above, panels, style, with_alt_text

if TYPE_CHECKING:
    import pandas

SIZES = [8, 32, 128, 512]
METHODS = {"random": "sketch (random values)", "principal": "principal directions"}
PANELS = {"error": "error of the cosines", "novel sign": "AUROC, novel signs", "texture": "AUROC, textures"}


def sketch_figure(summarize: Callable[[str, str], pandas.DataFrame]) -> FigureWithAltText:
    """Return a figure with three panels: the error of the cosines, and the AUROC for novel signs and for textures.

    Args:
        summarize: function of a method and a column that returns mean, min and max by the number of values kept.

    Returns:
        The figure; the band is the range over networks and random numbers.
    """
    with style():
        figure, axes = panels(1, 3, width=8.4, height=3.0)
        for axis, (column, title) in zip(axes, PANELS.items(), strict=True):
            for k, (method, label) in enumerate(METHODS.items()):
                curve = summarize(method, column)
                band(
                    axis,
                    list(curve.index),
                    list(curve["mean"]),
                    list(curve["min"]),
                    list(curve["max"]),
                    color=PALETTE[k],
                    label=label,
                    marker="o",
                    ms=4,
                )
            last = summarize("last layer", column)
            axis.plot(last.index, last["mean"], "D", ms=6, color=PALETTE[2], label="last layer")
            axis.vlines(last.index, last["min"], last["max"], color=PALETTE[2])
            if column == "error":
                axis.plot(SIZES, [size**-0.5 for size in SIZES], "--", color="#777777", label="1/√d")
            else:
                axis.axhline(float(summarize("whole", column)["mean"].iloc[0]), color="#222222", label="whole gradient")
                axis.set_ylim(0.45, 1.02)
            axis.set_xscale("log", base=2)
            axis.set_xticks(SIZES, [str(size) for size in SIZES])
            axis.set(xlabel="values kept per image", title=title)
        legend_above(figure)
    return with_alt_text(
        figure,
        "Three panels against the number of values kept of each gradient. The error of the sketch decreases as one "
        "over the square root of this number, and the error of the principal directions is far smaller. In both AUROC "
        "panels, the sketch reaches the AUROC of the whole gradient with a few dozen values. The last layer has a "
        "large error, a higher AUROC than the whole gradient for novel signs, and a lower one for textures.",
    )
