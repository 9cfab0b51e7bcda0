"""Chapter 1: backpropagation by hand, the largest step, how far a line holds, bending the network; and five questions."""

from tutorial_lib.exercises.gradients.bending import smallest_change
from tutorial_lib.exercises.gradients.by_hand import backward
from tutorial_lib.exercises.gradients.questions import QUIZ
from tutorial_lib.exercises.gradients.stepping import largest_step
from tutorial_lib.exercises.gradients.straight_line import validity_radius

__all__ = ["QUIZ", "backward", "largest_step", "smallest_change", "validity_radius"]
