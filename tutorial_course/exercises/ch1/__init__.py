"""The exercises and the quiz of chapter 1."""

from tutorial_course.exercises.ch1.backprop import backward
from tutorial_course.exercises.ch1.hessian_vector_product import hessian_vector_product
from tutorial_course.exercises.ch1.largest_step import largest_step
from tutorial_course.exercises.ch1.linearization_radius import linearization_radius
from tutorial_course.exercises.ch1.minimal_weight_update import minimal_weight_update
from tutorial_course.exercises.ch1.quiz import QUIZ

__all__ = [
    "QUIZ",
    "backward",
    "hessian_vector_product",
    "largest_step",
    "linearization_radius",
    "minimal_weight_update",
]
