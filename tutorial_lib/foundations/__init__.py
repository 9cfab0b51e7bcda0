"""Chapter 1: what a gradient is good for before it becomes a method."""

from tutorial_lib.foundations.composition import Composition, class_means, compose, last_layer_matrix
from tutorial_lib.foundations.counterfactual import least_bend, least_move
from tutorial_lib.foundations.descent import behaviour, curvature, descend, slope
from tutorial_lib.foundations.forgetting import fisher_diagonal, quadratic_penalty
from tutorial_lib.foundations.landscapes import (
    Trajectory,
    loss_plane,
    random_direction,
    random_walk,
    trajectory_plane,
    variation_in,
)
from tutorial_lib.foundations.locality import picture_radius, validity_radius, weight_radius
from tutorial_lib.foundations.small import SmallNetwork
from tutorial_lib.foundations.steepest import NORMS, dual_norm, steepest, step_length
from tutorial_lib.foundations.surfaces import SURFACES, Surface, quadratic
from tutorial_lib.foundations.switches import select_by_switches, switch_events
from tutorial_lib.foundations.trust_score import TrustScore

__all__ = [
    "NORMS",
    "SURFACES",
    "Composition",
    "SmallNetwork",
    "Surface",
    "Trajectory",
    "TrustScore",
    "behaviour",
    "class_means",
    "compose",
    "curvature",
    "descend",
    "dual_norm",
    "fisher_diagonal",
    "last_layer_matrix",
    "least_bend",
    "least_move",
    "loss_plane",
    "picture_radius",
    "quadratic",
    "quadratic_penalty",
    "random_direction",
    "random_walk",
    "select_by_switches",
    "slope",
    "steepest",
    "step_length",
    "switch_events",
    "trajectory_plane",
    "validity_radius",
    "variation_in",
    "weight_radius",
]
