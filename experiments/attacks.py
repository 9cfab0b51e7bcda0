"""Adversarial attacks on signs and photographs: success by budget, confidence, minimal perturbations, transferability,
detectors trained on one attack and tested on others, and adaptive attacks on the detectors.
"""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from experiments._attack_detectors import (
    NOISE,
    adaptive_attack_rows,
    features_of_attacks,
    format_value,
    make_generator,
    transfer_matrix,
)
from tutorial_lib import uncertainty as U
from tutorial_lib.data import is_available, load
from tutorial_lib.gradients import model_outputs
from tutorial_lib.metrics import auroc
from tutorial_lib.models import load as network_of
from tutorial_lib.models import load_pretrained

SIGNS = ("signs/classifier", "signs/classifier/1", "signs/classifier/2")
PHOTOS = "cifar10/resnet20"
N_IMAGES, N_SLOW, N_DETECTED, N_ATTEMPTED = 200, 40, 300, 60
BUDGETS = (0.5, 1, 2, 4, 8, 16)  # of 255
EXAMPLES_SHOWN = 8 / 255
L2_BUDGET = dict.fromkeys(SIGNS, 1.0) | {PHOTOS: 0.5}  # L2 norm
# Means over fewer images than these are not reported.
MINIMAL_ATTACKS = 10
SMALL = {
    "N_IMAGES": 28,
    "N_SLOW": 2,
    "N_DETECTED": 42,
    "N_ATTEMPTED": 14,
    "BUDGETS": (2, 16),
    "MINIMAL_ATTACKS": 1,
}
SMALL |= {"_attack_detectors.SPLITS": 1, "_attack_detectors.STEPS": 4}


def mean(values: Tensor) -> float | None:
    """Return the mean of the values, or None if there are too few."""
    return format_value(values.double().mean()) if len(values) >= MINIMAL_ATTACKS else None


def select_correct(name: str, count: int, device) -> tuple[nn.Module, Tensor, Tensor]:
    """Return a network, the first ``count`` test images that it classifies correctly, and their labels."""
    model = load_pretrained(name, device) if name == PHOTOS else network_of(name, device)
    x, y = load("cifar10" if name == PHOTOS else "signs", "test", limit=2 * count, device=device)[:2]
    correct = (model_outputs(model, x).argmax(1) == y).nonzero()[:count, 0]
    return model, x[correct], y[correct]


def perturbation_norms(adversarial: Tensor, x: Tensor) -> Tensor:
    """Return the L2 norms of the perturbations, (N,)."""
    return (adversarial - x).flatten(1).norm(dim=1)


def success_by_budget(name: str, model: nn.Module, x: Tensor, y: Tensor, seed: int) -> list[dict]:
    """Return success rates, confidences and the AUROC of maximum softmax by budget, with noise as the control."""
    ways = {
        NOISE: lambda eps: U.random_noise(x, eps=eps, generator=make_generator(seed)),
        "FGSM": lambda eps: U.fgsm(model, x, y, eps=eps),
        "PGD": lambda eps: U.pgd(model, x, y, eps=eps, generator=make_generator(seed)),
    }
    before = model_outputs(model, x)
    rows = []
    for attack, way in ways.items():
        for budget in BUDGETS:
            adversarial = way(budget / 255)
            z = model_outputs(model, adversarial)
            success, confidence = z.argmax(1) != y, z.softmax(1).amax(1)
            # The score distinguishes two probabilities that both round to 1.
            adversarial_scores, normal_scores = U.msp_score(z)[success], U.msp_score(before)
            row = {"kind": "budget", "network": name, "attack": attack, "budget": budget, "images": len(x)}
            row |= {"success": mean(success)}
            row |= {
                "confidence before": mean(before.softmax(1).amax(1)),
                "confidence in the wrong class": mean(confidence[success]),
            }
            row |= {"more confident than before": mean(adversarial_scores < normal_scores[success])}
            area = format_value(auroc(normal_scores, adversarial_scores)) if success.sum() >= MINIMAL_ATTACKS else None
            rows.append({**row, "max softmax": area, "L2": mean(perturbation_norms(adversarial, x))})
    return rows


def minimal_perturbations(name: str, model: nn.Module, x: Tensor, y: Tensor, seed: int) -> list[dict]:
    """Return the L2 norms of the minimal perturbations that attacks find, and the effect of noise of equal norm."""
    search = partial(U.carlini_wagner, binary_search_steps=5, n_steps=60, initial_const=0.1)
    rows = []
    for attack, way in {"DeepFool": U.deepfool, "Carlini-Wagner": search}.items():
        adversarial = way(model, x, y)
        z, size = model_outputs(model, adversarial), perturbation_norms(adversarial, x)
        success = z.argmax(1) != y
        noise = U.random_noise(x, eps=size, norm=2, generator=make_generator(seed))
        row = {"kind": "nearest", "network": name, "attack": attack, "images": len(x), "success": mean(success)}
        row |= {"L2": mean(size[success]), "median": format_value(size[success].median())}
        row |= {"confidence in the wrong class": mean(z.softmax(1).amax(1)[success])}
        rows.append({**row, "noise": mean(model_outputs(model, noise).argmax(1) != y)})
    return rows


def transferability(models: dict[str, nn.Module], x: Tensor, y: Tensor, seed: int) -> list[dict]:
    """Return how many adversarial images of one network fool another, among images that both classify correctly."""
    correct = {name: model_outputs(model, x).argmax(1) == y for name, model in models.items()}
    rows = []
    for name, model in models.items():
        attacked = {
            NOISE: U.random_noise(x, eps=EXAMPLES_SHOWN, generator=make_generator(seed)),
            "FGSM": U.fgsm(model, x, y, eps=EXAMPLES_SHOWN),
            "PGD": U.pgd(model, x, y, eps=EXAMPLES_SHOWN, generator=make_generator(seed)),
        }
        for attack, adversarial in attacked.items():
            for other, other_model in models.items():
                both = correct[name] & correct[other]
                success = model_outputs(other_model, adversarial[both]).argmax(1) != y[both]
                row = {
                    "kind": "transfer",
                    "network": name,
                    "to": other,
                    "attack": attack,
                    "images": int(both.sum()),
                }
                rows.append({**row, "success": mean(success)})
    return rows


def detector_rows_by_attack(name: str, model: nn.Module, x: Tensor, y: Tensor, seed: int) -> dict[str, Tensor]:
    """Return the adversarial images of each attack, and noise of the largest size; "PGD, first" stops at a success."""
    return {
        NOISE: U.random_noise(x, eps=EXAMPLES_SHOWN, generator=make_generator(seed)),
        "FGSM": U.fgsm(model, x, y, eps=EXAMPLES_SHOWN),
        "PGD": U.pgd(model, x, y, eps=EXAMPLES_SHOWN, generator=make_generator(seed)),
        "PGD, L2": U.pgd(model, x, y, eps=L2_BUDGET[name], norm=2, generator=make_generator(seed)),
        "PGD, first": U.bim(
            model, x, y, eps=EXAMPLES_SHOWN, alpha=EXAMPLES_SHOWN / 16, n_steps=16, return_point="first"
        ),
        "DeepFool": U.deepfool(model, x, y),
    }


def describe_attacks(name: str, model: nn.Module, x: Tensor, y: Tensor, attacked: dict[str, Tensor]) -> list[dict]:
    """Return success rates, perturbation sizes and confidences of the attacks on which detectors are trained."""
    rows = []
    for family, adversarial in attacked.items():
        z, change = model_outputs(model, adversarial), adversarial - x
        success = z.argmax(1) != y
        row = {"kind": "family", "network": name, "family": family, "images": len(x), "success": mean(success)}
        row |= {
            "confidence in the wrong class": mean(z.softmax(1).amax(1)[success]),
            "L2": mean(perturbation_norms(adversarial, x)[success]),
        }
        rows.append({**row, "largest of 255": mean(255 * change.flatten(1).abs().amax(1)[success])})
    return rows


def part_names() -> list[str]:
    """Return the names of the parts: budgets and detectors of each network, and the transfer between networks."""
    networks = (*SIGNS, *([PHOTOS] if is_available("cifar10") else []))
    return [f"{kind}, {name}" for name in networks for kind in ("budgets", "detectors")] + ["transfer"]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    """Return the rows of one part."""
    kind, _, name = part.partition(", ")
    if kind == "transfer":
        x, y = load("signs", "test", limit=N_IMAGES, device=device)[:2]
        return transferability({name: network_of(name, device) for name in SIGNS}, x, y, seed)
    model, x, y = select_correct(name, N_DETECTED, device)
    if kind == "budgets":
        return success_by_budget(name, model, x[:N_IMAGES], y[:N_IMAGES], seed) + minimal_perturbations(
            name, model, x[:N_SLOW], y[:N_SLOW], seed
        )
    attacked = detector_rows_by_attack(name, model, x, y, seed)
    inputs = features_of_attacks(model, x, y, attacked)
    rows = describe_attacks(name, model, x, y, attacked) + transfer_matrix(name, inputs, seed)
    if name in (SIGNS[0], PHOTOS):
        rows += adaptive_attack_rows(name, model, x, y, attacked, inputs, seed, eps=EXAMPLES_SHOWN, count=N_ATTEMPTED)
    return rows


def data_sources() -> list[dict]:
    """Return the data sets that the table depends on."""
    sets = [load("cifar10", "test", limit=2 * N_DETECTED)] if is_available("cifar10") else []
    return [{"subset": images.description, "sha256": images.sha256} for images in sets]
