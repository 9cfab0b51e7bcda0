"""Attacks on signs and on photographs: what a budget buys, how sure the network is afterwards, what it takes at least, whether
one network's pictures fool another, which detector sees which attack, and what is left once the attacker knows the detector."""

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
L2_BUDGET = dict.fromkeys(SIGNS, 1.0) | {PHOTOS: 0.5}  # the budget in L2
# Of fewer pictures than these, no share is worth a row.
MINIMAL_ATTACKS = 10
QUICK_TRIAL = {
    "N_IMAGES": 28,
    "N_SLOW": 2,
    "N_DETECTED": 42,
    "N_ATTEMPTED": 14,
    "BUDGETS": (2, 16),
    "MINIMAL_ATTACKS": 1,
}
QUICK_TRIAL |= {"_attack_detectors.SPLITS": 1, "_attack_detectors.STEPS": 4}


def mean(values: Tensor) -> float | None:
    """None where there is too little to average."""
    return format_value(values.double().mean()) if len(values) >= MINIMAL_ATTACKS else None


def select_correct(name: str, count: int, device) -> tuple[nn.Module, Tensor, Tensor]:
    """A network, and of the test pictures the first ``count`` that it gets right, with their labels."""
    model = load_pretrained(name, device) if name == PHOTOS else network_of(name, device)
    x, y = load("cifar10" if name == PHOTOS else "signs", "test", limit=2 * count, device=device)[:2]
    right = (model_outputs(model, x).argmax(1) == y).nonzero()[:count, 0]
    return model, x[right], y[right]


def perturbation_norms(found: Tensor, x: Tensor) -> Tensor:
    return (found - x).flatten(1).norm(dim=1)


def success_by_budget(name: str, model: nn.Module, x: Tensor, y: Tensor, seed: int) -> list[dict]:
    """Success against budget, beside noise as large; how sure the network is of the wrong answer; what maximum softmax sees."""
    ways = {
        NOISE: lambda eps: U.random_noise(x, eps=eps, generator=make_generator(seed)),
        "FGSM": lambda eps: U.fgsm(model, x, y, eps=eps),
        "PGD": lambda eps: U.pgd(model, x, y, eps=eps, generator=make_generator(seed)),
    }
    before = model_outputs(model, x)
    rows = []
    for attack, way in ways.items():
        for budget in BUDGETS:
            found = way(budget / 255)
            z = model_outputs(model, found)
            fell, p = z.argmax(1) != y, z.softmax(1).amax(1)
            # Of two probabilities that round to 1, the score still knows the larger.
            doubt, doubted = U.msp_score(z)[fell], U.msp_score(before)
            row = {"kind": "budget", "network": name, "attack": attack, "budget": budget, "pictures": len(x)}
            row |= {"success": mean(fell)}
            row |= {"sure before": mean(before.softmax(1).amax(1)), "sure of the wrong": mean(p[fell])}
            row |= {"surer than before": mean(doubt < doubted[fell])}
            seen_by_softmax = format_value(auroc(doubted, doubt)) if fell.sum() >= MINIMAL_ATTACKS else None
            rows.append({**row, "max softmax": seen_by_softmax, "L2": mean(perturbation_norms(found, x))})
    return rows


def minimal_perturbations(name: str, model: nn.Module, x: Tensor, y: Tensor, seed: int) -> list[dict]:
    """The smallest change that was found, in L2, and noise of just that size."""
    search = partial(U.carlini_wagner, binary_search_steps=5, n_steps=60, initial_const=0.1)
    rows = []
    for attack, way in {"DeepFool": U.deepfool, "Carlini-Wagner": search}.items():
        found = way(model, x, y)
        z, size = model_outputs(model, found), perturbation_norms(found, x)
        fell = z.argmax(1) != y
        noise = U.random_noise(x, eps=size, norm=2, generator=make_generator(seed))
        row = {"kind": "nearest", "network": name, "attack": attack, "pictures": len(x), "success": mean(fell)}
        row |= {"L2": mean(size[fell]), "median": format_value(size[fell].median())}
        row |= {"sure of the wrong": mean(z.softmax(1).amax(1)[fell])}
        rows.append({**row, "noise": mean(model_outputs(model, noise).argmax(1) != y)})
    return rows


def transferability(models: dict[str, nn.Module], x: Tensor, y: Tensor, seed: int) -> list[dict]:
    """Pictures made for one network, shown to another: among those that both got right, how many fool it too?"""
    right = {name: model_outputs(model, x).argmax(1) == y for name, model in models.items()}
    rows = []
    for name, model in models.items():
        made = {
            NOISE: U.random_noise(x, eps=EXAMPLES_SHOWN, generator=make_generator(seed)),
            "FGSM": U.fgsm(model, x, y, eps=EXAMPLES_SHOWN),
            "PGD": U.pgd(model, x, y, eps=EXAMPLES_SHOWN, generator=make_generator(seed)),
        }
        for attack, found in made.items():
            for other, judge in models.items():
                both = right[name] & right[other]
                fell = model_outputs(judge, found[both]).argmax(1) != y[both]
                row = {
                    "kind": "handed over",
                    "network": name,
                    "to": other,
                    "attack": attack,
                    "pictures": int(both.sum()),
                }
                rows.append({**row, "success": mean(fell)})
    return rows


def detector_rows_by_attack(name: str, model: nn.Module, x: Tensor, y: Tensor, seed: int) -> dict[str, Tensor]:
    """Attacked pictures, a family each, and noise as large as the largest of them. "PGD, first" stops as soon as it fools."""
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


def describe_attacks(name: str, model: nn.Module, x: Tensor, y: Tensor, made: dict[str, Tensor]) -> list[dict]:
    """What the families of the detectors are: how often they fool, how large they are, and how sure the network is then."""
    rows = []
    for family, found in made.items():
        z, change = model_outputs(model, found), found - x
        fell = z.argmax(1) != y
        row = {"kind": "family", "network": name, "family": family, "pictures": len(x), "success": mean(fell)}
        row |= {"sure of the wrong": mean(z.softmax(1).amax(1)[fell]), "L2": mean(perturbation_norms(found, x)[fell])}
        rows.append({**row, "largest of 255": mean(255 * change.flatten(1).abs().amax(1)[fell])})
    return rows


def part_names() -> list[str]:
    """What a budget buys and who sees it, for each network; and last, whether pictures made for one fool another."""
    networks = (*SIGNS, *([PHOTOS] if is_available("cifar10") else []))
    return [f"{kind}, {name}" for name in networks for kind in ("budgets", "detectors")] + ["handed over"]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    kind, _, name = part.partition(", ")
    if kind == "handed over":
        x, y = load("signs", "test", limit=N_IMAGES, device=device)[:2]
        return transferability({name: network_of(name, device) for name in SIGNS}, x, y, seed)
    model, x, y = select_correct(name, N_DETECTED, device)
    if kind == "budgets":
        return success_by_budget(name, model, x[:N_IMAGES], y[:N_IMAGES], seed) + minimal_perturbations(
            name, model, x[:N_SLOW], y[:N_SLOW], seed
        )
    made = detector_rows_by_attack(name, model, x, y, seed)
    found = features_of_attacks(model, x, y, made)
    rows = describe_attacks(name, model, x, y, made) + transfer_matrix(name, found, seed)
    if name in (SIGNS[0], PHOTOS):
        rows += adaptive_attack_rows(name, model, x, y, made, found, seed, eps=EXAMPLES_SHOWN, count=N_ATTEMPTED)
    return rows


def run(seed: int = 0, device="cpu") -> list[dict]:
    return [row for part in part_names() for row in run_part(part, seed, device)]


def data_sources() -> list[dict]:
    sets = [load("cifar10", "test", limit=2 * N_DETECTED)] if is_available("cifar10") else []
    return [{"subset": images.description, "sha256": images.sha256} for images in sets]
