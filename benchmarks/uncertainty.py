"""Norms towards a confounding label, every layer's, beside pytorch-ood's GradUncertainty, on the ResNet-20 for CIFAR-10.

The weights are drawn: times do not depend on them. pytorch-ood adds its norms up to one number; the passes it needs are the same.
"""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Callable

import torch

from benchmarks.measure import alternate, peak, ratio
from tutorial_lib import gradients as g
from tutorial_lib import uncertainty as u
from tutorial_lib.networks.resnet import CifarResNet

PICTURES = 256
LABELS = 100


def network(device="cpu") -> torch.nn.Module:
    torch.manual_seed(0)
    return CifarResNet(20).eval().to(device)


def norms(n: int = PICTURES, device="cpu") -> dict[str, Callable]:
    """The squared norms of one gradient, for every tensor of every layer or added up; and what the pictures' answers cost."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pytorch_ood.detector import GradUncertainty

    model, x = network(device), torch.rand(n, 3, 32, 32, generator=torch.Generator().manual_seed(0)).to(device)
    theirs = GradUncertainty(model)
    return {
        "outputs": lambda: g.outputs(model, x),
        "confounding_norms": lambda: u.confounding_norms(model, x, link="softmax", reduction="sum", by="tensor").square(),
        "pytorch-ood GradUncertainty": lambda: -theirs.predict(x),
    }


def labels(n: int = 64, device="cpu") -> dict[str, Callable]:
    """The norms for many labels: from one Gram matrix, and a pass each for some of them."""
    model, x = network(device), torch.rand(n, 3, 32, 32, generator=torch.Generator().manual_seed(0)).to(device)
    y = (torch.rand(LABELS, 10, generator=torch.Generator().manual_seed(1)) < 0.5).float().to(device)
    return {
        "label_norms": lambda: u.label_norms(g.gradient_gram(model, x), g.outputs(model, x), y),
        "ten passes": lambda: torch.stack([u.confounding_norms(model, x, label) for label in y[:10]]),
    }


def run(device: torch.device, rounds: int) -> list[dict]:
    """Rows: what, measured, target, and whether it is met."""
    rows = []

    def row(what: str, measured: float, target: float, least: bool, unit: str = "×"):
        met = measured >= target if least else measured <= target
        rows.append({"what": what, "measured": round(measured, 3), "target": target, "unit": unit, "least": least, "met": met})
        print(f"{what:85} {measured:8.2f} {unit}   target {'≥' if least else '≤'} {target}", flush=True)

    ways = norms(device=device)
    torch.testing.assert_close(ways["confounding_norms"]().sum(1), ways["pytorch-ood GradUncertainty"](), rtol=1e-3, atol=1e-4)
    peer = {name: ways[name] for name in ("confounding_norms", "pytorch-ood GradUncertainty")}
    forward = {name: ways[name] for name in ("outputs", "confounding_norms")}
    seconds, passes = alternate(peer, rounds, device), alternate(forward, rounds, device)
    for name, found in (passes | seconds).items():
        taken = round(statistics.median(found), 4)
        rows.append({"what": f"{name}, {PICTURES} pictures, ResNet-20", "measured": taken, "unit": "s"})
        print(f"{rows[-1]['what']:85} {rows[-1]['measured']:8.3f} s", flush=True)
    times = ratio(seconds, "pytorch-ood GradUncertainty", "confounding_norms")
    row("norms: time of pytorch-ood GradUncertainty to ours", times, 3, True)
    row("norms: our time to a pass without gradients", ratio(passes, "confounding_norms", "outputs"), 5, False)
    theirs, taken = (peak(norms, way, device) for way in ("pytorch-ood GradUncertainty", "confounding_norms"))
    row(f"norms: our peak memory to that of pytorch-ood ({theirs:.0f} MiB)", taken / theirs, 1 / 3, False)

    ways = labels(device=device)
    torch.testing.assert_close(ways["label_norms"]()[:10], ways["ten passes"](), rtol=1e-2, atol=1e-4)
    seconds = alternate(ways, rounds, device)
    times = LABELS / 10 * ratio(seconds, "ten passes", "label_norms")
    row(f"norms for {LABELS} labels: time of a pass each (ten times ten) to the Gram matrix", times, 5, True)
    return rows
