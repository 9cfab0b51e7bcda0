"""Chapter 4: agreement in rank, the required change as quality, a score that can be contrasted, and where an expectation is disappointed."""

from tutorial_lib.exercises.expectancy.agreeing import rank_correlation
from tutorial_lib.exercises.expectancy.asking import gradient_distance
from tutorial_lib.exercises.expectancy.contrasting import bin_contrast
from tutorial_lib.exercises.expectancy.disappointed import local_mismatch
from tutorial_lib.exercises.expectancy.questions import QUIZ

__all__ = ["QUIZ", "bin_contrast", "gradient_distance", "local_mismatch", "rank_correlation"]
