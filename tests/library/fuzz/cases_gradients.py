"""The engine, with good arguments."""

import torch

from tests.library.fuzz.mutations import Case
from tests.library.fuzz.sample_inputs import LABELS, LOGITS, MODEL, OTHER_LABELS, C, H, N, X, noise
from tutorial_lib import gradients as g

RANKED = torch.stack([LABELS, OTHER_LABELS], 1)
ASKED = {"model": MODEL, "x": X, "objective": LABELS, "batch_size": 64}
ASK = "x objective"


def of_outputs(make, *names, blind="", skip=(), **given):
    """An objective, read at outputs; ``blind``: a logit is one of them, and the others are not looked at."""
    return Case(
        lambda outputs, **k: make(**k).resolve(outputs)(outputs),
        {"outputs": LOGITS, **given},
        " ".join(["outputs", *names]),
        blind=blind,
        skip=skip,
    )


CASES = {
    "as_objective": of_outputs(lambda label: g.as_objective(label), "label", blind="outputs", label=LABELS),
    "batch_gradient": Case(g.loss_and_gradients, {"model": MODEL, "x": X, "objective": LABELS}, ASK, each=False),
    "bernoulli": Case(
        lambda outputs, y: g.bernoulli_nll(y).resolve(outputs)(outputs),
        {"outputs": noise(N, C, low=0.1, high=0.9), "y": noise(N, C, seed=9)},
        "outputs y",
    ),
    "class_jacobian": Case(g.class_jacobian, {"model": MODEL, "x": X, "batch_size": 64}),
    "class_readings": Case(
        lambda model, x: g.reduced_class_jacobian(model, x, "3", lambda J: J.mean((3, 4))), {"model": MODEL, "x": X}
    ),
    "compare": Case(
        lambda a, b: [row.difference for row in g.compare_tensors(a=a, b=b)], {"a": H, "b": 2 * H}, "", each=False
    ),
    "confounding": of_outputs(
        lambda labels: g.confounding_label_loss(labels), "labels", labels=noise(N, C, seed=8), skip={"an axis less"}
    ),
    "cross_entropy": of_outputs(lambda label: g.cross_entropy(label), "label", label=LABELS),
    "features": Case(g.penultimate_features, {"model": MODEL, "x": X}),
    "fixed_at": Case(
        lambda model, x, batch_size: g.fix_predicted_class(model, x, batch_size=batch_size)(LOGITS[: len(x)].to(x)),
        {"model": MODEL, "x": X, "batch_size": 64},
        each=False,
        blind="x",
    ),
    "gradient_gram": Case(g.class_gradient_gram, {"model": MODEL, "x": X, "batch_size": 8}),
    "gradient_norms": Case(g.per_sample_gradient_norms, ASKED, ASK),
    "gradient_sketch": Case(lambda **k: g.gradient_sketch(sketch_dim=32, **k), ASKED, ASK),
    "input_gradient": Case(g.input_gradient, ASKED, ASK),
    "last_layer_gradient": Case(
        g.last_layer_gradient_factors,
        {"logits": LOGITS, "features": H, "objective": LABELS},
        "logits h objective",
        blind="logits",
    ),
    "last_linear": Case(
        lambda model, x: g.last_linear_layer(model, x).weight, {"model": MODEL, "x": X}, each=False, blind="x"
    ),
    "layer_gradient": Case(
        lambda **k: g.layer_gradient(layer="3", **k), {"model": MODEL, "x": X, "objective": LABELS}, ASK
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
    "loss_to": of_outputs(lambda other: g.contrast_loss(other), "other", other=OTHER_LABELS),
    "norms_from_gram": Case(
        g.gradient_norms_from_gram,
        {"gram": g.class_gradient_gram(MODEL, X), "logit_gradients": noise(N, C, seed=7)},
        "K delta",
        skip={"an axis more"},
    ),
    "norms_gradient": Case(lambda **k: g.input_gradient_of_norms(reduce_fn=lambda n: n.sum(1), **k), ASKED, ASK),
    "outputs": Case(g.model_outputs, {"model": MODEL, "x": X, "batch_size": 64}),
    "outputs_and_gradient": Case(g.outputs_and_input_gradient, ASKED, ASK),
    "outputs_and_jacobian": Case(
        g.outputs_and_class_gradients, {"model": MODEL, "x": X, "classes": RANKED, "batch_size": 64}, "x classes"
    ),
    "parameter_gradients": Case(g.per_sample_gradients, ASKED, ASK),
    "per_sample": of_outputs(lambda y: g.bind_per_sample(lambda z, y: (z - y).sum(1), y), "y", y=noise(N, C, seed=9)),
    "position_gradient": Case(
        lambda **k: g.spatial_gradients(layer="4", **k), {"model": MODEL, "x": X, "objective": LABELS}, ASK
    ),
    "position_logits": Case(lambda model, x: g.spatial_logits(model, x, "4"), {"model": MODEL, "x": X}),
    "reconstruction": of_outputs(lambda y: g.reconstruction_mse(y), "y", y=noise(N, C, seed=9)),
    "rectified_gradient": Case(g.relu_rule_gradient, ASKED, ASK),
    "split_at": Case(lambda model, x: g.split_forward(model, x, "3"), {"model": MODEL, "x": X}),
    "uniform": of_outputs(lambda: g.kl_from_uniform()),
    "value": Case(g.objective_values, ASKED, ASK),
}
LEFT_OUT = {
    "Objective": "what the objectives are made of; called by all of them",
    "Passes": "a record",
    "Positions": "a record",
    "counted": "a context, takes a model alone",
    "evaluating": "a context, takes a model alone",
    "find_layer": "takes a model and a name",
    "layer_names": "takes a model and names",
}
