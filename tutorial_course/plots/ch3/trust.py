"""Figure of selective prediction."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from tutorial_course.plots.core import PALETTE, FigureWithAltText, panels, percent_axis, style, with_alt_text
from tutorial_lib.metrics import RiskCoverage, risk_coverage


def risk_coverage_figure(curves: Mapping[str, RiskCoverage], correct: Tensor) -> FigureWithAltText:
    """Return the risk–coverage curves of some scores, with those of the best possible and of a random order.

    Args:
        curves: the curve of each score.
        correct: whether each prediction is correct (N,), bool.

    Returns:
        The figure with its alternative text.
    """
    best, error = risk_coverage((~correct).double(), correct), float((~correct).double().mean())
    start = max(1, len(correct) // 20)  # with fewer images the curves are random
    with style():
        figure, axis = panels(width=7.6, height=3.2)
        for (name, curve), color in zip(curves.items(), PALETTE, strict=False):
            label = f"{name}, area {curve.area:.3f}"
            axis.plot(curve.coverage[start:], curve.risk[start:], color=color, label=label)
        axis.plot(best.coverage, best.risk, color="#999999", linewidth=1, label=f"best order, area {best.area:.3f}")
        label = f"random order, area {error:.3f}"
        axis.axhline(error, color="#222222", linewidth=1, linestyle="--", label=label)
        top = 1.15 * max(error, *(float(torch.max(curve.risk[start:])) for curve in curves.values()))
        axis.set(xlabel="coverage", ylabel="risk", xlim=(0, 1), ylim=(0, top))
        for which in "xy":
            percent_axis(axis, which, decimals=0)
        figure.legend(fontsize=9, loc="outside right center")
    listed = ", ".join(f"{name} {curve.area:.3f}" for name, curve in curves.items())
    return with_alt_text(
        figure,
        "Curves of the risk, which is the share of errors among the predictions that are kept, over the coverage, "
        "which is the share of predictions that are kept. All curves end at the error rate of the network, "
        f"{error:.0%}. Areas: {listed}; best possible order {best.area:.3f}, random order {error:.3f}.",
    )
