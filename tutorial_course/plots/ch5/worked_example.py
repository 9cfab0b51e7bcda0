"""How well each score separates each photograph from the signs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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


def photograph_figure(
    pieces: Tensor, names: Sequence[str], aurocs: Mapping[str, Tensor], order_by: str
) -> FigureWithAltText:
    """Return a figure with a column per photograph: one of its pieces, and its AUROC under each score.

    Args:
        pieces: one piece of each photograph (N, 3, h, w).
        names: names of the photographs (N,).
        aurocs: by score, the AUROC of each photograph (N,).
        order_by: the score that orders the columns, from its lowest AUROC to its highest.

    Returns:
        The figure.
    """
    order = aurocs[order_by].argsort().tolist()
    with style():
        figure, axes = panels(2, 1, width=8.6, height=3.9)
        strip, axis = axes
        strip.get_gridspec().set_height_ratios([1, 3])
        strip.imshow(
            to_image_array(pieces[order].permute(1, 2, 0, 3).flatten(2)),
            extent=(-0.5, len(names) - 0.5, 0, 1),
            aspect="auto",
        )
        strip.set_axis_off()
        for k, (name, values) in enumerate(aurocs.items()):
            axis.plot(values[order].tolist(), "osD^v"[k], color=PALETTE[k], mfc="none", ms=6, label=name)
        chance_line(axis)
        axis.set(ylim=(0, 1.03), xlim=(-0.5, len(names) - 0.5), ylabel="AUROC against signs")
        labels = [names[i].split("_")[0][:10] for i in order]
        axis.set_xticks(range(len(names)), labels, rotation=45, ha="right", fontsize=8)
        legend_above(figure)
    return with_alt_text(
        figure,
        f"A column for each of {len(names)} photographs, ordered by the AUROC of the score “{order_by}”. A piece of "
        f"the photograph is at the top, and below it is the AUROC of each score: {'; '.join(aurocs)}. The AUROC of "
        f"“{order_by}” ranges from {float(aurocs[order_by].min()):.2f} ({names[order[0]]}) to "
        f"{float(aurocs[order_by].max()):.2f}.",
    )
