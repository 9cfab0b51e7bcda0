"""The time of each method against its number of backward passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tutorial_course.plots.core import PALETTE, FigureWithAltText, panels, style, with_alt_text

if TYPE_CHECKING:
    import pandas

NETWORKS = {
    "signs/classifier": "sign classifier: 10 layers, 14 classes",
    "resnet18": "ResNet-18 for photographs: 1,000 classes",
}
SHORT_NAMES = {
    "variance over Q (VOICE)": "contrastive maps (VOICE)",
    "adversarial attacks, many steps": "attack, ten steps",
    "purview: a norm per layer": "gradient norms",
    "Gram matrix of gradients": "Gram matrix",
}
NAMES = ("implicit saliency", "SmoothGrad", "saliency", "Grad-CAM", "occlusion", "energy", *SHORT_NAMES)
LABELS_BELOW = ("energy", "adversarial attacks, many steps", "variance over Q (VOICE)")
LABELS_BESIDE = ("saliency", "purview: a norm per layer")  # where labels above would touch other marks
NO_PASS = 0.35  # where methods without a backward pass are drawn on the logarithmic axis


def cost_figure(table: pandas.DataFrame) -> FigureWithAltText:
    """Return a figure of the stored costs: backward passes along x, the time in forward passes along y.

    Args:
        table: the stored result "method_costs".

    Returns:
        The figure, with a panel per network.
    """
    costs = table.set_index(["network", "method"])
    with style():
        figure, axes = panels(1, 2, width=8.6, height=3.7, sharey=True)
        for axis, (network, title) in zip(axes, NETWORKS.items(), strict=True):
            for method, row in costs.xs(network).iterrows():
                if method in NAMES:
                    _draw_method(axis, str(method), row["backward"], row["times a forward pass"])
            axis.set(xscale="log", yscale="log", xlim=(0.22, 3000), ylim=(0.45, 500), title=title)
            axis.set_xlabel("backward passes per image")
            axis.set_xticks([NO_PASS, 1, 10, 100, 1000], ["none", "1", "10", "100", "1,000"])
            axis.set_yticks([1, 10, 100], ["1", "10", "100"])
            axis.minorticks_off()
        axes[0].set_ylabel("time, in forward passes")
    return with_alt_text(
        figure,
        "Two panels, for the sign classifier and for ResNet-18, with the number of backward passes along x and the "
        "time in forward passes along y, both on logarithmic axes. Energy and Grad-CAM take about one forward pass. "
        "Saliency and the norms of all layers take a few forward passes. SmoothGrad, attacks and the Gram matrix take "
        "tens of forward passes. Occlusion, which has no backward pass, takes the longest time. The contrastive maps "
        "of all thousand classes together take less than twice as long as saliency.",
    )


def _draw_method(axis, method: str, passes: float, time: float) -> None:
    """One point with its label; a square marks a method without a backward pass."""
    free, on_the_left = passes == 0, passes > 200
    x = max(passes, NO_PASS)
    axis.plot(x, time, "s" if free else "o", color=PALETTE[0 if free else 1], ms=6)
    height = -11 if method in LABELS_BELOW else -3 if method in LABELS_BESIDE else 4
    offset = (6 - 11 * on_the_left, height)
    axis.annotate(
        SHORT_NAMES.get(method, method),
        (x, time),
        offset,
        textcoords="offset points",
        fontsize=8,
        ha="right" if on_the_left else "left",
    )
