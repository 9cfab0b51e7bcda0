"""The numbers behind the sentences of chapter 3."""

from tutorial_course.findings.ch3.answer import anomaly_rows, answer_rows, answer_table, best_scores, open_set_row
from tutorial_course.findings.ch3.corruption import blur_transfer_accuracy, severity_curves, vae_accuracy_lead
from tutorial_course.findings.ch3.generative import novelty_lead
from tutorial_course.findings.ch3.ood import (
    CIFAR_NETWORKS,
    GRADIENT_SCORES,
    MISCLASSIFICATIONS,
    SIGN_NETWORKS,
    TASKS,
    assert_detector_aurocs,
    assert_set_aurocs,
    assert_task_aurocs,
    detector_auroc,
    detector_lead,
    detector_pair,
    factor_aurocs,
    norms_by_layer,
    passes_of,
    score_by_task,
    set_title,
    single_network_scores,
    stored_lead,
    stored_value,
    task_score_table,
)
from tutorial_course.findings.ch3.open_set import open_set_curve, proxy_unknown_steps
from tutorial_course.findings.ch3.score_rows import NETWORKS, score_interval, score_table
from tutorial_course.findings.ch3.trust import largest_deviation_classes

__all__ = [
    "CIFAR_NETWORKS",
    "GRADIENT_SCORES",
    "MISCLASSIFICATIONS",
    "NETWORKS",
    "SIGN_NETWORKS",
    "TASKS",
    "anomaly_rows",
    "answer_rows",
    "answer_table",
    "assert_detector_aurocs",
    "assert_set_aurocs",
    "assert_task_aurocs",
    "best_scores",
    "blur_transfer_accuracy",
    "detector_auroc",
    "detector_lead",
    "detector_pair",
    "factor_aurocs",
    "largest_deviation_classes",
    "norms_by_layer",
    "novelty_lead",
    "open_set_curve",
    "open_set_row",
    "passes_of",
    "proxy_unknown_steps",
    "score_by_task",
    "score_interval",
    "score_table",
    "task_score_table",
    "set_title",
    "severity_curves",
    "single_network_scores",
    "stored_lead",
    "stored_value",
    "vae_accuracy_lead",
]
