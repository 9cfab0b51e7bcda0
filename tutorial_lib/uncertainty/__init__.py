"""Gradients as uncertainty: should this answer be believed? A score is abnormality, ``trust`` points the other way.

Two kinds never stand side by side unmarked: scores that saw normal pictures only, and detectors that were shown abnormal ones.
"""

from tutorial_lib.uncertainty.attacks import bim, fgsm, pgd
from tutorial_lib.uncertainty.perturbations import random_noise
from tutorial_lib.uncertainty.carlini_wagner import carlini_wagner
from tutorial_lib.uncertainty.logit_scores import energy_score, entropy_score, margin_score, msp_score
from tutorial_lib.uncertainty.deepfool import deepfool
from tutorial_lib.uncertainty.splits import Fold, group_train_mask, leave_one_group_out, within_group_splits, columnwise_auroc
from tutorial_lib.uncertainty.grad_trust import counterfactual_gradient_norms, grad_trust
from tutorial_lib.uncertainty.gradcon import GradCon
from tutorial_lib.uncertainty.last_layer_scores import exgrad_score, gradnorm_score
from tutorial_lib.uncertainty.mahalanobis import MahalanobisDetector
from tutorial_lib.uncertainty.generative import layer_gradient_features, add_gaussian_noise
from tutorial_lib.uncertainty.odin import odin_score
from tutorial_lib.uncertainty.open_set import open_set_predict, split_pseudo_unknown_classes, threshold_at_tpr
from tutorial_lib.uncertainty.purview import PurviewDetector, confounding_gradient_norms, confounding_norms_from_gram
from tutorial_lib.uncertainty.attack_success import attack_success
from tutorial_lib.uncertainty.ensembles import PredictiveUncertainty, deep_ensemble, mc_dropout, decompose_uncertainty

__all__ = [
    "Fold",
    "GradCon",
    "MahalanobisDetector",
    "PurviewDetector",
    "PredictiveUncertainty",
    "bim",
    "carlini_wagner",
    "counterfactual_gradient_norms",
    "confounding_gradient_norms",
    "layer_gradient_features",
    "deepfool",
    "energy_score",
    "deep_ensemble",
    "entropy_score",
    "exgrad_score",
    "fgsm",
    "attack_success",
    "gradnorm_score",
    "grad_trust",
    "confounding_norms_from_gram",
    "group_train_mask",
    "leave_one_group_out",
    "margin_score",
    "msp_score",
    "mc_dropout",
    "add_gaussian_noise",
    "odin_score",
    "open_set_predict",
    "within_group_splits",
    "pgd",
    "split_pseudo_unknown_classes",
    "random_noise",
    "columnwise_auroc",
    "threshold_at_tpr",
    "decompose_uncertainty",
]
