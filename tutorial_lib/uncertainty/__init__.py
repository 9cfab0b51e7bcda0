"""Gradients as uncertainty: should this answer be believed? A score is abnormality, ``trust`` points the other way.

Two kinds never stand side by side unmarked: scores that saw normal pictures only, and detectors that were shown abnormal ones.
"""

from tutorial_lib.uncertainty.attacks import bim, fgsm, pgd
from tutorial_lib.uncertainty.budgets import random_noise
from tutorial_lib.uncertainty.carlini_wagner import carlini_wagner
from tutorial_lib.uncertainty.confidence import energy, entropy, margin, max_softmax
from tutorial_lib.uncertainty.deepfool import deepfool
from tutorial_lib.uncertainty.fair import Fold, learning_half, leave_one_family_out, own_family, signed_auroc
from tutorial_lib.uncertainty.grad_trust import change_norms, grad_trust
from tutorial_lib.uncertainty.gradcon import GradCon
from tutorial_lib.uncertainty.last_layer import ex_grad, grad_norm
from tutorial_lib.uncertainty.mahalanobis import Mahalanobis
from tutorial_lib.uncertainty.novelty import decoder_gradient, noisy
from tutorial_lib.uncertainty.odin import odin
from tutorial_lib.uncertainty.open_set import open_set, pseudo_unknown, threshold_of_normal
from tutorial_lib.uncertainty.purview import PurviewDetector, confounding_norms, label_norms
from tutorial_lib.uncertainty.success import fooled
from tutorial_lib.uncertainty.votes import Votes, ensemble, mc_dropout, votes

__all__ = [
    "Fold",
    "GradCon",
    "Mahalanobis",
    "PurviewDetector",
    "Votes",
    "bim",
    "carlini_wagner",
    "change_norms",
    "confounding_norms",
    "decoder_gradient",
    "deepfool",
    "energy",
    "ensemble",
    "entropy",
    "ex_grad",
    "fgsm",
    "fooled",
    "grad_norm",
    "grad_trust",
    "label_norms",
    "learning_half",
    "leave_one_family_out",
    "margin",
    "max_softmax",
    "mc_dropout",
    "noisy",
    "odin",
    "open_set",
    "own_family",
    "pgd",
    "pseudo_unknown",
    "random_noise",
    "signed_auroc",
    "threshold_of_normal",
    "votes",
]
