"""Chapter 2: what would have to go, contrasts without a backward pass, does a map know the weights, all contrasts at once."""

from tutorial_lib.exercises.information.contrasting import contrast_weights
from tutorial_lib.exercises.information.forgetting import randomisation_score
from tutorial_lib.exercises.information.introspecting import introspective_features
from tutorial_lib.exercises.information.questions import QUIZ
from tutorial_lib.exercises.information.taking_away import counterfactual_cam

__all__ = ["QUIZ", "contrast_weights", "counterfactual_cam", "introspective_features", "randomisation_score"]
