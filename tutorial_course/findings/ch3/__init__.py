"""The numbers behind the sentences of chapter 3."""

from tutorial_course.findings.ch3.attacks import (
    adaptive_auroc,
    auroc_interval,
    difference_interval,
    fit_attack_scores,
    half_success_budget,
    success_interval,
    transfer_range,
)
from tutorial_course.findings.ch3.attacks_boundary import margin_along_step, wrong_prediction_aurocs
from tutorial_course.findings.ch3.gradcon import (
    GRADCON_COMPARISONS,
    GRADCON_SCORES,
    GRADCON_TESTS,
    auroc_over_classes,
    class_aurocs,
    difference_over_classes,
)

__all__ = [
    "GRADCON_COMPARISONS",
    "GRADCON_SCORES",
    "GRADCON_TESTS",
    "adaptive_auroc",
    "auroc_interval",
    "auroc_over_classes",
    "class_aurocs",
    "difference_interval",
    "difference_over_classes",
    "fit_attack_scores",
    "half_success_budget",
    "margin_along_step",
    "success_interval",
    "transfer_range",
    "wrong_prediction_aurocs",
]
