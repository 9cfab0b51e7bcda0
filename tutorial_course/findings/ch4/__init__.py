"""The numbers behind the sentences of chapter 4."""

from tutorial_course.findings.ch4.saliency import (
    fixation_scores,
    metric_changes,
    noise_scores,
    odd_sign_hits,
    rescale,
    stored_interval,
)
from tutorial_course.findings.intervals import Interval, proportion_interval

__all__ = [
    "Interval",
    "fixation_scores",
    "metric_changes",
    "noise_scores",
    "odd_sign_hits",
    "proportion_interval",
    "rescale",
    "stored_interval",
]
