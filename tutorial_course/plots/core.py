"""One quiet style for every figure: pictures in rows, lines, bars. Each function returns a Matplotlib figure.

Colours are Okabe and Ito's (2008), which colour-blind readers can tell apart. Figures stand on white, so that they read the same in
a light and a dark page. :func:`described` shows a figure together with its alternative text, in the book, in Jupyter and on Colab.
"""

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from io import BytesIO

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from torch import Tensor

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#555555")
CORRECT_COLOR, WRONG_COLOR = "#00775A", "#C04A00"
RC_PARAMS = {
    "axes.edgecolor": "#888888",
    "axes.grid": True,
    "axes.labelcolor": "#333333",
    "axes.prop_cycle": matplotlib.cycler(color=PALETTE),
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


class FigureWithAltText:
    """A figure with its alternative text."""

    def __init__(self, figure: Figure, alt: str):
        self.figure, self.alt = figure, alt

    def _repr_html_(self) -> str:
        stream = BytesIO()
        # WebP: a page of landscapes weighs a fifth of what it would as PNG.
        self.figure.savefig(
            stream, format="webp", dpi=144, bbox_inches="tight", pad_inches=0.08, pil_kwargs={"quality": 92}
        )
        width = round(96 * self.figure.get_figwidth())
        source = b64encode(stream.getvalue()).decode()
        # On a phone a wide figure scrolls rather than shrinks until nobody can read it.
        style = f"width:{width}px;min-width:{round(0.72 * width)}px;max-width:100%;height:auto;background:white;border-radius:6px"
        image = f'<img src="data:image/webp;base64,{source}" alt="{escape(self.alt)}" style="{style}">'
        return f'<div class="described" tabindex="0" style="overflow-x:auto">{image}</div>'

    def __repr__(self) -> str:
        return self.alt


def with_alt_text(figure: Figure, alt: str) -> FigureWithAltText:
    """Show a figure with its alternative text: what it shows, for who cannot see it.

    Raises:
        ValueError: the text is missing or too short to describe anything.
    """
    if len(alt.split()) < 4:
        raise ValueError(f"{alt!r} describes no figure; say in a sentence what one sees in it")
    return FigureWithAltText(figure, alt)


def to_image_array(image: Tensor):
    """An image (3, H, W) or map (1, H, W) as the array that Matplotlib draws."""
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
    """Pictures in rows, each with a caption below it.

    Args:
        images: (N, 3, H, W) in [0, 1], or maps (N, 1, H, W).
        captions: a line or two for each picture.
        columns: how many stand side by side.
        colours: of each caption; dark grey otherwise.
        rows: a name for each row, written to its left.
        inches: the height of a picture.
    """
    with matplotlib.rc_context(RC_PARAMS):
        lines = max((caption.count("\n") + 1 for caption in captions), default=0)
        count = -(-len(images) // columns)
        aspect = images[0].shape[-1] / images[0].shape[-2]
        figure = Figure(
            figsize=(
                columns * image_height * aspect + (0.9 if row_labels else 0),
                count * (image_height + 0.17 * lines + 0.06 * bool(lines)),
            ),
            layout="constrained",
        )
        figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
        for i, axis in enumerate(figure.subplots(count, columns, squeeze=False).flat):
            axis.set(xticks=[], yticks=[])
            axis.grid(False)
            axis.spines[:].set_visible(False)
            if i >= len(images):
                continue
            axis.imshow(to_image_array(images[i]), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            if row_labels and i % columns == 0:
                axis.set_ylabel(row_labels[i // columns], rotation=0, ha="right", va="center", fontsize=9)
            if captions:
                axis.set_xlabel(captions[i], fontsize=8, color=colors[i] if colors else "#333333", labelpad=2)
    return figure


def prediction_grid(
    images: Tensor,
    predictions: Sequence[str],
    confidence: Sequence[float],
    truth: Sequence[str],
    *,
    titles: Sequence[str] = (),
    **how,
) -> Figure:
    """Pictures with a network's answers below them: green where an answer is the truth, orange where it is not.

    Args:
        images: (N, 3, H, W) in [0, 1].
        said, confidence, truth: at least N each.
        titles: a line above each answer.
        how: columns, rows and inches of :func:`pictures`.
    """
    captions = [f"{name}\n{float(sure):.0%}" for name, sure in zip(predictions, confidence, strict=False)][
        : len(images)
    ]
    captions = [f"{title}\n{caption}" for title, caption in zip(titles, captions, strict=True)] if titles else captions
    return image_grid(
        images,
        captions,
        colors=[CORRECT_COLOR if a == b else WRONG_COLOR for a, b in zip(predictions, truth, strict=False)],
        **how,
    )


def line_panels(
    x: Sequence,
    panels: dict[str, dict[str, Sequence]],
    *,
    xlabel: str,
    ylabel: str = "",
    size: tuple[float, float] = (3.4, 2.6),
) -> Figure:
    """Shares over one axis, a panel beside the other: ``{title: {name: values}}``; a name looks the same in every panel."""
    with matplotlib.rc_context(RC_PARAMS):
        figure = Figure(figsize=(size[0] * len(panels), size[1] + 0.35), layout="constrained")
        names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
        axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axis, (title, lines) in zip(axes, panels.items(), strict=True):
            for name, y in lines.items():
                i = names.index(name)
                axis.plot(x, y, marker="os^Dv"[i % 5], markersize=3.5, color=PALETTE[i % len(PALETTE)], label=name)
            axis.set(xlabel=xlabel, title=title)
        axes[0].set(ylabel=ylabel, ylim=(-0.03, 1.04))
        axes[0].yaxis.set_major_formatter(PercentFormatter(1))
        handles = {name: line for axis in axes for line, name in zip(*axis.get_legend_handles_labels(), strict=True)}
        figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=len(handles), fontsize=9)
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
    """Pictures, and beside each its maps laid over it in grey: orange speaks for, blue speaks against, nothing stays grey.

    Args:
        images: (N, 3, H, W) in [0, 1]; or several for each row, by title: the maps are laid over the first.
        columns: for each title its signed maps, (N, H, W), of the pictures' size.
        truth: (N, H, W), bool: its edge is drawn into every map.
        rows: a name for each picture, written to its left.
        notes: for a title a line below each of its maps.
        scale: (N,), the value that is full colour, the same for all maps of a picture; without it each map's own largest.
        inches: the height of a picture.

    Raises:
        ValueError: maps of another size than the pictures.
    """
    shown = images if isinstance(images, dict) else {"": images}
    under, notes = next(iter(shown.values())), notes or {}
    n, _, height, width = under.shape
    for title, found in maps.items():
        if found.shape != (n, height, width):
            size = f"{tuple(found.shape)} for {n} pictures of {height}×{width}"
            raise ValueError(f"{title}: maps {size}; upsample(maps, x.shape[-2:]) brings them to the pictures' size")
    with matplotlib.rc_context(RC_PARAMS):
        across = (len(shown) + len(maps)) * image_height * width / height + (0.9 if row_labels else 0)
        figure = Figure(figsize=(across, n * (image_height + 0.22 * bool(notes)) + 0.45), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
        grid = figure.subplots(n, len(shown) + len(maps), squeeze=False)
        for i, line in enumerate(grid):
            if row_labels:
                line[0].set_ylabel(row_labels[i], rotation=0, ha="right", va="center", fontsize=9)
            panels = {title: to_image_array(images[i]) for title, images in shown.items()}
            for title, found in maps.items():
                panels[title] = _overlay(under[i], found[i], None if scale is None else scale[i])
            for axis, (title, panel) in zip(line, panels.items(), strict=True):
                axis.imshow(panel, interpolation="nearest")
                axis.set(xticks=[], yticks=[])
                axis.grid(False)
                axis.spines[:].set_visible(False)
                if outline_masks is not None and title in maps and outline_masks[i].any():
                    axis.contour(outline_masks[i].cpu().float().numpy(), levels=[0.5], colors="#111111", linewidths=0.8)
                if title in notes:
                    axis.set_xlabel(notes[title][i], fontsize=8, color="#333333", labelpad=2)
        for axis, title in zip(grid[0], [*shown, *maps], strict=True):
            axis.set_title(title, fontsize=9)
    return figure


def _overlay(image: Tensor, found: Tensor, full: Tensor | None):
    """A picture in pale grey, tinted where a signed map is strong; (H, W, 3)."""
    grey = 0.45 + 0.55 * image.detach().cpu().float().mean(0)
    strength = found.detach().cpu().float()
    full = strength.abs().amax() if full is None else full.detach().cpu().float()
    strength = (strength / full.clamp(min=1e-12)).clamp(-1, 1)
    ink = Tensor([[213, 94, 0], [0, 114, 178]])[(strength < 0).long()] / 255  # two of COLOURS
    share = strength.abs().pow(0.8)[..., None]
    return (grey[..., None] * (1 - share) + ink * share).clamp(0, 1).numpy()
