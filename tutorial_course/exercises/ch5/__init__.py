"""Chapter 5: place methods in the overview, count backward passes, decide on a verdict, choose a threshold, a quiz."""

from tutorial_course.exercises.ch5.backward_pass_count import backward_pass_count
from tutorial_course.exercises.ch5.method_map import place_on_map
from tutorial_course.exercises.ch5.quiz import QUIZ
from tutorial_course.exercises.ch5.threshold import report_at_threshold
from tutorial_course.exercises.ch5.verdict import verdict

__all__ = ["QUIZ", "backward_pass_count", "place_on_map", "report_at_threshold", "verdict"]
