"""Gradients as uncertainty: can a network feel that it should not be trusted, and can someone fool the feeling?"""

from tutorial_lib.uncertainty.attacks import bim, fgsm, pgd
from tutorial_lib.uncertainty.budgets import random_noise
from tutorial_lib.uncertainty.carlini_wagner import carlini_wagner
from tutorial_lib.uncertainty.deepfool import deepfool
from tutorial_lib.uncertainty.success import fooled

__all__ = ["bim", "carlini_wagner", "deepfool", "fgsm", "fooled", "pgd", "random_noise"]
