"""How much more precisely a contrast map locates the pixels that differ, for each pair of signs."""

from collections.abc import Mapping, Sequence

from tutorial_course.plots.core import PALETTE, FigureWithAltText, legend_above, panels, style, with_alt_text

MARKERS = ("o", "s", "^", "D", "v")


def gain_by_pair_figure(gains: Mapping[str, Sequence[float]], alt: str) -> FigureWithAltText:
    """Return a figure with a row per pair of signs: the gain of each network, and the mean over the networks.

    Args:
        gains: by pair of signs, the difference of the precision at k for each network.
        alt: alternative text.

    Returns:
        The figure, with the pair of the largest mean gain at the top.

    Example:
        >>> gain_by_pair_figure({"stop, not yield": [0.1, 0.2]}, "A figure with one row only.")
        A figure with one row only.
    """
    means = {pair: sum(values) / len(values) for pair, values in gains.items()}
    order = sorted(gains, key=means.__getitem__)
    n_networks = len(gains[order[0]])
    with style():
        figure, axis = panels(width=7, height=0.9 + 0.24 * len(order))
        axis.axvline(0, color="#999999", lw=1)
        for network in range(n_networks):
            values = [100 * gains[pair][network] for pair in order]
            axis.plot(
                values, range(len(order)), MARKERS[network], color="#999999", ms=4, label=f"network {network + 1}"
            )
        axis.plot([100 * means[pair] for pair in order], range(len(order)), "|", color=PALETTE[1], ms=13, mew=2.5)
        axis.lines[-1].set_label("mean of the networks")
        axis.set(
            yticks=range(len(order)),
            yticklabels=order,
            xlabel="precision at k: contrast minus Grad-CAM (percentage points)",
        )
        legend_above(figure)
    return with_alt_text(figure, alt)
