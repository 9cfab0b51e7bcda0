"""The figures of chapter 3, one function per figure."""

from tutorial_course.plots.ch3.ood import (
    NETWORK_MARKS,
    auroc_by_task_figure,
    detector_figure,
    gradient_gain_figure,
    layer_auroc_figure,
)
from tutorial_course.plots.ch3.ood_scores import factor_auroc_figure, factor_plane_figure, uncertainty_parts_figure

__all__ = [
    "NETWORK_MARKS",
    "auroc_by_task_figure",
    "detector_figure",
    "factor_auroc_figure",
    "factor_plane_figure",
    "gradient_gain_figure",
    "layer_auroc_figure",
    "uncertainty_parts_figure",
]
