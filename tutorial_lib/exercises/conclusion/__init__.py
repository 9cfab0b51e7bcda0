"""Chapter 5: place a method on the map, say what it costs, write a verdict."""

from tutorial_lib.exercises.conclusion.costing import backward_passes
from tutorial_lib.exercises.conclusion.judging import verdict
from tutorial_lib.exercises.conclusion.placing import place
from tutorial_lib.exercises.conclusion.questions import QUIZ

__all__ = ["QUIZ", "backward_passes", "place", "verdict"]
