"""Gradients of any PyTorch network, exact and for each sample, taken without changing the network.

Every method of the course is built from three choices: which objective is differentiated
(:mod:`~tutorial_lib.gradients.objectives`), with respect to which variables (inputs, layers, parameters), and which
quantity is computed from the gradient (the gradient itself, its norms, its inner products over classes).

Every parameter ``objective`` (type ``ObjectiveLike``) accepts None, the logit of the class that is predicted for each
sample; an int or labels (N,), the logit of that class; an :class:`Objective`, such as ``cross_entropy(labels)``; or any
function of the outputs, ``(n, …) -> (n,)``, that treats each row alone.
"""

from tutorial_lib.gradients._context import eval_mode
from tutorial_lib.gradients._independence import skip_independence_check
from tutorial_lib.gradients.forward import fix_predicted_class, model_outputs, objective_values
from tutorial_lib.gradients.inputs import (
    class_jacobian,
    input_gradient,
    layer_gradient,
    outputs_and_class_gradients,
    outputs_and_input_gradient,
    reduced_class_jacobian,
)
from tutorial_lib.gradients.layers import Layer as Layer
from tutorial_lib.gradients.layers import (
    find_layer,
    last_linear_layer,
    layer_names,
    penultimate_features,
    split_forward,
)
from tutorial_lib.gradients.objectives import (
    Objective,
    as_objective,
    bernoulli_nll,
    bind_per_sample,
    confounding_label_loss,
    contrast_loss,
    cross_entropy,
    kl_from_uniform,
    log_prob,
    logit,
    logit_difference,
    reconstruction_mse,
)
from tutorial_lib.gradients.objectives import ObjectiveLike as ObjectiveLike
from tutorial_lib.gradients.per_sample import (
    class_gradient_gram,
    gradient_norms_from_gram,
    gradient_products,
    gradient_sketch,
    last_layer_gradient_factors,
    per_sample_gradient_norms,
    per_sample_gradients,
)
from tutorial_lib.gradients.second_order import input_gradient_of_norms, loss_and_gradients
from tutorial_lib.gradients.spatial import SpatialLogits, spatial_gradients, spatial_logits

__all__ = [
    "Objective",
    "SpatialLogits",
    "as_objective",
    "bernoulli_nll",
    "bind_per_sample",
    "class_gradient_gram",
    "class_jacobian",
    "confounding_label_loss",
    "contrast_loss",
    "cross_entropy",
    "eval_mode",
    "find_layer",
    "fix_predicted_class",
    "gradient_norms_from_gram",
    "gradient_products",
    "gradient_sketch",
    "input_gradient",
    "input_gradient_of_norms",
    "kl_from_uniform",
    "last_layer_gradient_factors",
    "last_linear_layer",
    "layer_gradient",
    "layer_names",
    "log_prob",
    "logit",
    "logit_difference",
    "loss_and_gradients",
    "model_outputs",
    "objective_values",
    "outputs_and_class_gradients",
    "outputs_and_input_gradient",
    "penultimate_features",
    "per_sample_gradient_norms",
    "per_sample_gradients",
    "reconstruction_mse",
    "reduced_class_jacobian",
    "skip_independence_check",
    "spatial_gradients",
    "spatial_logits",
    "split_forward",
]
