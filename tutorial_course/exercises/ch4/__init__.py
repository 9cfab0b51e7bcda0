"""Chapter 4: agreement in rank, the required change as quality, a score that can be contrasted, and where an expectation is disappointed."""

from tutorial_course.exercises.ch4.bin_contrast import bin_contrast
from tutorial_course.exercises.ch4.gradient_distance import gradient_distance
from tutorial_course.exercises.ch4.local_mismatch import local_mismatch
from tutorial_course.exercises.ch4.quiz import QUIZ
from tutorial_course.exercises.ch4.rank_correlation import rank_correlation

__all__ = ["QUIZ", "bin_contrast", "gradient_distance", "local_mismatch", "rank_correlation"]
