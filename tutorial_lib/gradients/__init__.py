"""Extraction: the one place that takes gradients, exactly, for each sample, on any network, which is given back as it was.

Three questions, three groups of functions: with respect to what (inputs, layers, parameters), of which expectation (objectives),
and what is read off the gradient (itself, its norms, its inner products over classes).
"""

from tutorial_lib.gradients.borrowing import evaluating, features, find_layer, last_linear, layer_names, split_at
from tutorial_lib.gradients.compare import compare
from tutorial_lib.gradients.counting import Passes, counted
from tutorial_lib.gradients.differentiable import batch_gradient
from tutorial_lib.gradients.inputs import (
    class_jacobian,
    input_gradient,
    layer_gradient,
    outputs_and_gradient,
    outputs_and_jacobian,
)
from tutorial_lib.gradients.local import Positions, position_gradient, position_logits
from tutorial_lib.gradients.objectives import (
    Objective,
    as_objective,
    bernoulli,
    confounding,
    cross_entropy,
    log_prob,
    logit,
    logit_difference,
    loss_to,
    per_sample,
    reconstruction,
    uniform,
)
from tutorial_lib.gradients.readings import class_readings
from tutorial_lib.gradients.rectified import rectified_gradient
from tutorial_lib.gradients.samplewise import (
    gradient_gram,
    gradient_norms,
    last_layer_gradient,
    norms_from_gram,
    parameter_gradients,
)
from tutorial_lib.gradients.second import norms_gradient
from tutorial_lib.gradients.sketches import gradient_sketch
from tutorial_lib.gradients.values import fixed_at, outputs, value

__all__ = [
    "Objective",
    "Passes",
    "Positions",
    "as_objective",
    "batch_gradient",
    "bernoulli",
    "class_jacobian",
    "class_readings",
    "compare",
    "counted",
    "confounding",
    "cross_entropy",
    "evaluating",
    "features",
    "find_layer",
    "fixed_at",
    "gradient_gram",
    "gradient_norms",
    "gradient_sketch",
    "input_gradient",
    "last_layer_gradient",
    "last_linear",
    "layer_gradient",
    "layer_names",
    "log_prob",
    "logit",
    "logit_difference",
    "loss_to",
    "norms_from_gram",
    "norms_gradient",
    "outputs",
    "outputs_and_gradient",
    "outputs_and_jacobian",
    "parameter_gradients",
    "per_sample",
    "position_gradient",
    "position_logits",
    "reconstruction",
    "rectified_gradient",
    "split_at",
    "uniform",
    "value",
]
