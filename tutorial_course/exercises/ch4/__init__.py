"""Chapter 4: rank correlation, gradient distance, contrastive explanations of a score, local mismatch, and a quiz."""

from tutorial_course.exercises.ch4.bin_contrast import bin_contrast
from tutorial_course.exercises.ch4.gradient_distance import gradient_distance
from tutorial_course.exercises.ch4.local_mismatch import local_mismatch
from tutorial_course.exercises.ch4.quiz import QUIZ
from tutorial_course.exercises.ch4.rank_correlation import rank_correlation

__all__ = ["QUIZ", "bin_contrast", "gradient_distance", "local_mismatch", "rank_correlation"]
