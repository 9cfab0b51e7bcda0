"""Chapter 4: where was the expectation disappointed?"""

from tutorial_lib.exercises.expectancy.disappointed import local_mismatch
from tutorial_lib.exercises.expectancy.questions import QUIZ

__all__ = ["QUIZ", "local_mismatch"]
