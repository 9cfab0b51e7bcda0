"""Novelty detection with the gradient of a VAE, and the same detector on inputs that need no backward pass.

The VAE, the detector and the images are those of the experiment ``gradcon``. The controls are the norms of all
activations, and the residual, which is the difference between the image and its reconstruction.
"""

import torch
from torch import Tensor

from experiments import gradcon
from experiments.gradcon import aurocs, average_rows, corruption_rows, make_generator, train_vae
from tutorial_lib.gradients import bernoulli_nll
from tutorial_lib.models import VariationalAutoencoder
from tutorial_lib.uncertainty import PurviewDetector, activation_norms, add_gaussian_noise, layer_gradient_features

NORMAL_SIGNS, SEEDS = ("stop", "speed 30", "hump", "ahead only"), (0,)
SMALL = {f"gradcon.{name}": value for name, value in gradcon.SMALL.items()}


def detector_inputs(vae: VariationalAutoencoder, x: Tensor) -> dict[str, Tensor]:
    """Return the inputs of the detectors, (N, …) each; only the gradient needs a backward pass."""
    with torch.no_grad():
        residual = (x - vae(x)).flatten(1)
    norms = activation_norms(vae, x).clamp(min=1e-30).log()
    gradient = layer_gradient_features(vae, x, objective=bernoulli_nll)
    return {"gradient": gradient, "activation norms": norms, "residual": residual}


def run_sign(normal: str, seed: int, device) -> list[dict]:
    """Return the AUROC of every detector for other signs, and for the normal sign under corruption."""
    images, same, others = gradcon.signs(normal, seed, device)
    vae = train_vae(images, seed, gradcon.VAE_STEPS)
    clean = detector_inputs(vae, images)
    noisy = detector_inputs(vae, add_gaussian_noise(images, generator=make_generator(seed)))
    detectors = {
        name: PurviewDetector(**gradcon.CLASSIFIER_HIDDEN).fit(clean[name], noisy[name], generator=make_generator(seed))
        for name in clean
    }

    def score(x: Tensor) -> dict[str, Tensor]:
        inputs = detector_inputs(vae, x)
        scores = {name: detector.score(inputs[name]) for name, detector in detectors.items()}
        squares = inputs["residual"].square()
        return scores | {"gradient norm": inputs["gradient"].norm(dim=1), "squared error": squares.mean(1)}

    (corrupted,) = average_rows([{"normal": normal, **row} for row in corruption_rows(score, same, seed)], "normal")
    del corrupted["runs"]
    rows = {"other signs": aurocs(score(same), score(others)), "corrupted signs": corrupted}
    return [{"dataset": name, "normal": normal, "seed": seed, **row} for name, row in rows.items()]


def part_names() -> list[str]:
    """Return the names of the parts, one per sign."""
    return list(NORMAL_SIGNS)


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    """Return the rows of one sign."""
    return [row for own_seed in SEEDS for row in run_sign(part, seed + own_seed, device)]
