"""Extraction: the one place that takes gradients, exactly, for each sample, on any network, which is given back as it was.

Three questions, three groups of functions: with respect to what (inputs, layers, parameters), of which expectation (objectives),
and what is read off the gradient (itself, its norms, its inner products over classes).
"""

from tutorial_lib.gradients._context import eval_mode
from tutorial_lib.gradients.layers import penultimate_features, find_layer, last_linear_layer, layer_names, split_forward
from tutorial_lib.gradients.compare import compare_tensors
from tutorial_lib.gradients.pass_counter import PassCounts, count_passes
from tutorial_lib.gradients.batch import loss_and_gradients
from tutorial_lib.gradients.inputs import class_jacobian, input_gradient, layer_gradient, outputs_and_input_gradient, outputs_and_class_gradients
from tutorial_lib.gradients.spatial import SpatialLogits, spatial_gradients, spatial_logits
from tutorial_lib.gradients.objectives import Objective, as_objective, bernoulli_nll, confounding_label_loss, cross_entropy, log_prob, logit, logit_difference, contrast_loss, bind_per_sample, reconstruction_mse, kl_from_uniform
from tutorial_lib.gradients.reduced_jacobian import reduced_class_jacobian
from tutorial_lib.gradients.relu_rules import relu_rule_gradient
from tutorial_lib.gradients.per_sample import class_gradient_gram, per_sample_gradient_norms, last_layer_gradient_factors, gradient_norms_from_gram, per_sample_gradients
from tutorial_lib.gradients.second_order import input_gradient_of_norms
from tutorial_lib.gradients.count_sketch import gradient_sketch
from tutorial_lib.gradients.forward import fix_predicted_class, model_outputs, objective_values

__all__ = [
    "Objective",
    "PassCounts",
    "SpatialLogits",
    "as_objective",
    "loss_and_gradients",
    "bernoulli_nll",
    "class_jacobian",
    "reduced_class_jacobian",
    "compare_tensors",
    "count_passes",
    "confounding_label_loss",
    "cross_entropy",
    "eval_mode",
    "penultimate_features",
    "find_layer",
    "fix_predicted_class",
    "class_gradient_gram",
    "per_sample_gradient_norms",
    "gradient_sketch",
    "input_gradient",
    "last_layer_gradient_factors",
    "last_linear_layer",
    "layer_gradient",
    "layer_names",
    "log_prob",
    "logit",
    "logit_difference",
    "contrast_loss",
    "gradient_norms_from_gram",
    "input_gradient_of_norms",
    "model_outputs",
    "outputs_and_input_gradient",
    "outputs_and_class_gradients",
    "per_sample_gradients",
    "bind_per_sample",
    "spatial_gradients",
    "spatial_logits",
    "reconstruction_mse",
    "relu_rule_gradient",
    "split_forward",
    "kl_from_uniform",
    "objective_values",
]
