"""The three dials on real photographs: a published CIFAR-10 network while pictures roll, change hue, meet weather, or show something else."""

from math import radians

import torch
from torch import Tensor, nn

from tutorial_lib.data import CORRUPTIONS, SEVERITIES, corrupt, is_available, load, rotate, rotate_hue
from tutorial_lib.models import load_pretrained

NETWORK = "cifar10/resnet20"
ANGLES = tuple(range(0, 181, 15))
OOD_DATASETS = ("gtsrb", "dtd", "mnist", "digits")
CONFIDENT = 0.9
SMALL = {"ANGLES": (0, 90), "CORRUPTIONS": ("noise", "haze"), "SEVERITIES": (3,)}


@torch.no_grad()
def probabilities(model: nn.Module, images: Tensor) -> Tensor:
    return torch.cat([model(x).softmax(1) for x in images.split(256)])


def accuracy_and_confidence(model: nn.Module, images: Tensor, labels: Tensor | None) -> dict:
    """How often the network is right (where there is a right answer), how sure it is, how often it is very sure."""
    confidence, predicted = probabilities(model, images).max(1)
    right = None if labels is None else round(float((predicted == labels).float().mean()), 4)
    return {
        "pictures": len(images),
        "right": right,
        "confidence": round(float(confidence.mean()), 4),
        "very sure": round(float((confidence > CONFIDENT).float().mean()), 4),
    }


def transform_sweep(images: Tensor) -> dict[str, callable]:
    """Each dial as a function of degrees. The control rolls a picture half there and half back: the same smoothing, no roll."""
    return {
        "roll": lambda degrees: rotate(images, radians(degrees)),
        "there and back": lambda degrees: rotate(rotate(images, radians(degrees / 2)), -radians(degrees / 2)),
        "hue": lambda degrees: rotate_hue(images, radians(degrees)),
    }


def run(seed: int = 0, device="cpu") -> list[dict]:
    model = load_pretrained(NETWORK, device)
    images, labels = load("cifar10", "test", device=device)
    rows = []
    for dial, turned in transform_sweep(images).items():
        rows += [{"kind": dial, "amount": a, **accuracy_and_confidence(model, turned(a), labels)} for a in ANGLES]
    for kind in CORRUPTIONS:
        for level in SEVERITIES:
            seen = corrupt(images, kind, level, generator=torch.Generator().manual_seed(seed))
            rows.append({"kind": kind, "amount": level, **accuracy_and_confidence(model, seen, labels)})
    for world in OOD_DATASETS:
        if is_available(world):
            strangers = load(world, "test", size=32, device=device).images
            rows.append({"kind": "stranger", "amount": world, **accuracy_and_confidence(model, strangers, None)})
    return rows


def sources() -> list[dict]:
    sets = [load("cifar10", "test"), *(load(world, "test", size=32) for world in OOD_DATASETS if is_available(world))]
    return [{"subset": images.description, "sha256": images.sha256} for images in sets]
