"""The three dials on real photographs: a published CIFAR-10 network while pictures roll, change hue, meet weather, or show something else."""

from math import radians

import torch
from torch import Tensor, nn

from tutorial_lib.data import CHALLENGES, LEVELS, available, challenge, load, roll, turn_hue
from tutorial_lib.networks import pretrained

NETWORK = "cifar10/resnet20"
ANGLES = tuple(range(0, 181, 15))
STRANGERS = ("gtsrb", "dtd", "mnist", "digits")
SURE = 0.9
SMALL = {"ANGLES": (0, 90), "CHALLENGES": ("noise", "haze"), "LEVELS": (3,)}


@torch.no_grad()
def probabilities(model: nn.Module, images: Tensor) -> Tensor:
    return torch.cat([model(x).softmax(1) for x in images.split(256)])


def judged(model: nn.Module, images: Tensor, labels: Tensor | None) -> dict:
    """How often the network is right (where there is a right answer), how sure it is, how often it is very sure."""
    confidence, predicted = probabilities(model, images).max(1)
    right = None if labels is None else round(float((predicted == labels).float().mean()), 4)
    return {
        "pictures": len(images),
        "right": right,
        "confidence": round(float(confidence.mean()), 4),
        "very sure": round(float((confidence > SURE).float().mean()), 4),
    }


def dials(images: Tensor) -> dict[str, callable]:
    """Each dial as a function of degrees. The control rolls a picture half there and half back: the same smoothing, no roll."""
    return {
        "roll": lambda degrees: roll(images, radians(degrees)),
        "there and back": lambda degrees: roll(roll(images, radians(degrees / 2)), -radians(degrees / 2)),
        "hue": lambda degrees: turn_hue(images, radians(degrees)),
    }


def run(seed: int = 0, device="cpu") -> list[dict]:
    model = pretrained(NETWORK, device)
    images, labels = load("cifar10", "test", device=device)
    rows = []
    for dial, turned in dials(images).items():
        rows += [{"kind": dial, "amount": a, **judged(model, turned(a), labels)} for a in ANGLES]
    for kind in CHALLENGES:
        for level in LEVELS:
            seen = challenge(images, kind, level, generator=torch.Generator().manual_seed(seed))
            rows.append({"kind": kind, "amount": level, **judged(model, seen, labels)})
    for world in STRANGERS:
        if available(world):
            strangers = load(world, "test", size=32, device=device).images
            rows.append({"kind": "stranger", "amount": world, **judged(model, strangers, None)})
    return rows


def sources() -> list[dict]:
    sets = [load("cifar10", "test"), *(load(world, "test", size=32) for world in STRANGERS if available(world))]
    return [{"subset": pictures.subset, "sha256": pictures.sha256} for pictures in sets]
