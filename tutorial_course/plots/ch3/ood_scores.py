"""The two parts of the uncertainty of an ensemble, and the factors of gradients of the last layer."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd
import torch
from matplotlib.ticker import NullLocator
from torch import Tensor

from tutorial_course.plots.core import PALETTE, FigureWithAltText, legend_above, panels, style, with_alt_text

GROUP_MARKS = ("o", "s", "^", "D")
GROUP_COLORS = (PALETTE[6], PALETTE[0], PALETTE[1], PALETTE[2])


def uncertainty_parts_figure(aleatoric: Tensor, epistemic: Tensor, groups: Mapping[str, range]) -> FigureWithAltText:
    """Return the epistemic against the aleatoric part of the predictive entropy of three networks.

    Args:
        aleatoric: expected entropy (N,) in nats.
        epistemic: mutual information (N,) in nats.
        groups: rows of each group of images.

    Returns:
        The figure.
    """
    levels = {
        "three confident predictions of three classes": math.log(3),
        "three confident predictions of two classes": math.log(3) - 2 * math.log(2) / 3,
    }
    with style():
        figure, axis = panels(width=7.2, height=3.6)
        for (name, rows), marker, color in zip(groups.items(), GROUP_MARKS, GROUP_COLORS, strict=True):
            part = slice(rows.start, rows.stop)
            axis.plot(aleatoric[part], epistemic[part], marker, ms=3.6, mew=0, alpha=0.6, color=color, label=name)
        for text, level in levels.items():
            axis.axhline(level, color="#999999", lw=0.8, ls=":")
            box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5}
            axis.text(2.08, level + 0.025, text, ha="right", fontsize=8.5, color="#555555", bbox=box)
        axis.set(xlabel="aleatoric part (nats)", ylabel="epistemic part (nats)", xlim=(-0.03, 2.1), ylim=(-0.03, 1.22))
        legend_above(figure)
    return with_alt_text(
        figure,
        "A scatter plot of the epistemic against the aleatoric part of the uncertainty. Normal signs lie near zero, "
        "and both parts increase together for corrupted and novel signs. Textures reach the highest epistemic parts, "
        "up to the two dotted lines for confident predictions of different classes.",
    )


def factor_plane_figure(
    factors: Mapping[str, Mapping[str, Tensor]], thresholds: tuple[float, float]
) -> FigureWithAltText:
    """Return the factors of GradNorm and of ExGrad, with the threshold that accepts 95% of the normal images.

    Args:
        factors: by group and factor, values (N,): "h" is the L1 norm of h, "p minus u" and "gini" are the factors of p.
        thresholds: the thresholds of GradNorm and ExGrad, products of two factors.

    Returns:
        The figure.
    """
    settings = (
        ("p minus u", "GradNorm: $\\Vert h\\Vert_1 \\cdot \\Vert p-u\\Vert_1$", (0.5, 2.4), "abnormal below the line"),
        ("gini", "ExGrad: $\\Vert h\\Vert_1 \\cdot 2\\,(1-\\Vert p\\Vert^2)$", (1e-6, 12), "abnormal above the line"),
    )
    across = torch.logspace(1, 2.8, 50)
    with style():
        figure, axes = panels(1, 2, height=3.6)
        for axis, (factor, title, limits, note), threshold in zip(axes, settings, thresholds, strict=True):
            for (name, values), marker, color in zip(factors.items(), GROUP_MARKS, GROUP_COLORS, strict=True):
                axis.loglog(
                    values["h"], values[factor], marker, ms=3.2, mew=0, alpha=0.6, color=color, label=name, zorder=2
                )
            axis.plot(across, threshold / across, color="#222222", lw=1.4, zorder=4)
            axis.set(title=title, xlabel="$\\Vert h\\Vert_1$", ylabel="factor of p", xlim=(10, 400), ylim=limits)
            axis.set_xticks([10, 20, 50, 100, 200], ["10", "20", "50", "100", "200"])
            axis.xaxis.set_minor_locator(NullLocator())
            axis.text(0.03, 0.03, note, fontsize=8.5, transform=axis.transAxes)
        axes[0].set_yticks([0.5, 1, 2], ["0.5", "1", "2"])
        axes[0].yaxis.set_minor_locator(NullLocator())
        legend_above(figure)
    return with_alt_text(
        figure,
        "Two scatter plots of the factor of p against the L1 norm of h. For GradNorm, the normal signs form a flat "
        "band at the upper limit of the factor of p, so the threshold line separates by the norm of h. For ExGrad, the "
        "factor of p spans many powers of ten, so the line separates by the factor of p.",
    )


def factor_auroc_figure(values: Mapping[str, pd.DataFrame]) -> FigureWithAltText:
    """Return the AUROC of both factors and both products, by set of images and network.

    Args:
        values: by title of the panel, AUROCs with the sets as rows and factors or products as columns.

    Returns:
        The figure.
    """
    marks = ("s", "o", "D", "^")
    with style():
        figure, axes = panels(1, len(values), height=3.8, sharey=True)
        for axis, (title, table) in zip(axes, values.items(), strict=True):
            for name, marker, color in zip(table.columns, marks, GROUP_COLORS, strict=True):
                axis.plot(table[name], range(len(table)), marker, ms=5.5, mew=0, alpha=0.85, color=color, label=name)
            axis.axvline(0.5, color="#222222", lw=1, zorder=0)
            axis.set(title=title, xlabel="AUROC", xlim=(-0.03, 1.03), yticks=range(len(table)), yticklabels=table.index)
        axes[0].invert_yaxis()
        legend_above(figure)
    return with_alt_text(
        figure,
        "Dot plots of AUROC for several sets of images in rows, one panel for each dataset. GradNorm lies near the "
        "norm of h in nearly every row, and ExGrad near the factor of p.",
    )
