"""Chapter 3: AUROC by counting, a norm without a backward pass, ten small steps, an honest split."""

from tutorial_lib.exercises.uncertainty.counting import auroc
from tutorial_lib.exercises.uncertainty.honest_split import leave_one_family_out
from tutorial_lib.exercises.uncertainty.questions import QUIZ
from tutorial_lib.exercises.uncertainty.small_steps import pgd
from tutorial_lib.exercises.uncertainty.without_backward import confounding_norm

__all__ = ["QUIZ", "auroc", "confounding_norm", "leave_one_family_out", "pgd"]
