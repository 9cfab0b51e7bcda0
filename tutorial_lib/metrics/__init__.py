"""Evaluation metrics for detection, calibration, correlation and saliency maps, with intervals and baseline maps.

Detection scores measure abnormality: higher means more abnormal. Results are plain numbers, computed in float64 on the
CPU, so that large scores do not saturate and ties stay ties, on any device and in any dtype of the scores.
"""

from tutorial_lib.metrics.baseline_maps import center_bias_map, random_map, uniform_map
from tutorial_lib.metrics.bootstrap import ConfidenceInterval, bootstrap_interval
from tutorial_lib.metrics.calibration import (
    ReliabilityBins,
    accuracy,
    expected_calibration_error,
    fit_temperature,
    macro_f1,
    reliability_bins,
)
from tutorial_lib.metrics.correlation import average_ranks, krcc, logistic_fit, plcc, rmse, srcc
from tutorial_lib.metrics.detection import RiskCoverage, aupr, auroc, fpr_at_tpr, oscr, risk_coverage
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
from tutorial_lib.metrics.significance import CorrelationTest, steiger_test

__all__ = [
    "ConfidenceInterval",
    "CorrelationTest",
    "ReliabilityBins",
    "RiskCoverage",
    "accuracy",
    "auc_judd",
    "aupr",
    "auroc",
    "average_ranks",
    "bootstrap_interval",
    "cc",
    "center_bias_map",
    "expected_calibration_error",
    "fit_temperature",
    "fixation_density",
    "fpr_at_tpr",
    "gaussian_smooth",
    "information_gain",
    "kl_divergence",
    "krcc",
    "logistic_fit",
    "macro_f1",
    "nss",
    "oscr",
    "plcc",
    "random_map",
    "reliability_bins",
    "risk_coverage",
    "rmse",
    "shuffled_auc",
    "sim",
    "srcc",
    "steiger_test",
    "uniform_map",
]
