"""Whether the gradient norm of each layer is larger or smaller for novel signs, for two networks."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from tutorial_course.plots.core import PALETTE, FigureWithAltText, chance_line, panels, style, with_alt_text


def layer_direction_figure(aurocs: Mapping[str, Tensor]) -> FigureWithAltText:
    """Return a figure with a bar per layer: the AUROC of its gradient norm for novel signs.

    Args:
        aurocs: by network, the AUROC of each layer, from the first layer to the last.

    Returns:
        The figure; a bar above the line means that the norm is larger for novel signs.
    """
    with style():
        ratios = [len(values) for values in aurocs.values()]
        figure, axes = panels(1, len(aurocs), width=8.0, height=2.3, sharey=True, width_ratios=ratios)
        for axis, (name, values) in zip(axes, aurocs.items(), strict=True):
            axis.bar(range(len(values)), (values - 0.5).tolist(), bottom=0.5, width=0.8, color=PALETTE[2])
            chance_line(axis)
            axis.set(title=name, xlabel="first layer → last layer", ylim=(0, 1), xticks=[])
            axis.grid(axis="x", visible=False)
        axes[0].set_ylabel("AUROC of the norm")
    counts = "; ".join(
        f"{name}: {int((values > 0.5).sum())} of {len(values)} layers above 0.5" for name, values in aurocs.items()
    )
    return with_alt_text(figure, f"A bar for each layer, from an AUROC of 0.5 to that of its norm. {counts}.")
