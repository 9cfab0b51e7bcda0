"""A second look at photographs: the study of signs on a published CIFAR-10 network with 64 features, three heads of each kind."""

from torch import nn

from experiments.introspection_signs import (
    HEAD_SEEDS,
    NO_CORRUPTION,
    augmented,
    compare_heads,
    corrupted_outputs,
    join_parts,
    model_outputs,
)
from tutorial_lib.data import is_available, load
from tutorial_lib.models import load_pretrained

NETWORK = "cifar10/resnet20"
N_CALIBRATION = 232  # test pictures for the temperature; the others are tested on
SMALL = {
    "HEAD_SEEDS": 1,
    "introspection_signs.EPOCHS": 1,
    "introspection_signs.CORRUPTIONS": ("noise", "haze"),
    "introspection_signs.SEVERITIES": (3,),
}


def parts() -> list[str]:
    return ["clean", "augmented"]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    """All heads that learned from pictures of this kind."""
    model = load_pretrained(NETWORK, device)
    last = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
    (images, labels), (asked, answers) = (load("cifar10", split, device=device)[:2] for split in ("train", "test"))
    back, back_labels, tested, tested_labels = (
        asked[:N_CALIBRATION],
        answers[:N_CALIBRATION],
        asked[N_CALIBRATION:],
        answers[N_CALIBRATION:],
    )
    clean, challenged = (
        model_outputs(model, tested, tested_labels),
        corrupted_outputs(model, tested, tested_labels, seed, each=len(tested)),
    )
    a, b = (images, back) if part == "clean" else (augmented(images, seed), augmented(back, seed + 1))
    learned, kept_back = model_outputs(model, a, labels), model_outputs(model, b, back_labels)
    found = compare_heads(last, learned, clean, challenged, kept_back, seeds=tuple(range(seed, seed + HEAD_SEEDS)))
    # The network on the pictures that its heads learn from: the method asks for one that hardly errs there.
    right, rows = round(float((learned.z.argmax(1) == labels).float().mean()), 4), []
    for row in found:
        row |= {"network": NETWORK, "trained": part, "pictures": len(labels)}
        rows.append(row | ({"right on these": right} if row["head"] == NO_CORRUPTION and row["kind"] == "head" else {}))
    return rows


def run(seed: int = 0, device="cpu") -> list[dict]:
    return join_parts([run_part(part, seed, device) for part in parts()])


def sources() -> list[dict]:
    sets = [load("cifar10", split) for split in ("train", "test")] if is_available("cifar10") else []
    return [{"subset": images.description, "sha256": images.sha256} for images in sets]
