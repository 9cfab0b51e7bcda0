"""The AUROC of detectors against the success of an attacker who knows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tutorial_course.plots.core import (
    PALETTE,
    FigureWithAltText,
    chance_line,
    legend_above,
    panels,
    percent_axis,
    style,
    with_alt_text,
)

if TYPE_CHECKING:
    import pandas

DETECTORS = {"distance": "distance of the norms", "trained": "detector trained on the attack"}


def adaptive_attack_figure(rows: pandas.DataFrame, networks: Mapping[str, str]) -> FigureWithAltText:
    """Return a figure with a panel per detector and a line per network, from weight 0 to the largest weight.

    Args:
        rows: rows with the columns network, detector, weight, success and auroc.
        networks: the networks, with the label of each.

    Returns:
        The figure; a large ring marks the attack that ignores the detector.
    """
    with style():
        figure, axes = panels(1, 2, width=8.0, height=3.3, sharey=True)
        for axis, (detector, title) in zip(axes, DETECTORS.items(), strict=True):
            for k, (network, label) in enumerate(networks.items()):
                line = rows[(rows["network"] == network) & (rows["detector"] == detector)]
                line = line.dropna(subset="auroc").sort_values("weight")
                x, y = list(line["success"]), list(line["auroc"])
                axis.plot(x, y, marker="osD"[k], ms=4, color=PALETTE[k], label=label)
                axis.plot(x[0], y[0], "o", ms=11, mfc="none", color=PALETTE[k])
            chance_line(axis)
            axis.set(title=title, xlabel="success rate of the attack", xlim=(0, 1.03), ylim=(-0.02, 1.02))
            percent_axis(axis, "x", decimals=0)
        axes[0].set_ylabel("AUROC of the detector")
        legend_above(figure)
    return with_alt_text(
        figure,
        "Two panels, one for each detector, with the success rate of the attack along x and the AUROC of the detector "
        "along y. Each network has a line, which starts at a ring where the attack ignores the detector. At first, "
        "most lines fall steeply to chance level or below it, while the success rate hardly changes.",
    )
