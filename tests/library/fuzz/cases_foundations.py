"""The methods of chapter 1, with good arguments."""

import torch

from tests.library.fuzz.mutations import Case
from tests.library.fuzz.sample_inputs import LABELS, LOGITS, MODEL, OTHER_LABELS, C, D, H, N, X, noise
from tutorial_lib import foundations as f

W, B = noise(C, D, seed=5, low=-1), noise(C, seed=6)
POINTS = noise(N, 2)
M = torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=torch.float64)
T = torch.linspace(0.01, 1, 20, dtype=torch.float64)
STATES = [{"w": noise(2, 3, seed=s)} for s in range(4)]
MANY, KINDS = torch.cat([H, H + 0.1 * noise(*H.shape), H - 0.2]), torch.tensor([0, 1, 0, 1, 0, 1, 0, 1, 0])
TRUST = f.TrustScore().fit(MANY, KINDS)
EVERY = {"rows": "", "each": False}


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
        lambda h, label: f.TrustScore(k=1, alpha=0.1).fit(h, label).distances(h + 1),
        {"h": MANY, "label": KINDS},
        "h label",
        each=False,
    ),
    "behaviour": Case(
        lambda path: float(len(f.classify_trajectory(bowl, path))), {"path": noise(9, 2)}, "", each=False, blind="path"
    ),
    "class_means": Case(f.class_mean_gradients, {"gradients": MANY, "labels": KINDS}, "gradients labels", each=False),
    "compose": Case(
        lambda gradients, learned: f.decompose_gradients(gradients, learned),
        {"gradients": H, "learned": noise(2, D)},
        "gradients",
    ),
    "curvature": Case(lambda theta: f.numerical_hessian(bowl, theta), {"theta": POINTS[0]}, **EVERY),
    "descend": Case(
        lambda start: f.gradient_descent(bowl, start, lr=0.1, n_steps=3)[-1],
        {"start": POINTS},
        "start",
        skip={"an axis less"},
    ),
    "dual_norm": Case(f.dual_norm, {"gradient": POINTS}, "gradient"),
    "dual_norm M": Case(lambda gradient, M: f.dual_norm(gradient, "M", M=M), {"gradient": POINTS, "M": M}, "gradient"),
    "fisher_diagonal": Case(f.fisher_diagonal, {"model": MODEL, "x": X, "batch_size": 16}, each=False),
    "last_layer_matrix": Case(f.last_layer_gradient_matrix, {"logit_gradients": LOGITS, "features": H}, "delta h"),
    "least_bend": Case(
        f.minimal_weight_update, {"W": W, "b": B, "features": H, "P": LABELS, "Q": OTHER_LABELS}, "h P Q"
    ),
    "least_move": Case(
        f.minimal_feature_shift, {"W": W, "b": B, "features": H, "P": LABELS, "Q": OTHER_LABELS}, "h P Q"
    ),
    "loss_plane": Case(
        lambda model, x, y: f.loss_surface(model, x, y, f.random_weight_direction(model), a=[0.0, 1.0]),
        {"model": MODEL, "x": X, "y": LABELS},
        "x y",
        each=False,
    ),
    "picture_radius": Case(
        f.input_linearization_radius,
        {"model": MODEL, "x": X, "objective": LABELS, "distances": T, "batch_size": 64},
        "x objective",
        far="a line that holds",
    ),
    "quadratic": Case(lambda H, theta: f.quadratic(H)(theta), {"H": M, "theta": POINTS}, "theta"),
    "random_walk": Case(lambda w: f.random_walk_like([*STATES, {"w": w}]), {"w": noise(2, 3)}, **EVERY),
    "select_by_switches": Case(
        lambda events: f.gaussian_switch_sampling(events, 2), {"events": torch.tensor([0, 9, 0, 8, 1, 3])}, **EVERY
    ),
    "slope": Case(lambda theta: f.surface_gradient(bowl, theta), {"theta": POINTS}, "theta"),
    "steepest": Case(f.steepest_descent_step, {"gradient": POINTS}, "gradient"),
    "steepest l1": Case(lambda gradient: f.steepest_descent_step(gradient, "l1"), {"gradient": POINTS}, "gradient"),
    "steepest linf": Case(lambda gradient: f.steepest_descent_step(gradient, "linf"), {"gradient": POINTS}, "gradient"),
    "steepest M": Case(
        lambda gradient, M: f.steepest_descent_step(gradient, "M", M=M), {"gradient": POINTS, "M": M}, "gradient"
    ),
    "steepest spectral": Case(
        lambda gradient: f.steepest_descent_step(gradient, "spectral"), {"gradient": noise(N, 2, 3)}, "gradient"
    ),
    "step_length": Case(f.step_norm, {"step": POINTS}, "step"),
    "step_length spectral": Case(lambda step: f.step_norm(step, "spectral"), {"step": noise(N, 2, 3)}, "step"),
    "switch_events": Case(f.switch_events, {"predictions": torch.tensor([[0, 2], [1, 2], [0, 2]])}, **EVERY),
    "trajectory_plane": Case(lambda w: f.trajectory_pca([*STATES, {"w": w}]), {"w": noise(2, 3)}, **EVERY),
    "validity_radius": Case(
        f.linearization_radius,
        {"losses": (T - T**2).repeat(N, 1), "slope": noise(N), "start": noise(N, seed=1), "distances": T},
        "losses slope start",
        far="a line that holds",
    ),
    "variation_in": Case(lambda w: f.explained_variance([*STATES, {"w": w}], STATES[:1]), {"w": noise(2, 3)}, **EVERY),
    "weight_radius": Case(
        f.weight_linearization_radius,
        {"model": MODEL, "x": X, "objective": LABELS, "distances": T, "batch_size": 16},
        "x objective",
        far="a line that holds",
    ),
}
LEFT_OUT = {
    "Composition": "a record",
    "NORMS": "a list",
    "SmallNetwork": "a network: what it is given is checked where it is asked",
    "SURFACES": "a list",
    "Surface": "a record",
    "Trajectory": "a record",
    "quadratic_penalty": "takes a model and dictionaries of its own parameters",
    "random_direction": "takes a model alone",
}
