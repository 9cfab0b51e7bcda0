"""The figures of chapter 3, one function per figure."""

from tutorial_course.plots.ch3.attacks import (
    adaptive_attack_figure,
    attacked_sign_figure,
    detector_matrix_figure,
    success_figure,
)
from tutorial_course.plots.ch3.attacks_boundary import boundary_distance_figure, boundary_steps_figure
from tutorial_course.plots.ch3.gradcon import class_auroc_figure, corruption_auroc_figure, gradient_direction_figure

__all__ = [
    "adaptive_attack_figure",
    "attacked_sign_figure",
    "boundary_distance_figure",
    "boundary_steps_figure",
    "class_auroc_figure",
    "corruption_auroc_figure",
    "detector_matrix_figure",
    "gradient_direction_figure",
    "success_figure",
]
