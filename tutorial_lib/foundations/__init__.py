"""What gradients are used for in optimization and in linear approximation; the library of chapter 1."""

from tutorial_lib.foundations.decomposition import (
    Decomposition,
    class_mean_gradients,
    decompose_gradients,
    last_layer_gradient_matrix,
)
from tutorial_lib.foundations.ewc import ewc_penalty, fisher_diagonal
from tutorial_lib.foundations.gradient_descent import (
    gradient_descent,
    numerical_hessian,
    surface_gradient,
)
from tutorial_lib.foundations.linearization import (
    input_linearization_radius,
    linearization_radius,
)
from tutorial_lib.foundations.loss_landscape import (
    TrajectoryPCA,
    explained_variance,
    loss_surface,
    random_walk_like,
    random_weight_direction,
    trajectory_pca,
)
from tutorial_lib.foundations.minimal_changes import minimal_weight_update
from tutorial_lib.foundations.steepest_descent import NORMS, dual_norm, steepest_descent_step, step_norm
from tutorial_lib.foundations.switch_events import gaussian_switch_sampling, switch_events
from tutorial_lib.foundations.trust_score import TrustScore

__all__ = [
    "NORMS",
    "Decomposition",
    "TrajectoryPCA",
    "TrustScore",
    "class_mean_gradients",
    "decompose_gradients",
    "dual_norm",
    "ewc_penalty",
    "explained_variance",
    "fisher_diagonal",
    "gaussian_switch_sampling",
    "gradient_descent",
    "input_linearization_radius",
    "last_layer_gradient_matrix",
    "linearization_radius",
    "loss_surface",
    "minimal_weight_update",
    "numerical_hessian",
    "random_walk_like",
    "random_weight_direction",
    "steepest_descent_step",
    "step_norm",
    "surface_gradient",
    "switch_events",
    "trajectory_pca",
]
