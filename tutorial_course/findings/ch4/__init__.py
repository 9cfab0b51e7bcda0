"""The numbers behind the sentences of chapter 4."""

from tutorial_course.findings.ch4.quality import (
    HueMismatch,
    correlation_table,
    hue_mismatch,
    map_shares,
    protocol,
    rated_scores,
    stored_correlation,
    stored_difference,
    within_kind_correlation,
)
from tutorial_course.findings.intervals import Interval, mean_interval

__all__ = [
    "HueMismatch",
    "Interval",
    "correlation_table",
    "hue_mismatch",
    "map_shares",
    "mean_interval",
    "protocol",
    "rated_scores",
    "stored_correlation",
    "stored_difference",
    "within_kind_correlation",
]
