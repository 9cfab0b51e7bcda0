"""Chapter 5: place a method on the map, say what it costs, write a verdict, and a threshold you may publish."""

from tutorial_course.exercises.ch5.backward_pass_count import backward_pass_count
from tutorial_course.exercises.ch5.method_map import place_on_map
from tutorial_course.exercises.ch5.quiz import QUIZ
from tutorial_course.exercises.ch5.threshold import report_at_threshold
from tutorial_course.exercises.ch5.verdict import verdict

__all__ = ["QUIZ", "backward_pass_count", "place_on_map", "report_at_threshold", "verdict"]
