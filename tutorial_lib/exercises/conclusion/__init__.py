"""Chapter 5: place a method on the map, say what it costs, write a verdict, and a threshold you may publish."""

from tutorial_lib.exercises.conclusion.costing import backward_passes
from tutorial_lib.exercises.conclusion.judging import verdict
from tutorial_lib.exercises.conclusion.placing import place
from tutorial_lib.exercises.conclusion.questions import QUIZ
from tutorial_lib.exercises.conclusion.threshold import publishable

__all__ = ["QUIZ", "backward_passes", "place", "publishable", "verdict"]
