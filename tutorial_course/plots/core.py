"""The style of all figures, their shared building blocks, and figures of images, lines and maps.

The colors are those of Okabe and Ito (2008), which color-blind readers can tell apart. Every figure has a white
background, so that it looks the same on a light and on a dark page.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from html import escape
from io import BytesIO
from math import ceil
from typing import Any

import matplotlib
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import PercentFormatter
from PIL import Image
from torch import Tensor

from tutorial_lib._validation import check_choice

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#555555")
CORRECT_COLOR, WRONG_COLOR = "#00775A", "#C04A00"
RC_PARAMS: dict[Any, Any] = {
    "axes.edgecolor": "#888888",
    "axes.grid": True,
    "axes.labelcolor": "#333333",
    "axes.prop_cycle": cycler(color=PALETTE),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "figure.facecolor": "white",
    "font.size": 10,
    "grid.color": "#E4E4E4",
    "legend.frameon": False,
    "xtick.color": "#555555",
    "ytick.color": "#555555",
}


# The width of the text column on a screen 1440 pixels wide, and the smallest text that is readable there.
COLUMN_WIDTH_PX = 790
MIN_TEXT_POINTS = 8.0


def enlarge_small_text(figure: Figure) -> None:
    """Enlarge every text of a figure that would be smaller than 8 points in the text column of the book.

    Args:
        figure: a Matplotlib figure; text that is large enough is left as it is.

    Example:
        >>> figure = Figure(figsize=(4, 3))
        >>> small, large = figure.text(0, 0, "a", fontsize=6), figure.text(0, 1, "b", fontsize=12)
        >>> enlarge_small_text(figure)
        >>> small.get_fontsize(), large.get_fontsize()
        (8.0, 12.0)
    """
    # Labels outside the axes make the saved figure up to 6% wider, and so its text smaller.
    smallest = MIN_TEXT_POINTS * max(1.0, 1.06 * 96 * figure.get_figwidth() / COLUMN_WIDTH_PX)
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if any(label.get_fontsize() < smallest for label in axis.get_ticklabels(which="both")):
                axis.set_tick_params(which="both", labelsize=smallest)
    for text in figure.findobj(Text):
        if text.get_fontsize() < smallest:
            text.set_fontsize(smallest)


def readable_width(figure: Figure, image_width: float) -> int:
    """Return the width at which the smallest text of a figure has 8 points.

    Args:
        figure: a Matplotlib figure that has been saved.
        image_width: width in CSS pixels at which its text has the size that Matplotlib was given.

    Returns:
        The width in CSS pixels. On a phone, the image scrolls instead of becoming narrower.

    Example:
        >>> figure = Figure(figsize=(4, 3))
        >>> title = figure.text(0, 0, "a title", fontsize=12)
        >>> readable_width(figure, 96 * 4)
        256
    """
    sizes = [text.get_fontsize() for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return ceil(image_width * MIN_TEXT_POINTS / min(sizes)) if sizes else 0


@dataclass(eq=False, repr=False)
class FigureWithAltText:
    """A figure with its alternative text.

    Attributes:
        figure: the Matplotlib figure.
        alt: what the figure shows, in words.
    """

    figure: Figure
    alt: str

    def _repr_html_(self) -> str:
        stream = BytesIO()
        # WebP: a page of loss surfaces takes a fifth of the bytes that it would take as PNG.
        self.figure.savefig(
            stream, format="webp", dpi=144, bbox_inches="tight", pad_inches=0.08, pil_kwargs={"quality": 92}
        )
        width = round(96 * self.figure.get_figwidth())
        min_width = readable_width(self.figure, Image.open(stream).width * 96 / 144)
        source = b64encode(stream.getvalue()).decode()
        size = f"width:{width}px;min-width:{min_width}px;max-width:100%;height:auto"
        image = (
            f'<img src="data:image/webp;base64,{source}" alt="{escape(self.alt)}" '
            f'style="{size};background:white;border-radius:6px">'
        )
        return f'<div class="described" tabindex="0" style="overflow-x:auto">{image}</div>'

    def __repr__(self) -> str:
        return self.alt


def with_alt_text(figure: Figure, alt: str) -> FigureWithAltText:
    """Return a figure that is shown with its alternative text.

    It looks the same in the book, in Jupyter and on Colab.

    Args:
        figure: a Matplotlib figure.
        alt: what the figure shows, in at least four words, for readers who cannot see it.

    Returns:
        The figure and its text.

    Raises:
        ValueError: the text is missing or too short to describe anything.

    Example:
        >>> with_alt_text(Figure(), "An empty figure, without axes.")
        An empty figure, without axes.
    """
    if len(alt.split()) < 4:
        raise ValueError(f"{alt!r} does not describe the figure; say in a sentence what it shows")
    enlarge_small_text(figure)
    return FigureWithAltText(figure, alt)


def style() -> AbstractContextManager[None]:
    """Return a context in which Matplotlib draws in the style of the course.

    The parameters of Matplotlib are restored when the context ends.

    Returns:
        The context manager.

    Example:
        >>> with style():
        ...     figure, axis = panels()
        >>> axis.spines["top"].get_visible(), matplotlib.rcParams["axes.grid"]
        (False, False)
    """
    return matplotlib.rc_context(RC_PARAMS)


def panels(
    n_rows: int = 1,
    n_columns: int = 1,
    *,
    width: float = 8.4,
    height: float = 3.2,
    sharex: bool = False,
    sharey: bool = False,
    width_ratios: Sequence[float] | None = None,
) -> tuple[Figure, Any]:
    """Return a figure with a grid of axes, and the axes.

    The layout is Matplotlib's constrained layout, which keeps labels and legends from overlapping. Call it inside
    :func:`style`.

    Args:
        n_rows: rows of the grid.
        n_columns: columns of the grid.
        width: width of the whole figure in inches; 8.4 is the width of a page of the book.
        height: height of the whole figure in inches.
        sharex: whether all axes have the same limits along x.
        sharey: whether all axes have the same limits along y.
        width_ratios: relative widths of the columns; None makes them equal.

    Returns:
        The figure, and its axes as ``Figure.subplots`` returns them: one axes object for a grid of one, an array of one
        dimension for one row or one column, otherwise an array (n_rows, n_columns).

    Example:
        >>> figure, (left, right) = panels(1, 2, height=2.5, sharey=True)
        >>> figure.get_size_inches().tolist()
        [8.4, 2.5]
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(n_rows, n_columns, sharex=sharex, sharey=sharey, width_ratios=width_ratios)


def legend_above(figure: Figure, *, n_columns: int | None = None, fontsize: float = 9) -> Legend:
    """Add one legend for all axes of a figure above them, and return it.

    Args:
        figure: a figure with constrained layout, whose artists have labels.
        n_columns: columns of the legend; None puts all entries into one row.
        fontsize: size of the text in points.

    Returns:
        The legend, with one entry per label, in the order in which the labels first appear.

    Raises:
        ValueError: no artist of the figure has a label.

    Example:
        >>> figure, (left, right) = panels(1, 2)
        >>> lines = [*left.plot([0, 1], label="loss"), *right.plot([1, 0], label="loss")]
        >>> [text.get_text() for text in legend_above(figure).get_texts()]
        ['loss']
    """
    handles = {name: line for axis in figure.axes for line, name in zip(*axis.get_legend_handles_labels(), strict=True)}
    if not handles:
        raise ValueError("the figure has no labels: pass label=… to what is plotted, before the legend is added")
    return figure.legend(
        handles.values(),
        handles.keys(),
        loc="outside upper left",
        ncols=n_columns or len(handles),
        fontsize=fontsize,
    )


def band(
    axis: Axes,
    x: Sequence[float],
    mean: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    *,
    color: str | None = None,
    label: str | None = None,
    alpha: float = 0.2,
    **line_style: Any,
) -> Line2D:
    """Plot a line with a shaded band around it, such as a mean with its confidence interval.

    Args:
        axis: the axes to draw into.
        x: positions (n,).
        mean: values of the line (n,).
        low: lower edge of the band (n,).
        high: upper edge of the band (n,).
        color: color of line and band; None takes the next color of the axes.
        label: entry in the legend; None adds no entry.
        alpha: opacity of the band, in [0, 1].
        **line_style: further options of ``Axes.plot`` for the line, such as ``marker="o"``.

    Returns:
        The line.

    Example:
        >>> _, axis = panels()
        >>> band(axis, [0, 1], [0.5, 0.6], [0.4, 0.5], [0.6, 0.8], label="AUROC").get_color() == PALETTE[0]
        False
        >>> with style():
        ...     _, axis = panels()
        >>> band(axis, [0, 1], [0.5, 0.6], [0.4, 0.5], [0.6, 0.8], label="AUROC").get_color() == PALETTE[0]
        True
    """
    (line,) = axis.plot(x, mean, color=color, label=label, **line_style)
    axis.fill_between(x, low, high, color=line.get_color(), alpha=alpha, linewidth=0)
    return line


def relative_luminance(color: Any) -> float:
    """Return the relative luminance of a color, as the guidelines for accessible web content (WCAG) define it.

    Args:
        color: a color of Matplotlib.

    Returns:
        The luminance, from 0 for black to 1 for white. The contrast of two colors with the luminances a ≥ b is
        (a + 0.05) / (b + 0.05), and text needs at least 4.5.

    Example:
        >>> relative_luminance("black"), round(relative_luminance("white"), 9)
        (0.0, 1.0)
    """
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def text_color_on(background: Any) -> str:
    """Return the color of text with the higher contrast to its background, which is at least 4.58.

    Args:
        background: a color of Matplotlib.

    Returns:
        "white" or "black".

    Example:
        >>> text_color_on(PALETTE[0]), text_color_on(PALETTE[4])
        ('white', 'black')
    """
    return "white" if relative_luminance(background) < 0.179 else "black"


def chance_line(axis: Axes, value: float = 0.5, which: str = "y") -> Line2D:
    """Draw a dashed line at the value that guessing reaches, behind the data, and return it.

    Args:
        axis: the axes to draw into.
        value: chance level; 0.5 is that of the AUROC.
        which: "y" if the y-axis carries the score (the line is horizontal), "x" if the x-axis does (it is vertical).

    Returns:
        The line.

    Raises:
        ValueError: unknown name of an axis.

    Example:
        >>> _, axis = panels()
        >>> list(map(float, chance_line(axis).get_ydata()))
        [0.5, 0.5]
    """
    draw = axis.axhline if check_choice(which, ("x", "y"), "axis") == "y" else axis.axvline
    return draw(value, color="#555555", linewidth=1, linestyle="--", zorder=0.5)


def percent_axis(axis: Axes, which: str = "y", *, decimals: int | None = None) -> None:
    """Label the ticks of an axis that shows fractions in percent: 0.25 becomes 25%.

    Args:
        axis: the axes to change.
        which: "x" or "y".
        decimals: digits after the decimal point; None takes as many as the ticks need.

    Raises:
        ValueError: unknown name of an axis.

    Example:
        >>> _, axis = panels()
        >>> percent_axis(axis, "x")
        >>> axis.xaxis.get_major_formatter()(0.25)
        '25%'
    """
    side = axis.yaxis if check_choice(which, ("x", "y"), "axis") == "y" else axis.xaxis
    side.set_major_formatter(PercentFormatter(1, decimals=decimals))


def to_image_array(image: Tensor) -> np.ndarray:
    """Return an image or a map as the array that Matplotlib draws.

    Args:
        image: an image (3, H, W) or a map (1, H, W); values outside [0, 1] are clipped.

    Returns:
        (H, W, 3) for an image, (H, W) for a map, in [0, 1].

    Example:
        >>> import torch
        >>> to_image_array(torch.zeros(3, 4, 5)).shape, to_image_array(torch.zeros(1, 4, 5)).shape
        ((4, 5, 3), (4, 5))
    """
    array = image.detach().cpu().float().clamp(0, 1).permute(1, 2, 0).numpy()
    return array if array.shape[2] == 3 else array[..., 0]


def image_grid(
    images: Tensor | Sequence[Tensor],
    captions: Sequence[str] = (),
    *,
    columns: int = 8,
    colors: Sequence[str] = (),
    row_labels: Sequence[str] = (),
    image_height: float = 1.0,
) -> Figure:
    """Return a figure of images in rows, each with a caption below it.

    Args:
        images: (N, 3, H, W) in [0, 1], or maps (N, 1, H, W).
        captions: a caption of one or more lines per image; without captions, none is drawn.
        columns: images per row.
        colors: the color of each caption; dark gray if none is given.
        row_labels: a label per row, written to its left.
        image_height: height of an image in inches.

    Returns:
        The figure.

    Example:
        >>> import torch
        >>> len(image_grid(torch.rand(3, 3, 8, 8), ["a", "b", "c"], columns=2).axes)
        4
    """
    with style():
        lines = max((caption.count("\n") + 1 for caption in captions), default=0)
        n_rows = -(-len(images) // columns)
        aspect = images[0].shape[-1] / images[0].shape[-2]
        width = columns * image_height * aspect + (0.9 if row_labels else 0)
        height = n_rows * (image_height + 0.17 * lines + 0.06 * bool(lines))
        figure, axes = _image_panels(n_rows, columns, width, height)
        for i, axis in enumerate(axes.flat):
            if i >= len(images):
                continue
            axis.imshow(to_image_array(images[i]), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            if row_labels and i % columns == 0:
                _label_row(axis, row_labels[i // columns])
            if captions:
                _caption(axis, captions[i], colors[i] if colors else "#333333")
    return figure


def _image_panels(n_rows: int, n_columns: int, width: float, height: float) -> tuple[Figure, np.ndarray]:
    """A figure with a grid of axes without ticks and frames, close to each other; the axes as (n_rows, n_columns)."""
    layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0, compress=True)
    figure = Figure(figsize=(width, height), layout=layout)
    axes = figure.subplots(n_rows, n_columns, squeeze=False)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
        axis.grid(False)
        axis.spines[:].set_visible(False)
    return figure, axes


def _label_row(axis: Axes, label: str) -> None:
    """Write the label of a row to the left of its first image."""
    axis.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=9)


def _caption(axis: Axes, text: str, color: str = "#333333") -> None:
    """Write a caption below an image."""
    axis.set_xlabel(text, fontsize=8, color=color, labelpad=2)


def prediction_grid(
    images: Tensor,
    predictions: Sequence[str],
    confidence: Sequence[float],
    truth: Sequence[str],
    *,
    titles: Sequence[str] = (),
    **layout: Any,
) -> Figure:
    """Return a figure of images with the predictions of a network below them.

    A prediction is green if it is correct, orange if it is not.

    Args:
        images: (N, 3, H, W) in [0, 1].
        predictions: at least N names of the predicted classes.
        confidence: at least N probabilities of the predicted classes, in [0, 1].
        truth: at least N names of the true classes.
        titles: a line above each prediction; without titles, none is drawn.
        **layout: ``columns``, ``row_labels`` and ``image_height`` of :func:`image_grid`.

    Returns:
        The figure.

    Example:
        >>> import torch
        >>> figure = prediction_grid(torch.rand(1, 3, 8, 8), ["stop"], [0.9], ["stop"], columns=1)
        >>> figure.axes[0].get_xlabel()
        'stop\\n90%'
    """
    captions = [f"{name}\n{float(p):.0%}" for name, p in zip(predictions, confidence, strict=False)][: len(images)]
    captions = [f"{title}\n{caption}" for title, caption in zip(titles, captions, strict=True)] if titles else captions
    return image_grid(
        images,
        captions,
        colors=[CORRECT_COLOR if a == b else WRONG_COLOR for a, b in zip(predictions, truth, strict=False)],
        **layout,
    )


def line_panels(
    x: Sequence[float],
    lines: dict[str, dict[str, Sequence[float]]],
    *,
    xlabel: str,
    ylabel: str = "",
    size: tuple[float, float] = (3.4, 2.6),
) -> Figure:
    """Return a figure of fractions against one quantity, in panels side by side.

    A line of the same name has the same color and marker in every panel.

    Args:
        x: positions (n,), the same for all lines.
        lines: ``{title of the panel: {name of the line: values (n,) in [0, 1]}}``.
        xlabel: label of the x-axes.
        ylabel: label of the y-axis of the first panel.
        size: width and height of a panel in inches.

    Returns:
        The figure.

    Example:
        >>> figure = line_panels([0, 1], {"clean": {"accuracy": [1, 0.9]}}, xlabel="level")
        >>> figure.axes[0].get_title()
        'clean'
    """
    with style():
        figure, axes = panels(1, len(lines), width=size[0] * len(lines), height=size[1] + 0.35, sharey=True)
        axes = np.atleast_1d(axes)
        names = list(dict.fromkeys(name for panel in lines.values() for name in panel))
        for axis, (title, panel) in zip(axes, lines.items(), strict=True):
            for name, y in panel.items():
                i = names.index(name)
                axis.plot(x, y, marker="os^Dv"[i % 5], markersize=3.5, color=PALETTE[i % len(PALETTE)], label=name)
            axis.set(xlabel=xlabel, title=title)
        axes[0].set(ylabel=ylabel, ylim=(-0.03, 1.04))
        percent_axis(axes[0], "y")
        legend_above(figure)
    return figure


def overlay_maps(
    images: Tensor | dict[str, Tensor],
    maps: dict[str, Tensor],
    *,
    outline_masks: Tensor | None = None,
    row_labels: Sequence[str] = (),
    notes: dict[str, Sequence[str]] | None = None,
    scale: Tensor | None = None,
    image_height: float = 1.45,
) -> Figure:
    """Return a figure with a row per image: the image, and its maps on the gray image.

    Orange marks positive values, blue marks negative values, and zero stays gray.

    Args:
        images: (N, 3, H, W) in [0, 1]; or several such tensors by title, of which the first lies under the maps.
        maps: signed maps (N, H, W) by title, of the same height and width as the images.
        outline_masks: (N, H, W), bool; the outline of each mask is drawn into every map. None draws none.
        row_labels: a label per image, written to its left.
        notes: by title of a map, a line below the map of each image; None writes none.
        scale: (N,), the absolute value that is shown in full color, the same for all maps of an image; None takes the
            largest absolute value of each map.
        image_height: height of an image in inches.

    Returns:
        The figure.

    Raises:
        ValueError: maps whose shape differs from that of the images.

    Example:
        >>> import torch
        >>> figure = overlay_maps(torch.rand(2, 3, 8, 8), {"saliency": torch.randn(2, 8, 8)})
        >>> [axis.get_title() for axis in figure.axes[:2]]
        ['', 'saliency']
    """
    columns = images if isinstance(images, dict) else {"": images}
    background, notes = next(iter(columns.values())), notes or {}
    n, _, height, width = background.shape
    for title, values in maps.items():
        if values.shape != (n, height, width):
            raise ValueError(
                f"{title}: expected maps of shape {(n, height, width)} for {n} images of {height}×{width}, "
                f"got {tuple(values.shape)}; upsample(maps, x.shape[-2:]) gives them the size of the images"
            )
    with style():
        n_columns = len(columns) + len(maps)
        total_width = n_columns * image_height * width / height + (0.9 if row_labels else 0)
        figure, grid = _image_panels(n, n_columns, total_width, n * (image_height + 0.22 * bool(notes)) + 0.45)
        for i, row in enumerate(grid):
            if row_labels:
                _label_row(row[0], row_labels[i])
            arrays = {title: to_image_array(column[i]) for title, column in columns.items()}
            for title, values in maps.items():
                arrays[title] = _overlay(background[i], values[i], None if scale is None else scale[i])
            for axis, (title, array) in zip(row, arrays.items(), strict=True):
                axis.imshow(array, interpolation="nearest")
                if outline_masks is not None and title in maps and outline_masks[i].any():
                    axis.contour(outline_masks[i].cpu().float().numpy(), levels=[0.5], colors="#111111", linewidths=0.8)
                if title in notes:
                    _caption(axis, notes[title][i])
        for axis, title in zip(grid[0], [*columns, *maps], strict=True):
            axis.set_title(title, fontsize=9)
    return figure


def _overlay(image: Tensor, values: Tensor, full_scale: Tensor | None) -> np.ndarray:
    """An image in pale gray, tinted where a signed map is strong; (H, W, 3) in [0, 1]."""
    gray = 0.45 + 0.55 * image.detach().cpu().float().mean(0)
    values = values.detach().cpu().float()
    full_scale = values.abs().amax() if full_scale is None else full_scale.detach().cpu().float()
    values = (values / full_scale.clamp(min=1e-12)).clamp(-1, 1)
    tint = Tensor([[213, 94, 0], [0, 114, 178]])[(values < 0).long()] / 255  # two colors of PALETTE
    opacity = values.abs().pow(0.8)[..., None]
    return (gray[..., None] * (1 - opacity) + tint * opacity).clamp(0, 1).numpy()
