"""The figures of chapter 1."""

from tutorial_course.plots.ch1.deep_gradients import deep_gradients_figure
from tutorial_course.plots.ch1.descent import descent_figure, optimizer_paths_figure, stability_figure
from tutorial_course.plots.ch1.novel_data import reliability_figure
from tutorial_course.plots.ch1.training_order import training_order_figure

__all__ = [
    "deep_gradients_figure",
    "descent_figure",
    "optimizer_paths_figure",
    "reliability_figure",
    "stability_figure",
    "training_order_figure",
]
