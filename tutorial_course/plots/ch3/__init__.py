"""The figures of chapter 3, one function per figure."""

from tutorial_course.plots.ch3.attacks import (
    adaptive_attack_figure,
    attacked_sign_figure,
    detector_matrix_figure,
    success_figure,
)
from tutorial_course.plots.ch3.attacks_boundary import boundary_distance_figure, boundary_steps_figure
from tutorial_course.plots.ch3.corruption import blur_transfer_figure, severity_figure
from tutorial_course.plots.ch3.generative import novelty_figure
from tutorial_course.plots.ch3.gradcon import class_auroc_figure, corruption_auroc_figure, gradient_direction_figure
from tutorial_course.plots.ch3.ood import (
    NETWORK_MARKS,
    auroc_by_task_figure,
    detector_figure,
    gradient_gain_figure,
    layer_auroc_figure,
)
from tutorial_course.plots.ch3.ood_scores import factor_auroc_figure, factor_plane_figure, uncertainty_parts_figure
from tutorial_course.plots.ch3.open_set import open_set_curve_figure, proxy_unknown_figure
from tutorial_course.plots.ch3.trust import risk_coverage_figure

__all__ = [
    "NETWORK_MARKS",
    "adaptive_attack_figure",
    "attacked_sign_figure",
    "auroc_by_task_figure",
    "blur_transfer_figure",
    "boundary_distance_figure",
    "boundary_steps_figure",
    "class_auroc_figure",
    "corruption_auroc_figure",
    "detector_figure",
    "detector_matrix_figure",
    "factor_auroc_figure",
    "factor_plane_figure",
    "gradient_direction_figure",
    "gradient_gain_figure",
    "layer_auroc_figure",
    "novelty_figure",
    "open_set_curve_figure",
    "proxy_unknown_figure",
    "risk_coverage_figure",
    "severity_figure",
    "success_figure",
    "uncertainty_parts_figure",
]
