"""The functions of ``tutorial_lib.foundations`` with valid arguments."""

import torch

from tests.library.fuzz.mutations import Case
from tests.library.fuzz.sample_inputs import LABELS, LOGITS, MODEL, OTHER_LABELS, C, D, H, N, X, noise
from tutorial_lib import foundations as f

W, B = noise(C, D, seed=5, low=-1), noise(C, seed=6)
POINTS = noise(N, 2)
M = torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=torch.float64)
T = torch.linspace(0.01, 1, 8, dtype=torch.float64)
STATES = [{"w": noise(2, 3, seed=s)} for s in range(4)]
MANY_FEATURES, FEATURE_LABELS = (
    torch.cat([H, H + 0.1 * noise(*H.shape), H - 0.2]),
    torch.tensor([0, 1, 0, 1, 0, 1, 0, 1, 0]),
)
TRUST = f.TrustScore().fit(MANY_FEATURES, FEATURE_LABELS)
NOT_PER_ROW = {"rows": "", "each": False}


def bowl(theta):
    return theta.square().sum(1)


CASES = {
    "TrustScore": Case(
        lambda h, label, batch_size: TRUST.score(h, label, batch_size=batch_size),
        {"h": H, "label": torch.tensor([0, 1, 0]), "batch_size": 64},
        "h label",
        far="a stored one",
    ),
    "TrustScore.fit": Case(
        lambda h, label: f.TrustScore(k=1, alpha=0.1).fit(h, label).distances(MANY_FEATURES + 1),
        {"h": MANY_FEATURES, "label": FEATURE_LABELS},
        "h label",
        each=False,
    ),
    "class_mean_gradients": Case(
        f.class_mean_gradients, {"gradients": MANY_FEATURES, "labels": FEATURE_LABELS}, "gradients labels", each=False
    ),
    "decompose_gradients": Case(
        lambda gradients, learned: f.decompose_gradients(gradients, learned),
        {"gradients": H, "learned": noise(2, D)},
        "gradients",
    ),
    "numerical_hessian": Case(lambda theta: f.numerical_hessian(bowl, theta), {"theta": POINTS[0]}, **NOT_PER_ROW),
    "gradient_descent": Case(
        lambda start: f.gradient_descent(bowl, start, lr=0.1, n_steps=3)[-1],
        {"start": POINTS},
        "start",
        skip={"an axis less"},
    ),
    "dual_norm": Case(f.dual_norm, {"gradient": POINTS}, "gradient"),
    "dual_norm M": Case(lambda gradient, M: f.dual_norm(gradient, "M", M=M), {"gradient": POINTS, "M": M}, "gradient"),
    "fisher_diagonal": Case(f.fisher_diagonal, {"model": MODEL, "x": X, "batch_size": 16}, each=False),
    "last_layer_gradient_matrix": Case(
        f.last_layer_gradient_matrix, {"logit_gradients": LOGITS, "features": H}, "logit_gradients features"
    ),
    "minimal_weight_update": Case(
        f.minimal_weight_update, {"W": W, "b": B, "features": H, "P": LABELS, "Q": OTHER_LABELS}, "features P Q"
    ),
    "loss_surface": Case(
        lambda model, x, y: f.loss_surface(model, x, y, f.random_weight_direction(model), a=[0.0, 1.0]),
        {"model": MODEL, "x": X, "y": LABELS},
        "x y",
        each=False,
    ),
    "input_linearization_radius": Case(
        f.input_linearization_radius,
        {"model": MODEL, "x": X, "objective": LABELS, "distances": T, "batch_size": 64},
        "x objective",
        far="a line that holds",
    ),
    "random_walk_like": Case(lambda w: f.random_walk_like([*STATES, {"w": w}]), {"w": noise(2, 3)}, **NOT_PER_ROW),
    "gaussian_switch_sampling": Case(
        lambda events: f.gaussian_switch_sampling(events, 2),
        {"events": torch.tensor([0, 9, 0, 8, 1, 3])},
        **NOT_PER_ROW,
    ),
    "surface_gradient": Case(lambda theta: f.surface_gradient(bowl, theta), {"theta": POINTS}, "theta"),
    "steepest_descent_step": Case(f.steepest_descent_step, {"gradient": POINTS}, "gradient"),
    "steepest_descent_step l1": Case(
        lambda gradient: f.steepest_descent_step(gradient, "l1"), {"gradient": POINTS}, "gradient"
    ),
    "steepest_descent_step linf": Case(
        lambda gradient: f.steepest_descent_step(gradient, "linf"), {"gradient": POINTS}, "gradient"
    ),
    "steepest_descent_step M": Case(
        lambda gradient, M: f.steepest_descent_step(gradient, "M", M=M), {"gradient": POINTS, "M": M}, "gradient"
    ),
    "steepest_descent_step spectral": Case(
        lambda gradient: f.steepest_descent_step(gradient, "spectral"), {"gradient": noise(N, 2, 3)}, "gradient"
    ),
    "step_norm": Case(f.step_norm, {"step": POINTS}, "step"),
    "step_norm spectral": Case(lambda step: f.step_norm(step, "spectral"), {"step": noise(N, 2, 3)}, "step"),
    "switch_events": Case(f.switch_events, {"predictions": torch.tensor([[0, 2], [1, 2], [0, 2]])}, **NOT_PER_ROW),
    "trajectory_pca": Case(lambda w: f.trajectory_pca([*STATES, {"w": w}]), {"w": noise(2, 3)}, **NOT_PER_ROW),
    "linearization_radius": Case(
        f.linearization_radius,
        {"losses": (T - T**2).repeat(N, 1), "slope": noise(N), "start": noise(N, seed=1), "distances": T},
        "losses slope start",
        far="a line that holds",
    ),
    "explained_variance": Case(
        lambda w: f.explained_variance([*STATES, {"w": w}], STATES[:1]), {"w": noise(2, 3)}, **NOT_PER_ROW
    ),
}
LEFT_OUT = {
    "Decomposition": "a record",
    "NORMS": "a list",
    "TrajectoryPCA": "a record",
    "ewc_penalty": "takes a model and dictionaries of its own parameters",
    "random_weight_direction": "takes a model alone",
}
