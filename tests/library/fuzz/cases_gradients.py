"""The functions of ``tutorial_lib.gradients`` with valid arguments."""

import torch

from tests.library.fuzz.mutations import Case
from tests.library.fuzz.sample_inputs import LABELS, LOGITS, MODEL, OTHER, OTHER_LABELS, C, H, N, X, noise
from tutorial_lib import gradients as g

RANKED = torch.stack([LABELS, OTHER_LABELS], 1)
MODEL_ARGUMENTS = {"model": MODEL, "x": X, "objective": LABELS, "batch_size": 64}
MODEL_ROWS = "x objective"


def of_outputs(make, *names, blind="", skip=(), **arguments):
    """Return a case that evaluates an objective on outputs; values of the ``blind`` arguments do not matter."""
    return Case(
        lambda outputs, **k: make(**k).resolve(outputs)(outputs),
        {"outputs": LOGITS, **arguments},
        " ".join(["outputs", *names]),
        blind=blind,
        skip=skip,
    )


def other_images(model):
    """Return the second set of images with the dtype and on the device of a network, if it is one."""
    return OTHER.to(next(model.parameters())) if isinstance(model, torch.nn.Module) else OTHER


CASES = {
    "as_objective": of_outputs(lambda label: g.as_objective(label), "label", blind="outputs", label=LABELS),
    "loss_and_gradients": Case(
        g.loss_and_gradients, {"model": MODEL, "x": X, "objective": LABELS}, MODEL_ROWS, each=False
    ),
    "bernoulli_nll": Case(
        lambda outputs, y: g.bernoulli_nll(y).resolve(outputs)(outputs),
        {"outputs": noise(N, C, low=0.1, high=0.9), "y": noise(N, C, seed=9)},
        "outputs y",
    ),
    "class_jacobian": Case(g.class_jacobian, {"model": MODEL, "x": X, "batch_size": 64}),
    "reduced_class_jacobian": Case(
        lambda model, x: g.reduced_class_jacobian(model, x, "3", lambda J: J.mean((3, 4))), {"model": MODEL, "x": X}
    ),
    "confounding_label_loss": of_outputs(
        lambda labels: g.confounding_label_loss(labels), "labels", labels=noise(N, C, seed=8), skip={"an axis less"}
    ),
    "cross_entropy": of_outputs(lambda label: g.cross_entropy(label), "label", label=LABELS),
    "penultimate_features": Case(g.penultimate_features, {"model": MODEL, "x": X}),
    "fix_predicted_class": Case(
        lambda model, x, batch_size: g.fix_predicted_class(model, x, batch_size=batch_size)(LOGITS[: len(x)].to(x)),
        {"model": MODEL, "x": X, "batch_size": 64},
        each=False,
        blind="x",
    ),
    "class_gradient_gram": Case(g.class_gradient_gram, {"model": MODEL, "x": X, "batch_size": 8}),
    "per_sample_gradient_norms": Case(g.per_sample_gradient_norms, MODEL_ARGUMENTS, MODEL_ROWS),
    "gradient_products": Case(
        lambda **k: g.gradient_products(other=other_images(k["model"]), other_objective=OTHER_LABELS, **k),
        MODEL_ARGUMENTS,
        MODEL_ROWS,
    ),
    "gradient_sketch": Case(lambda **k: g.gradient_sketch(sketch_dim=32, **k), MODEL_ARGUMENTS, MODEL_ROWS),
    "input_gradient": Case(g.input_gradient, MODEL_ARGUMENTS, MODEL_ROWS),
    "last_layer_gradient_factors": Case(
        g.last_layer_gradient_factors,
        {"logits": LOGITS, "features": H, "objective": LABELS},
        "logits features objective",
        blind="logits",
    ),
    "last_linear_layer": Case(
        lambda model, x: g.last_linear_layer(model, x).weight, {"model": MODEL, "x": X}, each=False, blind="x"
    ),
    "layer_gradient": Case(
        lambda **k: g.layer_gradient(layer="3", **k), {"model": MODEL, "x": X, "objective": LABELS}, MODEL_ROWS
    ),
    "log_prob": of_outputs(lambda label: g.log_prob(label), "label", label=LABELS),
    "logit": of_outputs(lambda label: g.logit(label), "label", blind="outputs", label=LABELS),
    "logit_difference": of_outputs(
        lambda other, target: g.logit_difference(other, target),
        "other",
        "target",
        blind="outputs",
        other=OTHER_LABELS,
        target=LABELS,
    ),
    "contrast_loss": of_outputs(lambda other: g.contrast_loss(other), "other", other=OTHER_LABELS),
    "gradient_norms_from_gram": Case(
        g.gradient_norms_from_gram,
        {"gram": g.class_gradient_gram(MODEL, X), "logit_gradients": noise(N, C, seed=7)},
        "gram logit_gradients",
        skip={"an axis more"},
    ),
    "input_gradient_of_norms": Case(
        lambda **k: g.input_gradient_of_norms(reduce_fn=lambda n: n.sum(1), **k), MODEL_ARGUMENTS, MODEL_ROWS
    ),
    "model_outputs": Case(g.model_outputs, {"model": MODEL, "x": X, "batch_size": 64}),
    "outputs_and_input_gradient": Case(g.outputs_and_input_gradient, MODEL_ARGUMENTS, MODEL_ROWS),
    "outputs_and_class_gradients": Case(
        g.outputs_and_class_gradients, {"model": MODEL, "x": X, "classes": RANKED, "batch_size": 64}, "x classes"
    ),
    "per_sample_gradients": Case(g.per_sample_gradients, MODEL_ARGUMENTS, MODEL_ROWS),
    "bind_per_sample": of_outputs(
        lambda y: g.bind_per_sample(lambda z, y: (z - y).sum(1), y), "y", y=noise(N, C, seed=9)
    ),
    "spatial_gradients": Case(
        lambda **k: g.spatial_gradients(layer="4", **k), {"model": MODEL, "x": X, "objective": LABELS}, MODEL_ROWS
    ),
    "spatial_logits": Case(lambda model, x: g.spatial_logits(model, x, "4"), {"model": MODEL, "x": X}),
    "reconstruction_mse": of_outputs(lambda y: g.reconstruction_mse(y), "y", y=noise(N, C, seed=9)),
    "split_forward": Case(lambda model, x: g.split_forward(model, x, "3"), {"model": MODEL, "x": X}),
    "kl_from_uniform": of_outputs(lambda: g.kl_from_uniform()),
    "objective_values": Case(g.objective_values, MODEL_ARGUMENTS, MODEL_ROWS),
}
LEFT_OUT = {
    "Objective": "what the objectives are made of; called by all of them",
    "SpatialLogits": "a record",
    "eval_mode": "a context, takes a model alone",
    "find_layer": "takes a model and a name",
    "layer_names": "takes a model and names",
    "skip_independence_check": "a context without arguments",
}
