"""Attacks on signs and on photographs: what a budget buys, how sure the network is afterwards, what it takes at least, whether
one network's pictures fool another, which detector sees which attack, and what is left once the attacker knows the detector."""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from studies._attack_detectors import NOISE, knowing, matrix, seen, short, source
from tutorial_lib import uncertainty as U
from tutorial_lib.data import available, load
from tutorial_lib.gradients import outputs
from tutorial_lib.measures import auroc
from tutorial_lib.networks import load as network_of
from tutorial_lib.networks import pretrained

SIGNS = ("signs/classifier", "signs/classifier/1", "signs/classifier/2")
PHOTOS = "cifar10/resnet20"
PICTURES, FEW, DETECTED, ATTEMPTED = 200, 40, 300, 60
BUDGETS = (0.5, 1, 2, 4, 8, 16)  # of 255
SHOWN = 8 / 255
LENGTH = dict.fromkeys(SIGNS, 1.0) | {PHOTOS: 0.5}  # the budget in L2
# Of fewer pictures than these, no share is worth a row.
LEAST = 10
SMALL = {"PICTURES": 28, "FEW": 2, "DETECTED": 42, "ATTEMPTED": 14, "BUDGETS": (2, 16), "LEAST": 1}
SMALL |= {"_attack_detectors.SPLITS": 1, "_attack_detectors.STEPS": 4}


def mean(values: Tensor) -> float | None:
    """None where there is too little to average."""
    return short(values.double().mean()) if len(values) >= LEAST else None


def asked(name: str, count: int, device) -> tuple[nn.Module, Tensor, Tensor]:
    """A network, and of the test pictures the first ``count`` that it gets right, with their labels."""
    model = pretrained(name, device) if name == PHOTOS else network_of(name, device)
    x, y = load("cifar10" if name == PHOTOS else "signs", "test", limit=2 * count, device=device)[:2]
    right = (outputs(model, x).argmax(1) == y).nonzero()[:count, 0]
    return model, x[right], y[right]


def sizes(found: Tensor, x: Tensor) -> Tensor:
    return (found - x).flatten(1).norm(dim=1)


def budgets(name: str, model: nn.Module, x: Tensor, y: Tensor, seed: int) -> list[dict]:
    """Success against budget, beside noise as large; how sure the network is of the wrong answer; what maximum softmax sees."""
    ways = {
        NOISE: lambda eps: U.random_noise(x, eps=eps, generator=source(seed)),
        "FGSM": lambda eps: U.fgsm(model, x, y, eps=eps),
        "PGD": lambda eps: U.pgd(model, x, y, eps=eps, generator=source(seed)),
    }
    before = outputs(model, x)
    rows = []
    for attack, way in ways.items():
        for budget in BUDGETS:
            found = way(budget / 255)
            z = outputs(model, found)
            fell, p = z.argmax(1) != y, z.softmax(1).amax(1)
            # Of two probabilities that round to 1, the score still knows the larger.
            doubt, doubted = U.max_softmax(z)[fell], U.max_softmax(before)
            row = {"kind": "budget", "network": name, "attack": attack, "budget": budget, "pictures": len(x)}
            row |= {"success": mean(fell)}
            row |= {"sure before": mean(before.softmax(1).amax(1)), "sure of the wrong": mean(p[fell])}
            row |= {"surer than before": mean(doubt < doubted[fell])}
            seen_by_softmax = short(auroc(doubted, doubt)) if fell.sum() >= LEAST else None
            rows.append({**row, "max softmax": seen_by_softmax, "L2": mean(sizes(found, x))})
    return rows


def nearest(name: str, model: nn.Module, x: Tensor, y: Tensor, seed: int) -> list[dict]:
    """The smallest change that was found, in L2, and noise of just that size."""
    search = partial(U.carlini_wagner, searches=5, steps=60, c=0.1)
    rows = []
    for attack, way in {"DeepFool": U.deepfool, "Carlini-Wagner": search}.items():
        found = way(model, x, y)
        z, size = outputs(model, found), sizes(found, x)
        fell = z.argmax(1) != y
        noise = U.random_noise(x, eps=size, norm=2, generator=source(seed))
        row = {"kind": "nearest", "network": name, "attack": attack, "pictures": len(x), "success": mean(fell)}
        row |= {"L2": mean(size[fell]), "median": short(size[fell].median())}
        row |= {"sure of the wrong": mean(z.softmax(1).amax(1)[fell])}
        rows.append({**row, "noise": mean(outputs(model, noise).argmax(1) != y)})
    return rows


def handed_over(models: dict[str, nn.Module], x: Tensor, y: Tensor, seed: int) -> list[dict]:
    """Pictures made for one network, shown to another: among those that both got right, how many fool it too?"""
    right = {name: outputs(model, x).argmax(1) == y for name, model in models.items()}
    rows = []
    for name, model in models.items():
        made = {
            NOISE: U.random_noise(x, eps=SHOWN, generator=source(seed)),
            "FGSM": U.fgsm(model, x, y, eps=SHOWN),
            "PGD": U.pgd(model, x, y, eps=SHOWN, generator=source(seed)),
        }
        for attack, found in made.items():
            for other, judge in models.items():
                both = right[name] & right[other]
                fell = outputs(judge, found[both]).argmax(1) != y[both]
                row = {
                    "kind": "handed over",
                    "network": name,
                    "to": other,
                    "attack": attack,
                    "pictures": int(both.sum()),
                }
                rows.append({**row, "success": mean(fell)})
    return rows


def families(name: str, model: nn.Module, x: Tensor, y: Tensor, seed: int) -> dict[str, Tensor]:
    """Attacked pictures, a family each, and noise as large as the largest of them. "PGD, first" stops as soon as it fools."""
    return {
        NOISE: U.random_noise(x, eps=SHOWN, generator=source(seed)),
        "FGSM": U.fgsm(model, x, y, eps=SHOWN),
        "PGD": U.pgd(model, x, y, eps=SHOWN, generator=source(seed)),
        "PGD, L2": U.pgd(model, x, y, eps=LENGTH[name], norm=2, generator=source(seed)),
        "PGD, first": U.bim(model, x, y, eps=SHOWN, step=SHOWN / 16, steps=16, keep="first"),
        "DeepFool": U.deepfool(model, x, y),
    }


def described(name: str, model: nn.Module, x: Tensor, y: Tensor, made: dict[str, Tensor]) -> list[dict]:
    """What the families of the detectors are: how often they fool, how large they are, and how sure the network is then."""
    rows = []
    for family, found in made.items():
        z, change = outputs(model, found), found - x
        fell = z.argmax(1) != y
        row = {"kind": "family", "network": name, "family": family, "pictures": len(x), "success": mean(fell)}
        row |= {"sure of the wrong": mean(z.softmax(1).amax(1)[fell]), "L2": mean(sizes(found, x)[fell])}
        rows.append({**row, "largest of 255": mean(255 * change.flatten(1).abs().amax(1)[fell])})
    return rows


def parts() -> list[str]:
    """What a budget buys and who sees it, for each network; and last, whether pictures made for one fool another."""
    networks = (*SIGNS, *([PHOTOS] if available("cifar10") else []))
    return [f"{kind}, {name}" for name in networks for kind in ("budgets", "detectors")] + ["handed over"]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    kind, _, name = part.partition(", ")
    if kind == "handed over":
        x, y = load("signs", "test", limit=PICTURES, device=device)[:2]
        return handed_over({name: network_of(name, device) for name in SIGNS}, x, y, seed)
    model, x, y = asked(name, DETECTED, device)
    if kind == "budgets":
        return budgets(name, model, x[:PICTURES], y[:PICTURES], seed) + nearest(name, model, x[:FEW], y[:FEW], seed)
    made = families(name, model, x, y, seed)
    found = seen(model, x, y, made)
    rows = described(name, model, x, y, made) + matrix(name, found, seed)
    if name in (SIGNS[0], PHOTOS):
        rows += knowing(name, model, x, y, made, found, seed, eps=SHOWN, count=ATTEMPTED)
    return rows


def run(seed: int = 0, device="cpu") -> list[dict]:
    return [row for part in parts() for row in run_part(part, seed, device)]


def sources() -> list[dict]:
    sets = [load("cifar10", "test", limit=2 * DETECTED)] if available("cifar10") else []
    return [{"subset": pictures.subset, "sha256": pictures.sha256} for pictures in sets]
