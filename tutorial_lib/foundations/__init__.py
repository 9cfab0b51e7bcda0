"""Chapter 1: what a gradient is good for before it becomes a method."""

from tutorial_lib.foundations.decomposition import Decomposition, class_mean_gradients, decompose_gradients, last_layer_gradient_matrix
from tutorial_lib.foundations.minimal_changes import minimal_weight_update, minimal_feature_shift
from tutorial_lib.foundations.gradient_descent import classify_trajectory, numerical_hessian, gradient_descent, surface_gradient
from tutorial_lib.foundations.ewc import fisher_diagonal, ewc_penalty
from tutorial_lib.foundations.loss_landscape import TrajectoryPCA, loss_surface, random_weight_direction, random_walk_like, trajectory_pca, explained_variance
from tutorial_lib.foundations.linearization import input_linearization_radius, linearization_radius, weight_linearization_radius
from tutorial_lib.models.small_cnn import SmallCNN
from tutorial_lib.foundations.steepest_descent import NORMS, dual_norm, steepest_descent_step, step_norm
from tutorial_lib.foundations.toy_surfaces import SURFACES, ToySurface, quadratic
from tutorial_lib.foundations.switch_events import gaussian_switch_sampling, switch_events
from tutorial_lib.foundations.trust_score import TrustScore

__all__ = [
    "NORMS",
    "SURFACES",
    "Decomposition",
    "SmallCNN",
    "ToySurface",
    "TrajectoryPCA",
    "TrustScore",
    "classify_trajectory",
    "class_mean_gradients",
    "decompose_gradients",
    "numerical_hessian",
    "gradient_descent",
    "dual_norm",
    "fisher_diagonal",
    "last_layer_gradient_matrix",
    "minimal_weight_update",
    "minimal_feature_shift",
    "loss_surface",
    "input_linearization_radius",
    "quadratic",
    "ewc_penalty",
    "random_weight_direction",
    "random_walk_like",
    "gaussian_switch_sampling",
    "surface_gradient",
    "steepest_descent_step",
    "step_norm",
    "switch_events",
    "trajectory_pca",
    "linearization_radius",
    "explained_variance",
    "weight_linearization_radius",
]
