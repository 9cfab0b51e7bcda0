"""Attacks compared with torchattacks and foolbox at equal settings, on a ResNet-18 for images of CIFAR size or on a
shipped network.

The cost of ten steps does not depend on the weights, so that they are random. Attacks that search until they succeed
are measured on a trained network.
"""

from __future__ import annotations

import copy
import statistics
import warnings
from collections.abc import Callable

import torch
from torch import nn

from benchmarks.gradients import network
from benchmarks.timing import ratio, time_interleaved
from tutorial_lib import uncertainty as u
from tutorial_lib.models import load

EPS, STEP, STEPS = 8 / 255, 2 / 255, 10
SEARCHES, BINARY_SEARCH_STEPS, INITIAL_CONST = 5, 60, 0.1


def peer_attacks():
    """Import torchattacks and foolbox without the warnings about names that have moved inside scipy."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import foolbox
        import torchattacks
    return torchattacks, foolbox


def steps(n: int = 16, device="cpu") -> dict[str, Callable]:
    """Return three implementations of ten PGD steps without a random start, on the same images."""
    torchattacks, foolbox = peer_attacks()
    torch.manual_seed(0)
    model = network(device)
    x = torch.rand(n, 3, 32, 32, generator=torch.Generator().manual_seed(0)).to(device)
    y = torch.randint(0, 10, (n,), generator=torch.Generator().manual_seed(1)).to(device)
    other, third = copy.deepcopy(model), copy.deepcopy(model)
    theirs = torchattacks.PGD(other, eps=EPS, alpha=STEP, steps=STEPS, random_start=False)
    wrapped = foolbox.PyTorchModel(third, bounds=(0, 1), device=device)
    attack = foolbox.attacks.LinfBasicIterativeAttack(abs_stepsize=STEP, steps=STEPS, random_start=False)
    return {
        "pgd": lambda: u.pgd(model, x, y, eps=EPS, alpha=STEP, n_steps=STEPS, random_start=False),
        "torchattacks PGD": lambda: theirs(x, y),
        "foolbox PGD": lambda: attack.run(wrapped, x, foolbox.criteria.Misclassification(y), epsilon=EPS),
    }


def sign_images(n: int, device="cpu") -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """Return a trained network that ships with the library, signs that it classifies correctly, and their labels."""
    from tutorial_lib.data import SIGNS, render

    model, y = load("signs/classifier", device), torch.arange(2 * n) % len(SIGNS)
    x = render(y, generator=torch.Generator().manual_seed(7)).to(device)
    y = y.to(device)
    with torch.no_grad():
        correct = (model(x).argmax(1) == y).nonzero()[:n, 0]
    return model, x[correct], y[correct]


def minimal_attacks(
    n: int = 16, device="cpu", searches: int = SEARCHES, tries: int = BINARY_SEARCH_STEPS
) -> dict[str, Callable]:
    """Return implementations of DeepFool and of the Carlini-Wagner search with the same settings."""
    torchattacks, foolbox = peer_attacks()
    model, x, y = sign_images(n, device)
    wrapped = foolbox.PyTorchModel(copy.deepcopy(model), bounds=(0, 1), device=device)
    criterion = foolbox.criteria.Misclassification(y)
    deep, theirs = foolbox.attacks.L2DeepFoolAttack(), torchattacks.DeepFool(copy.deepcopy(model))
    search = foolbox.attacks.L2CarliniWagnerAttack(
        binary_search_steps=searches, steps=tries, initial_const=INITIAL_CONST
    )
    return {
        "deepfool": lambda: u.deepfool(model, x, y),
        "torchattacks DeepFool": lambda: theirs(x, y),
        "foolbox DeepFool": lambda: deep.run(wrapped, x, criterion),
        "carlini_wagner": lambda: u.carlini_wagner(
            model, x, y, binary_search_steps=searches, n_steps=tries, initial_const=INITIAL_CONST
        ),
        "foolbox Carlini-Wagner": lambda: search.run(wrapped, x, criterion),
    }


def success_rates(adversarial: torch.Tensor, model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> tuple[float, float]:
    """Return the success rate of an attack, and the mean L2 norm of its successful perturbations."""
    success = u.attack_success(model, x, adversarial.detach(), y)[1]
    norms = (adversarial.detach() - x)[success].flatten(1).norm(dim=1)
    return success.double().mean().item(), norms.mean().item()


def run(device: torch.device, rounds: int) -> list[dict]:
    """Return the rows of the benchmark: what was measured, the value, the target, and whether it is met."""
    rows = []

    def row(what: str, measured: float, target: float, least: bool, unit: str = "×"):
        met = measured >= target if least else measured <= target
        rows.append(
            {"what": what, "measured": round(measured, 3), "target": target, "unit": unit, "least": least, "met": met}
        )
        print(f"{what:85} {measured:8.2f} {unit}   target {'≥' if least else '≤'} {target}", flush=True)

    def against(ways: dict[str, Callable], ours: str, other: str) -> dict[str, list[float]]:
        return time_interleaved({name: ways[name] for name in (ours, other)}, rounds, device)

    ways = steps(device=device)
    exact = ways["pgd"]()
    for name, aim in (("torchattacks PGD", 1), ("foolbox PGD", 1.5)):
        same = (ways[name]() - exact).abs().flatten(1).amax(1) < 1e-6
        assert same.double().mean() > 0.9, name
        seconds = against(ways, "pgd", name)
        if not rows:
            usual = round(statistics.median(seconds["pgd"]), 4)
            rows.append({"what": "pgd, 10 steps, 16 images, ResNet-18", "measured": usual, "unit": "s"})
            print(f"{rows[-1]['what']:85} {rows[-1]['measured']:8.3f} s", flush=True)
        row(f"PGD, 10 steps: time of {name} to ours", ratio(seconds, name, "pgd"), aim, True)

    ways, (model, x, y) = minimal_attacks(device=device), sign_images(16, device)
    rates = {name: success_rates(way(), model, x, y) for name, way in ways.items()}
    for ours, name, aim in (
        ("deepfool", "torchattacks DeepFool", 4),
        ("deepfool", "foolbox DeepFool", 2),
        ("carlini_wagner", "foolbox Carlini-Wagner", 1),
    ):
        seconds = against(ways, ours, name)
        row(f"{ours}, 16 signs: time of {name} to ours", ratio(seconds, name, ours), aim, True)
        row(
            f"{ours}: our share fooled to that of {name} ({rates[name][0]:.0%})",
            rates[ours][0] / rates[name][0],
            1,
            True,
        )
        if rates[ours][0] == rates[name][0]:
            what = f"{ours}: our mean change, L2, to that of {name} ({rates[name][1]:.3f})"
            row(what, rates[ours][1] / rates[name][1], 1, False)
    return rows
