"""A second look at photographs: the study of signs on a published CIFAR-10 network with 64 features, three heads of each kind."""

from torch import nn

from studies.introspection import HEAD_SEEDS, NOTHING, augmented, compared, joined, seen, weathered
from tutorial_lib.data import available, load
from tutorial_lib.networks import pretrained

NETWORK = "cifar10/resnet20"
KEPT_BACK = 232  # test pictures for the temperature; the others are tested on
SMALL = {
    "HEAD_SEEDS": 1,
    "introspection.EPOCHS": 1,
    "introspection.CHALLENGES": ("noise", "haze"),
    "introspection.LEVELS": (3,),
}


def parts() -> list[str]:
    return ["clean", "augmented"]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    """All heads that learned from pictures of this kind."""
    model = pretrained(NETWORK, device)
    last = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
    (images, labels), (asked, answers) = (load("cifar10", split, device=device)[:2] for split in ("train", "test"))
    back, back_labels, tested, tested_labels = (
        asked[:KEPT_BACK],
        answers[:KEPT_BACK],
        asked[KEPT_BACK:],
        answers[KEPT_BACK:],
    )
    clean, challenged = (
        seen(model, tested, tested_labels),
        weathered(model, tested, tested_labels, seed, each=len(tested)),
    )
    a, b = (images, back) if part == "clean" else (augmented(images, seed), augmented(back, seed + 1))
    learned, kept_back = seen(model, a, labels), seen(model, b, back_labels)
    found = compared(last, learned, clean, challenged, kept_back, seeds=tuple(range(seed, seed + HEAD_SEEDS)))
    # The network on the pictures that its heads learn from: the method asks for one that hardly errs there.
    right, rows = round(float((learned.z.argmax(1) == labels).float().mean()), 4), []
    for row in found:
        row |= {"network": NETWORK, "trained": part, "pictures": len(labels)}
        rows.append(row | ({"right on these": right} if row["head"] == NOTHING and row["kind"] == "head" else {}))
    return rows


def run(seed: int = 0, device="cpu") -> list[dict]:
    return joined([run_part(part, seed, device) for part in parts()])


def sources() -> list[dict]:
    sets = [load("cifar10", split) for split in ("train", "test")] if available("cifar10") else []
    return [{"subset": pictures.subset, "sha256": pictures.sha256} for pictures in sets]
