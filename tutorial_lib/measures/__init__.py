"""Numbers in, numbers out: how well a score detects, whether confidence is earned, whether two lists agree, where people
look, what knows nothing.

A score is abnormality, higher = more abnormal. Results are plain numbers, computed in float64 on the CPU, so that large scores
cannot saturate and ties stay ties, on whatever device and in whatever dtype the scores arrive.
"""

from tutorial_lib.measures.baselines import centre_bias, random_map, uniform_map
from tutorial_lib.measures.calibration import (
    Reliability,
    accuracy,
    expected_calibration_error,
    macro_f1,
    reliability,
    temperature_scaling,
)
from tutorial_lib.measures.comparison import Comparison, compare_correlations, outlier_ratio
from tutorial_lib.measures.correlation import krcc, logistic_fit, plcc, ranks, rmse, srcc
from tutorial_lib.measures.detection import RiskCoverage, aupr, auroc, detection_error, fpr_at_tpr, risk_coverage
from tutorial_lib.measures.fixation import (
    auc_judd,
    correlation,
    fixation_density,
    information_gain,
    kl_divergence,
    nss,
    shuffled_auc,
    similarity,
    smoothed,
)
from tutorial_lib.measures.intervals import Interval, bootstrap_interval

__all__ = [
    "Comparison",
    "Interval",
    "Reliability",
    "RiskCoverage",
    "accuracy",
    "auc_judd",
    "aupr",
    "auroc",
    "bootstrap_interval",
    "centre_bias",
    "compare_correlations",
    "correlation",
    "detection_error",
    "expected_calibration_error",
    "fixation_density",
    "fpr_at_tpr",
    "information_gain",
    "kl_divergence",
    "krcc",
    "logistic_fit",
    "macro_f1",
    "nss",
    "outlier_ratio",
    "plcc",
    "random_map",
    "ranks",
    "reliability",
    "risk_coverage",
    "rmse",
    "shuffled_auc",
    "similarity",
    "smoothed",
    "srcc",
    "temperature_scaling",
    "uniform_map",
]
