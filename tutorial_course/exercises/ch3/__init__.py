"""Chapter 3: AUROC, the norm of a confounding-label gradient, splits, a conformal threshold, PGD, and a quiz."""

from tutorial_course.exercises.ch3.auroc import auroc
from tutorial_course.exercises.ch3.conformal_threshold import conformal_threshold
from tutorial_course.exercises.ch3.confounding_norm import confounding_gradient_norm
from tutorial_course.exercises.ch3.leave_one_group_out import leave_one_group_out
from tutorial_course.exercises.ch3.pgd import pgd
from tutorial_course.exercises.ch3.quiz import QUIZ

__all__ = ["QUIZ", "auroc", "conformal_threshold", "confounding_gradient_norm", "leave_one_group_out", "pgd"]
