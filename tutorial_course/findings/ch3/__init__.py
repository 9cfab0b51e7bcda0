"""The numbers behind the sentences of chapter 3."""

from tutorial_course.findings.ch3.corruption import blur_transfer_accuracy, severity_curves, vae_accuracy_lead
from tutorial_course.findings.ch3.generative import novelty_lead
from tutorial_course.findings.ch3.open_set import open_set_curve, proxy_unknown_steps
from tutorial_course.findings.ch3.score_rows import NETWORKS, score_interval, score_table
from tutorial_course.findings.ch3.trust import largest_deviation_classes

__all__ = [
    "NETWORKS",
    "blur_transfer_accuracy",
    "largest_deviation_classes",
    "novelty_lead",
    "open_set_curve",
    "proxy_unknown_steps",
    "score_interval",
    "score_table",
    "severity_curves",
    "vae_accuracy_lead",
]
