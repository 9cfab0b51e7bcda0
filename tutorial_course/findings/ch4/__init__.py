"""The numbers behind the sentences of chapter 4."""

from tutorial_course.findings.ch4.logistic_fit import logistic_fit
from tutorial_course.findings.ch4.quality import (
    HueMismatch,
    correlation_table,
    hue_mismatch,
    map_shares,
    protocol,
    rated_scores,
    stored_contrast,
    stored_correlation,
    stored_difference,
    stored_training_effect,
    within_kind_correlation,
)
from tutorial_course.findings.ch4.saliency import (
    center_prior_auc,
    fixation_differences,
    fixation_metrics,
    fixation_scores,
    hit_rates_by_kind,
    metric_changes,
    noise_scores,
    odd_sign_hits,
    rescale,
    stored_interval,
    stored_intervals,
)
from tutorial_course.findings.ch4.steiger import CorrelationTest, steiger_test
from tutorial_course.findings.intervals import Interval, mean_interval, proportion_interval

__all__ = [
    "CorrelationTest",
    "HueMismatch",
    "Interval",
    "center_prior_auc",
    "correlation_table",
    "fixation_differences",
    "fixation_metrics",
    "fixation_scores",
    "hit_rates_by_kind",
    "hue_mismatch",
    "logistic_fit",
    "map_shares",
    "mean_interval",
    "metric_changes",
    "noise_scores",
    "odd_sign_hits",
    "proportion_interval",
    "protocol",
    "rated_scores",
    "rescale",
    "steiger_test",
    "stored_contrast",
    "stored_correlation",
    "stored_difference",
    "stored_interval",
    "stored_intervals",
    "stored_training_effect",
    "within_kind_correlation",
]
