"""Uncertainty scores, anomaly detectors and adversarial attacks.

Every score measures abnormality (higher means more abnormal), except :func:`grad_trust`, where higher means more
trustworthy. Some scores are computed from normal images only, and some detectors are trained on abnormal images as
well. Do not compare the two kinds without saying which is which.
"""

from tutorial_lib.uncertainty.activation_norms import activation_norms
from tutorial_lib.uncertainty.attacks import attack_success, fgsm, pgd, random_noise
from tutorial_lib.uncertainty.carlini_wagner import carlini_wagner
from tutorial_lib.uncertainty.deepfool import deepfool
from tutorial_lib.uncertainty.ensembles import PredictiveUncertainty, decompose_uncertainty, deep_ensemble
from tutorial_lib.uncertainty.generative import add_gaussian_noise, layer_gradient_features
from tutorial_lib.uncertainty.grad_trust import grad_trust
from tutorial_lib.uncertainty.gradcon import GradCon
from tutorial_lib.uncertainty.last_layer_scores import exgrad_score, gradnorm_score
from tutorial_lib.uncertainty.logit_scores import energy_score, entropy_score, margin_score, msp_score
from tutorial_lib.uncertainty.mahalanobis import MahalanobisDetector
from tutorial_lib.uncertainty.odin import odin_score
from tutorial_lib.uncertainty.open_set import open_set_predict, threshold_at_tpr
from tutorial_lib.uncertainty.purview import PurviewDetector, confounding_gradient_norms
from tutorial_lib.uncertainty.splits import (
    Fold,
    columnwise_auroc,
    group_train_mask,
    leave_one_group_out,
    within_group_splits,
)

__all__ = [
    "Fold",
    "GradCon",
    "MahalanobisDetector",
    "PredictiveUncertainty",
    "PurviewDetector",
    "activation_norms",
    "add_gaussian_noise",
    "attack_success",
    "carlini_wagner",
    "columnwise_auroc",
    "confounding_gradient_norms",
    "decompose_uncertainty",
    "deep_ensemble",
    "deepfool",
    "energy_score",
    "entropy_score",
    "exgrad_score",
    "fgsm",
    "grad_trust",
    "gradnorm_score",
    "group_train_mask",
    "layer_gradient_features",
    "leave_one_group_out",
    "margin_score",
    "msp_score",
    "odin_score",
    "open_set_predict",
    "pgd",
    "random_noise",
    "threshold_at_tpr",
    "within_group_splits",
]
