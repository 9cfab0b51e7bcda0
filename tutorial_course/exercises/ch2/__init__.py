"""Chapter 2: maps, precision at k, the randomization test, introspection, completeness, and a quiz."""

from tutorial_course.exercises.ch2.completeness_gap import completeness_gap
from tutorial_course.exercises.ch2.contrast_weights import contrast_weights
from tutorial_course.exercises.ch2.counterfactual_cam import counterfactual_cam
from tutorial_course.exercises.ch2.introspective_features import introspective_features
from tutorial_course.exercises.ch2.precision_at_k import precision_at_k
from tutorial_course.exercises.ch2.quiz import QUIZ
from tutorial_course.exercises.ch2.randomization_test import randomization_score

__all__ = [
    "QUIZ",
    "completeness_gap",
    "contrast_weights",
    "counterfactual_cam",
    "introspective_features",
    "precision_at_k",
    "randomization_score",
]
