"""A classification of explanations: an embedding of the features, and the areas of the three questions."""

from collections.abc import Mapping

import matplotlib
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from torch import Tensor

from tutorial_course.plots.core import PALETTE, FigureWithAltText, panels, style, text_color_on, with_alt_text


def embedding_figure(embedding: Tensor, classes: Tensor, icons: Tensor) -> FigureWithAltText:
    """Return a two-dimensional embedding of images, with an icon at the median position of each class.

    Args:
        embedding: positions (N, 2); the first one is an image, and the second one its counterfactual.
        classes: the class of each image (N,).
        icons: an image with transparency for each class (C, 4, H, W).

    Returns:
        The figure.
    """
    with style():
        figure, axis = panels(width=7, height=4.8)
        for c, icon in enumerate(icons.permute(0, 2, 3, 1).cpu().numpy()):
            positions = embedding[classes == c]
            axis.scatter(*positions.T, s=8, color=matplotlib.colormaps["tab20"](c), alpha=0.6, lw=0)
            center = positions.median(0).values.tolist()
            axis.add_artist(AnnotationBbox(OffsetImage(icon, zoom=0.36), center, frameon=False, pad=0))
        marks = (("image (30)", "*", 17), ("counterfactual (50)", "D", 9))
        for position, color, (name, marker, size) in zip(embedding, PALETTE, marks, strict=False):
            axis.plot(*position, marker, ms=size, color=color, mec="white", mew=1.2, ls="", label=name, zorder=9)
        axis.set(xticks=[], yticks=[])
        axis.grid(False)
        axis.legend(fontsize=9, loc="best")
    return with_alt_text(
        figure,
        "A two-dimensional embedding of several hundred signs by their features. Each class forms a group with an icon "
        "in its middle. The image lies in the group of the speed limit 30, and its counterfactual in the group of 50.",
    )


def question_areas_figure(shares: Mapping[str, Mapping[str, Tensor]]) -> FigureWithAltText:
    """Return stacked bars of the areas that the questions highlight.

    Args:
        shares: for each set of images, the share of each area, (N,).

    Returns:
        The figure, with a bar per set of images.
    """
    colors = (PALETTE[0], PALETTE[5], PALETTE[1], PALETTE[2])
    with style():
        figure, axis = panels(width=7, height=2.2)
        for y, areas in enumerate(shares.values()):
            left = 0.0
            for i, (name, values) in enumerate(areas.items()):
                mean = values.mean().item()
                axis.barh(y, mean, 0.62, left, color=colors[i], label=name if y == 0 else None)
                if mean > 0.03:
                    style_of_text = {"ha": "center", "va": "center", "fontsize": 9, "color": text_color_on(colors[i])}
                    axis.text(left + mean / 2, y, f"{mean:.0%}", **style_of_text)
                left += mean
        axis.set(yticks=range(len(shares)), yticklabels=list(shares), xlim=(0, 1), xticks=[])
        axis.invert_yaxis()
        axis.tick_params(length=0)
        axis.grid(False)
        axis.spines[:].set_visible(False)
        figure.legend(loc="outside upper left", ncols=2, fontsize=9)
    return with_alt_text(
        figure,
        "Two stacked bars of the area that the three questions highlight together. With one sign, most of it is "
        "highlighted by why P and by the contrast, and little by the contrast alone. With two signs, what if not P "
        "adds a visible part.",
    )
