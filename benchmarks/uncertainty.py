"""Gradient norms for a confounding label, for every layer, compared with pytorch-ood's GradUncertainty on two networks
for CIFAR-10.

The ResNet-18 is the architecture of the papers, with eleven million weights. The ResNet-20 has forty times fewer, and
per-image gradients of its small layers are cheap with any method.

The weights are random, because times do not depend on them. pytorch-ood adds its norms up to one number; it needs the
same passes.
"""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Callable
from functools import partial

import torch

from benchmarks.timing import peak_memory, ratio, time_interleaved
from tutorial_lib import gradients as g
from tutorial_lib import uncertainty as u
from tutorial_lib.models.cifar_resnet import CifarResNet

N_IMAGES = {"ResNet-18": 32, "ResNet-20": 256}
TARGETS = {
    "ResNet-18": (3, 5),
    "ResNet-20": (1, 10),
}  # (minimum ratio of the peer's time to ours, maximum ratio of our time to a forward pass)
LABELS = 100


def network(name: str = "ResNet-20", device="cpu") -> torch.nn.Module:
    """Return a network for images of 32×32 pixels, with random weights."""
    torch.manual_seed(0)
    if name == "ResNet-20":
        return CifarResNet(20).eval().to(device)
    from torchvision.models import resnet18

    model = resnet18(num_classes=10)
    # As usual for images of 32×32 pixels, no resolution is lost before the first block.
    model.conv1, model.maxpool = torch.nn.Conv2d(3, 64, 3, padding=1, bias=False), torch.nn.Identity()
    return model.eval().to(device)


def norm_methods(n: int | None = None, name: str = "ResNet-20", device="cpu") -> dict[str, Callable]:
    """Return implementations of squared gradient norms, by tensor or added up, and a forward pass for comparison."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pytorch_ood.detector import GradUncertainty

    n = n or N_IMAGES[name]
    model, x = network(name, device), torch.rand(n, 3, 32, 32, generator=torch.Generator().manual_seed(0)).to(device)
    theirs = GradUncertainty(model)
    return {
        "outputs": lambda: g.model_outputs(model, x),
        "confounding_norms": lambda: u.confounding_gradient_norms(
            model, x, activation="softmax", reduction="sum", group_by="tensor"
        ).square(),
        "pytorch-ood GradUncertainty": lambda: -theirs.predict(x),
    }


def label_methods(n: int = 64, device="cpu") -> dict[str, Callable]:
    """Return the gradient norms for many labels from one Gram matrix, and for some of them by one pass per label."""
    model, x = network(device=device), torch.rand(n, 3, 32, 32, generator=torch.Generator().manual_seed(0)).to(device)
    y = (torch.rand(LABELS, 10, generator=torch.Generator().manual_seed(1)) < 0.5).float().to(device)

    def norms_from_gram() -> torch.Tensor:
        K, z = g.class_gradient_gram(model, x), g.model_outputs(model, x)
        # δ depends on the logits alone, so the logits also stand in for the features, which are not used.
        delta = [g.last_layer_gradient_factors(z, z, g.confounding_label_loss(label))[0] for label in y]
        return g.gradient_norms_from_gram(K, torch.stack(delta).to(K))

    return {
        "label_norms": norms_from_gram,
        "ten passes": lambda: torch.stack([u.confounding_gradient_norms(model, x, label) for label in y[:10]]),
    }


def run(device: torch.device, rounds: int) -> list[dict]:
    """Return the rows of the benchmark: what was measured, the value, the target, and whether it is met."""
    rows = []

    def row(what: str, measured: float, target: float, least: bool, unit: str = "×"):
        met = measured >= target if least else measured <= target
        rows.append(
            {"what": what, "measured": round(measured, 3), "target": target, "unit": unit, "least": least, "met": met}
        )
        print(f"{what:85} {measured:8.2f} {unit}   target {'≥' if least else '≤'} {target}", flush=True)

    for name, (least, most) in TARGETS.items():
        build = partial(norm_methods, name=name)
        ways = build(device=device)
        torch.testing.assert_close(
            ways["confounding_norms"]().sum(1), ways["pytorch-ood GradUncertainty"](), rtol=1e-3, atol=1e-4
        )
        peer = {way: ways[way] for way in ("confounding_norms", "pytorch-ood GradUncertainty")}
        forward = {way: ways[way] for way in ("outputs", "confounding_norms")}
        seconds, passes = time_interleaved(peer, rounds, device), time_interleaved(forward, rounds, device)
        for way, durations in (passes | seconds).items():
            taken = round(statistics.median(durations), 4)
            rows.append({"what": f"{way}, {N_IMAGES[name]} images, {name}", "measured": taken, "unit": "s"})
            print(f"{rows[-1]['what']:85} {rows[-1]['measured']:8.3f} s", flush=True)
        times = ratio(seconds, "pytorch-ood GradUncertainty", "confounding_norms")
        row(f"norms, {name}: time of pytorch-ood GradUncertainty to ours", times, least, True)
        row(
            f"norms, {name}: our time to a pass without gradients",
            ratio(passes, "confounding_norms", "outputs"),
            most,
            False,
        )
        theirs, taken = (
            peak_memory(build, way, device) for way in ("pytorch-ood GradUncertainty", "confounding_norms")
        )
        row(f"norms, {name}: our peak memory to that of pytorch-ood ({theirs:.0f} MiB)", taken / theirs, 1 / 3, False)

    ways = label_methods(device=device)
    torch.testing.assert_close(ways["label_norms"]()[:10], ways["ten passes"](), rtol=1e-2, atol=1e-4)
    seconds = time_interleaved(ways, rounds, device)
    times = LABELS / 10 * ratio(seconds, "ten passes", "label_norms")
    row(f"norms for {LABELS} labels: time of a pass each (ten times ten) to the Gram matrix", times, 5, True)
    return rows
