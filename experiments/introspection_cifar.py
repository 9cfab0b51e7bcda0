"""Introspective classification of photographs, with a published CIFAR-10 network and three heads of each kind."""

from torch import nn

from experiments.introspection_signs import (
    HEAD_SEEDS,
    NO_CORRUPTION,
    augmented,
    compare_heads,
    corrupted_outputs,
    join_parts,  # noqa: F401, because its parts are joined in the same way
    model_outputs,
)
from tutorial_lib.data import is_available, load
from tutorial_lib.models import load_pretrained

NETWORK = "cifar10/resnet20"
N_CALIBRATION = 232  # test images that calibrate the temperature; the others are the test set
SMALL = {
    "HEAD_SEEDS": 1,
    "introspection_signs.EPOCHS": 1,
    "introspection_signs.CORRUPTIONS": ("noise", "haze"),
    "introspection_signs.SEVERITIES": (3,),
}


def part_names() -> list[str]:
    """Return the names of the parts."""
    return ["clean", "augmented"]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    """Return the rows of all heads trained on images of one kind."""
    model = load_pretrained(NETWORK, device)
    last_layer = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
    (train_images, train_labels), (test_images, test_labels) = (
        load("cifar10", split, device=device)[:2] for split in ("train", "test")
    )
    calibration, calibration_labels, remaining, remaining_labels = (
        test_images[:N_CALIBRATION],
        test_labels[:N_CALIBRATION],
        test_images[N_CALIBRATION:],
        test_labels[N_CALIBRATION:],
    )
    clean, corrupted = (
        model_outputs(model, remaining, remaining_labels),
        corrupted_outputs(model, remaining, remaining_labels, seed, each=len(remaining)),
    )
    a, b = (
        (train_images, calibration)
        if part == "clean"
        else (augmented(train_images, seed), augmented(calibration, seed + 1))
    )
    train_outputs, calibration_outputs = (
        model_outputs(model, a, train_labels),
        model_outputs(model, b, calibration_labels),
    )
    head_rows = compare_heads(
        last_layer, train_outputs, clean, corrupted, calibration_outputs, seeds=tuple(range(seed, seed + HEAD_SEEDS))
    )
    # The accuracy of the network on the training images of its heads, where the method requires few errors.
    accuracy, rows = round(float((train_outputs.z.argmax(1) == train_labels).float().mean()), 4), []
    for row in head_rows:
        row |= {"network": NETWORK, "trained": part, "images": len(train_labels)}
        rows.append(
            row
            | (
                {"accuracy on training images": accuracy}
                if row["head"] == NO_CORRUPTION and row["kind"] == "head"
                else {}
            )
        )
    return rows


def data_sources() -> list[dict]:
    """Return the data sets that the table depends on."""
    sets = [load("cifar10", split) for split in ("train", "test")] if is_available("cifar10") else []
    return [{"subset": images.description, "sha256": images.sha256} for images in sets]
