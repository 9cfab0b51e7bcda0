"""Evaluation metrics for detection, calibration, correlation and saliency maps, with intervals and baseline maps.

Detection scores measure abnormality: higher means more abnormal. Results are plain numbers, computed in float64 on the
CPU, so that large scores do not saturate and ties stay ties, on any device and in any dtype of the scores.
"""

from tutorial_lib.metrics.baseline_maps import center_bias_map, random_map, uniform_map
from tutorial_lib.metrics.bootstrap import ConfidenceInterval, bootstrap_interval
from tutorial_lib.metrics.calibration import (
    accuracy,
    expected_calibration_error,
    macro_f1,
)
from tutorial_lib.metrics.correlation import average_ranks, krcc, plcc, rmse, srcc
from tutorial_lib.metrics.detection import RiskCoverage, auroc, oscr, risk_coverage
from tutorial_lib.metrics.saliency import (
    auc_judd,
    cc,
    fixation_density,
    gaussian_smooth,
    information_gain,
    kl_divergence,
    nss,
    shuffled_auc,
    sim,
)

__all__ = [
    "ConfidenceInterval",
    "RiskCoverage",
    "accuracy",
    "auc_judd",
    "auroc",
    "average_ranks",
    "bootstrap_interval",
    "cc",
    "center_bias_map",
    "expected_calibration_error",
    "fixation_density",
    "gaussian_smooth",
    "information_gain",
    "kl_divergence",
    "krcc",
    "macro_f1",
    "nss",
    "oscr",
    "plcc",
    "random_map",
    "risk_coverage",
    "rmse",
    "shuffled_auc",
    "sim",
    "srcc",
    "uniform_map",
]
