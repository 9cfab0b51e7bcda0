"""Contrast maps of counterfactual pairs, and how precisely they locate the pixels that differ."""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from tutorial_course.plots.core import (
    PALETTE,
    FigureWithAltText,
    legend_above,
    overlay_maps,
    panels,
    style,
    with_alt_text,
)
from tutorial_lib.attribution import grad_cam, precision_at_k, upsample
from tutorial_lib.data import SIGNS, Scene, counterfactual_pairs
from tutorial_lib.data.counterfactuals import CounterfactualPair
from tutorial_lib.gradients import contrast_loss

# The objectives of a map as functions of the contrast class Q; None is the logit of the predicted class.
OBJECTIVES = {"logit of P": lambda Q: None, "loss for Q": contrast_loss}
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
        # The means are drawn first and the markers are open, so that all of them stay visible.
        mean_values = [100 * means[pair] for pair in order]
        axis.plot(mean_values, range(len(order)), "|", color=PALETTE[1], ms=14, mew=2.5, label="mean of the networks")
        for network in range(n_networks):
            values = [100 * gains[pair][network] for pair in order]
            label = f"network {network + 1}"
            axis.plot(values, range(len(order)), MARKERS[network], color="#333333", mfc="none", ms=5, label=label)
        axis.set(
            yticks=range(len(order)),
            yticklabels=order,
            xlabel="precision at k: contrast minus Grad-CAM (percentage points)",
        )
        legend_above(figure)
    return with_alt_text(figure, alt)


def pair_map_figure(pair: CounterfactualPair, maps: Tensor, P: str, Q: str, title: str) -> FigureWithAltText:
    """Return a figure of one counterfactual pair and a map of its image, with the outline of the differing pixels.

    Args:
        pair: the pair, of one image.
        maps: the map (1, h, w), of any size.
        P: name of the sign in the image.
        Q: name of the sign in the counterfactual.
        title: title of the map.

    Returns:
        The figure, with the precision at k below the map.
    """
    truth, heatmap = pair.difference[:, 0], upsample(maps, pair.image.shape[-2:])
    score = f"precision {precision_at_k(heatmap, truth).item():.2f}"
    images = {f"P: {P}": pair.image, f"Q: {Q}": pair.counterfactual}
    figure = overlay_maps(images, {title: heatmap}, outline_masks=truth, notes={title: [score]}, image_height=1.7)
    return with_alt_text(
        figure,
        f"The sign {P}, its counterfactual {Q}, and the map “{title}”, in which the pixels that differ are outlined: "
        f"{score}.",
    )


def objective_map_figure(
    network: nn.Module, scene: Scene, P: str, Q: str, layer: str, objective: str
) -> FigureWithAltText:
    """Return a figure of a sign, its counterfactual, and the Grad-CAM map of an objective.

    Args:
        network: a classifier of signs.
        scene: the scene of one sign.
        P: name of the sign in the image.
        Q: name of the sign in the counterfactual.
        layer: name of the layer whose feature maps are weighted.
        objective: a key of ``OBJECTIVES``.

    Returns:
        The figure.
    """
    pair = counterfactual_pairs([P], [Q], scene=scene)
    maps = grad_cam(network, pair.image, layer, OBJECTIVES[objective](SIGNS.index(Q)))
    return pair_map_figure(pair, maps, P, Q, f"{objective}, {layer}")
