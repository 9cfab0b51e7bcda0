"""Attribution maps in pixels: the path of integrated gradients, and a gallery of methods."""

from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes
from torch import Tensor
from torch.nn.functional import max_pool2d

from tutorial_course.plots.core import PALETTE, FigureWithAltText, panels, style, to_image_array, with_alt_text
from tutorial_lib.attribution import reduce_channels
from tutorial_lib.data import CounterfactualPair

QUANTILE = 0.998  # the value that is shown in full color


def path_figure(path: Tensor, share: Tensor, logits: Tensor, sums: Tensor) -> FigureWithAltText:
    """Return the images on the path from the baseline, the logit, and the sum of the attributions.

    Args:
        path: images on the path (S, 3, H, W).
        share: their positions on the path (S,), from 0 to 1.
        logits: the logit of the predicted class (S,).
        sums: the logit at the baseline plus the sum of the attributions (S,).

    Returns:
        The figure.
    """
    with style():
        figure, (strip, axis) = panels(2, 1, width=6.4, height=3.9, sharex=True)
        figure.get_layout_engine().set(hspace=0.02)
        for position, image in zip(share[::2].tolist(), path[::2], strict=True):
            strip.imshow(
                to_image_array(image), extent=(position - 0.11, position + 0.11, 0, 1), interpolation="nearest"
            )
        strip.get_gridspec().set_height_ratios((1, 1.9))  # the images are nearly square
        strip.grid(False)
        strip.set(yticks=[], ylim=(0, 1), aspect="auto")
        strip.tick_params(bottom=False)
        strip.spines[:].set_visible(False)
        axis.plot(share.cpu(), logits.cpu(), color=PALETTE[0], label="logit of P")
        axis.plot(share.cpu(), sums.cpu(), "o", color=PALETTE[1], label="logit at the baseline + sum of the map")
        axis.set(xlim=(-0.13, 1.13), xlabel="position on the path from gray (0) to the image (1)", ylabel="logit of P")
        axis.legend(fontsize=9, loc="upper left")
    return with_alt_text(
        figure,
        "Five images on the path from a gray image to a sign. Below them, a line graph shows the logit of the "
        "predicted class over the position on the path. Nine points with the sum of the attributions lie on this line.",
    )


def gallery_figure(
    pairs: CounterfactualPair, maps_by_question: Mapping[str, Mapping[str, Tensor]], names: Sequence[Sequence[str]]
) -> FigureWithAltText:
    """Return several methods in rows, for each image of counterfactual pairs and for each question.

    All maps of a method have one color scale.

    Args:
        pairs: counterfactual pairs.
        maps_by_question: maps (N, H, W) or (N, 3, H, W) by question and by method.
        names: the names of the images and the names of their counterfactuals.

    Returns:
        The figure, with two columns per image.
    """
    questions, methods = list(maps_by_question), list(next(iter(maps_by_question.values())))
    n = len(pairs.image)
    with style():
        figure, grid = panels(1 + len(methods), 2 * n, width=5.8, height=1.15 * (1 + len(methods)))
        figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
        for i in range(n):
            _show_outlined(grid[0, 2 * i], to_image_array(pairs.image[i]), pairs.difference[i, 0])
            _show_outlined(grid[0, 2 * i + 1], to_image_array(pairs.counterfactual[i]), pairs.difference[i, 0])
            grid[0, 2 * i].set_title(f"P: {names[0][i]}", fontsize=9)
            grid[0, 2 * i + 1].set_title(f"Q: {names[1][i]}", fontsize=9)
        for line, method in zip(grid[1:], methods, strict=True):
            maps = [_positive_map(maps_by_question[question][method]) for question in questions]
            top = torch.stack(maps).flatten().quantile(QUANTILE)
            for i in range(n):
                for j, values in enumerate(maps):
                    scaled = (values[i] / top).cpu()
                    _show_outlined(line[2 * i + j], scaled, pairs.difference[i, 0], cmap="Blues", vmin=0, vmax=1)
            line[0].set_ylabel(method, rotation=0, ha="right", va="center", fontsize=9)
        for column, axis in enumerate(grid[-1]):
            axis.set_xlabel(questions[column % 2].replace(", rather", ",\nrather"), fontsize=9)
    return with_alt_text(
        figure,
        "Two signs and their counterfactuals, and below them one row per method with the maps for two questions. The "
        "input gradient and SmoothGrad are scattered over the sign. Guided backpropagation shows sharp edges, nearly "
        "the same ones for both questions. Grad-CAM and Grad-CAM++ are smooth, and guided Grad-CAM is sharp.",
    )


def _positive_map(maps: Tensor) -> Tensor:
    """Pixel gradients by their largest magnitude over the channels, other maps by their positive part."""
    return reduce_channels(maps) if maps.dim() == 4 else maps.relu()


def _show_outlined(axis: Axes, image: Tensor, mask: Tensor, **options: object) -> None:
    """Show an image with an outline around the mask."""
    height, width = mask.shape
    axis.imshow(image, interpolation="nearest", extent=(0, width, height, 0), **options)
    # A pixel wider, with small holes filled.
    edge = -max_pool2d(-max_pool2d(mask[None].float(), 5, 1, 2), 3, 1, 1)[0].cpu()
    if edge.any():
        fine = edge.repeat_interleave(8, 0).repeat_interleave(8, 1)
        axis.contour(fine, [0.5], colors=PALETTE[1], linewidths=0.8, extent=(0, width, 0, height))
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set(color="#DDDDDD", visible=True)
