"""The figures of chapter 3, one function per figure."""

from tutorial_course.plots.ch3.corruption import blur_transfer_figure, severity_figure
from tutorial_course.plots.ch3.generative import novelty_figure
from tutorial_course.plots.ch3.open_set import open_set_curve_figure, proxy_unknown_figure
from tutorial_course.plots.ch3.trust import risk_coverage_figure

__all__ = [
    "blur_transfer_figure",
    "novelty_figure",
    "open_set_curve_figure",
    "proxy_unknown_figure",
    "risk_coverage_figure",
    "severity_figure",
]
