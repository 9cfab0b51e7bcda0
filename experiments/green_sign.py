"""The share of the gradient for a green stop sign that the class *stop* explains, also for networks with gray images.

The gradient is described by the mean gradients of the known classes, with several methods.
"""

import torch
from torch import Tensor, nn

from experiments.train_sign_networks import training_images
from tutorial_lib.data import SIGNS, load, render, sample_scenes
from tutorial_lib.foundations import class_mean_gradients, decompose_gradients, last_layer_gradient_matrix
from tutorial_lib.gradients import (
    cross_entropy,
    kl_from_uniform,
    last_layer_gradient_factors,
    penultimate_features,
    per_sample_gradients,
)
from tutorial_lib.models import SignClassifier, train
from tutorial_lib.models import load as load_network

SIGN_NETWORKS = ("signs/classifier", "signs/classifier/1", "signs/classifier/2")
GRAY_NETWORKS = ("trained without color/0", "trained without color/1", "trained without color/2")
N_GRAY, GRAY_EPOCHS, N_TEST = 1_400, 8, 420  # images and epochs of the networks without color, and test images
N_PAIRS, N_MEANS, N_MEANS_ALL_LAYERS = 100, 1_400, 280  # scenes; training images of the mean gradients
SMALL = {"N_GRAY": 140, "GRAY_EPOCHS": 1, "N_TEST": 28, "N_PAIRS": 4, "N_MEANS": 140, "N_MEANS_ALL_LAYERS": 28}


def gray(images: Tensor) -> Tensor:
    """Return images whose three channels are the mean of the three channels."""
    return images.mean(1, keepdim=True).expand_as(images).contiguous()


def features_and_gradients(model: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """Return the representations of each image that are decomposed, and the softmax probabilities."""
    z, h = (torch.cat(part) for part in zip(*(penultimate_features(model, x) for x in images.split(250)), strict=True))
    objectives = {"uniform target": kl_from_uniform(), "predicted class": cross_entropy()}
    last_layer = {
        f"last layer, {name}": last_layer_gradient_matrix(*last_layer_gradient_factors(z, h, objective))
        for name, objective in objectives.items()
    }
    return {**last_layer, "features": h, "softmax": z.softmax(1)}


def all_layer_gradients(model: nn.Module, images: Tensor) -> Tensor:
    """Return the gradient of all parameters for a uniform target, one row per image."""
    parts = (per_sample_gradients(model, x, kl_from_uniform()) for x in images.split(50))
    return torch.cat([torch.cat([g.flatten(1) for g in part.values()], 1) for part in parts])


def coefficient_summary(coefficients: Tensor, c: int) -> dict:
    """Return the mean coefficient of class c, its standard error over images, its rank, and how often it is largest.

    The rank is that of the mean coefficient among all classes; 1 is the largest.
    """
    mean = coefficients.mean(0)
    return {
        "coefficient": round(float(mean[c]), 4),
        "coefficient_se": round(float(coefficients[:, c].std() / len(coefficients) ** 0.5), 4),
        "rank": int((mean > mean[c]).sum()) + 1,
        "largest": SIGNS[int(mean.argmax())],
        "share largest": round(float((coefficients.argmax(1) == c).float().mean()), 4),
    }


def coefficient_rows(model: nn.Module, images: Tensor, labels: Tensor, groups: dict[str, Tensor]) -> list[dict]:
    """Return the coefficient of *stop* in each group of images, for each method."""
    stop, rows = SIGNS.index("stop"), []
    train_side = features_and_gradients(model, images[:N_MEANS])
    means = {name: class_mean_gradients(v, labels[:N_MEANS]) for name, v in train_side.items() if name != "softmax"}
    n = N_MEANS_ALL_LAYERS
    means["all layers, uniform target"] = class_mean_gradients(all_layer_gradients(model, images[:n]), labels[:n])
    for group, x in groups.items():
        sides = features_and_gradients(model, x)
        sides["all layers, uniform target"] = all_layer_gradients(model, x)
        for method, values in sides.items():
            is_softmax = method == "softmax"
            coefficients = values if is_softmax else decompose_gradients(values, means[method]).coefficients
            rows.append({"method": method, "group": group, "count": len(x), **coefficient_summary(coefficients, stop)})
    return rows


def part_names() -> list[str]:
    """Return the names of the parts."""
    return [*SIGN_NETWORKS, *GRAY_NETWORKS]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    """Return the rows of one network. The scenes are the same for all networks and for both signs."""
    scene = sample_scenes(N_PAIRS, generator=torch.Generator().manual_seed(seed), device=device)
    red, green = (render([sign] * N_PAIRS, scene=scene) for sign in ("stop", "green stop"))
    test = load("signs", "test", limit=N_TEST, device=device)
    groups = {"red, gray": gray(red), "green, gray": gray(green)}
    if part in SIGN_NETWORKS:
        model, (images, labels) = load_network(part, device), load("signs", "train", limit=N_MEANS, device=device)
        groups, test_images = {"red": red, "green": green, **groups}, test.images
    else:
        own_seed = seed + GRAY_NETWORKS.index(part)
        with torch.random.fork_rng():
            torch.manual_seed(own_seed)
            model = SignClassifier().to(device)
        images, labels = training_images(own_seed, N_GRAY)
        images, labels, test_images = gray(images).to(device), labels.to(device), gray(test.images)
        generator = torch.Generator().manual_seed(own_seed)
        train(model, images, labels, epochs=GRAY_EPOCHS, generator=generator, progress=False)
    predicted = features_and_gradients(model, test_images)["softmax"].argmax(1)
    accuracy = round(float((predicted == test.labels).float().mean()), 4)
    key = {"network": part, "accuracy": accuracy}
    return [{**key, **row} for row in coefficient_rows(model, images, labels, groups)]
