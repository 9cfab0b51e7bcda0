"""Chapter 1: backpropagation, the stability limit, the linearization radius, the minimal weight update, and a quiz."""

from tutorial_course.exercises.ch1.backprop import backward
from tutorial_course.exercises.ch1.largest_step import largest_step
from tutorial_course.exercises.ch1.linearization_radius import linearization_radius
from tutorial_course.exercises.ch1.minimal_weight_update import minimal_weight_update
from tutorial_course.exercises.ch1.quiz import QUIZ

__all__ = ["QUIZ", "backward", "largest_step", "linearization_radius", "minimal_weight_update"]
