"""Accuracy and confidence of a published CIFAR-10 network under rotations, hue shifts and corruptions, and on OOD
data.
"""

from math import radians

import torch
from torch import Tensor, nn

from tutorial_lib.data import CORRUPTIONS, SEVERITIES, corrupt, is_available, load, rotate
from tutorial_lib.data.transforms import hue_rotation_matrix
from tutorial_lib.models import load_pretrained

NETWORK = "cifar10/resnet20"
ANGLES = tuple(range(0, 181, 15))
OOD_DATASETS = ("gtsrb", "dtd", "mnist", "digits")
CONFIDENT = 0.9
SMALL = {"ANGLES": (0, 90), "CORRUPTIONS": ("noise", "haze"), "SEVERITIES": (3,)}


@torch.no_grad()
def probabilities(model: nn.Module, images: Tensor) -> Tensor:
    """Return the class probabilities, (N, C)."""
    return torch.cat([model(x).softmax(1) for x in images.split(256)])


def accuracy_and_confidence(model: nn.Module, images: Tensor, labels: Tensor | None) -> dict:
    """Return the mean confidence, the share of confident predictions and, with labels, the accuracy and the gap."""
    confidence, predicted = probabilities(model, images).max(1)
    row = {
        "images": len(images),
        "accuracy": None,
        "confidence": round(float(confidence.mean()), 4),
        "confidence_se": standard_error(confidence),
        "confident": round(float((confidence > CONFIDENT).float().mean()), 4),
    }
    if labels is not None:
        correct = (predicted == labels).float()
        gap = confidence - correct
        row |= {"accuracy": round(float(correct.mean()), 4)}
        row |= {"gap": round(float(gap.mean()), 4), "gap_se": standard_error(gap)}
    return row


def standard_error(values: Tensor) -> float:
    """Return the standard error of the mean of independent values."""
    return round(float(values.std() / len(values) ** 0.5), 5)


def rotate_hue(images: Tensor, angle: float) -> Tensor:
    """Return images with their hues rotated by an angle in radians, clamped to [0, 1]; gray pixels keep their color."""
    angles = torch.full((len(images),), angle, dtype=images.dtype, device=images.device)
    return torch.einsum("nij,njhw->nihw", hue_rotation_matrix(angles), images).clamp(0, 1)


def transform_sweep(images: Tensor) -> dict[str, callable]:
    """Return the transforms as functions of degrees; the control, halfway and back, is interpolated twice."""
    return {
        "roll": lambda degrees: rotate(images, radians(degrees)),
        "there and back": lambda degrees: rotate(rotate(images, radians(degrees / 2)), -radians(degrees / 2)),
        "hue": lambda degrees: rotate_hue(images, radians(degrees)),
    }


def run(seed: int = 0, device="cpu") -> list[dict]:
    """Return the rows of the table."""
    model = load_pretrained(NETWORK, device)
    images, labels = load("cifar10", "test", device=device)
    rows = []
    for kind, transform in transform_sweep(images).items():
        rows += [{"kind": kind, "amount": a, **accuracy_and_confidence(model, transform(a), labels)} for a in ANGLES]
    for kind in CORRUPTIONS:
        for level in SEVERITIES:
            corrupted = corrupt(images, kind, level, generator=torch.Generator().manual_seed(seed))
            rows.append({"kind": kind, "amount": level, **accuracy_and_confidence(model, corrupted, labels)})
    for name in OOD_DATASETS:
        if is_available(name):
            ood_images = load(name, "test", size=32, device=device).images
            rows.append({"kind": "OOD", "amount": name, **accuracy_and_confidence(model, ood_images, None)})
    return rows


def data_sources() -> list[dict]:
    """Return the data sets that the table depends on."""
    sets = [load("cifar10", "test"), *(load(name, "test", size=32) for name in OOD_DATASETS if is_available(name))]
    return [{"subset": images.description, "sha256": images.sha256} for images in sets]
