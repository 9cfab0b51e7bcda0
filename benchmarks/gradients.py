"""The gradient engine compared with ordinary training steps, torch.func and BackPACK, on a ResNet-18 for images of
CIFAR size.

Opacus is not included, because it supports neither BatchNorm nor evaluation mode.
"""

from __future__ import annotations

import copy
import re
import statistics
import warnings
from collections.abc import Callable

import torch
import torchvision
from torch import nn
from torch.func import functional_call, grad, vmap
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.timing import fastest, peak_memory, ratio, time_interleaved
from tutorial_lib import gradients as g

# Images that vmap(grad) processes at a time; the fastest number is compared with our method.
VMAP_BATCH_SIZES = (4, 8, 16, 32, 64)


def network(device="cpu") -> nn.Module:
    """Return a ResNet-18 for images of 32×32 pixels, with random weights."""
    model = torchvision.models.resnet18(weights=None, num_classes=10)
    model.conv1, model.maxpool = nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.Identity()
    return model.eval().to(device)


def norm_methods(n: int = 64, device="cpu") -> dict[str, Callable]:
    """Return implementations of per-sample gradient norms by parameter tensor, and one training step for comparison."""
    torch.manual_seed(0)
    model, x, y = network(device), torch.rand(n, 3, 32, 32, device=device), torch.randint(0, 10, (n,), device=device)
    trained, parameters = copy.deepcopy(model), {k: p.detach() for k, p in model.named_parameters()}

    def ordinary():
        trained.zero_grad(set_to_none=True)
        nn.functional.cross_entropy(trained(x), y).backward()

    def ours():
        return g.per_sample_gradient_norms(model, x, g.cross_entropy(y), group_by="tensor", batch_size=n)

    def naive(batch_size):
        one = grad(lambda p, x, y: nn.functional.cross_entropy(functional_call(model, p, (x[None],)), y[None]))
        with torch.no_grad():
            parts = [
                vmap(one, (None, 0, 0))(parameters, *part) for part in zip(x.split(batch_size), y.split(batch_size))
            ]
        return torch.cat([torch.stack([v.flatten(1).norm(dim=1) for v in part.values()], 1) for part in parts])

    ways = {"forward and backward": ordinary, "gradient_norms": ours}
    sizes = sorted({min(size, n) for size in VMAP_BATCH_SIZES})
    ways |= {f"vmap(grad), {size} at a time": lambda size=size: naive(size) for size in sizes}
    try:
        from backpack import backpack, extend
        from backpack.extensions import BatchL2Grad
    except ImportError:
        return ways
    other = copy.deepcopy(model)
    for module in other.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    other, loss = extend(other, use_converter=True).eval(), extend(nn.CrossEntropyLoss(reduction="sum"))

    def theirs():
        other.zero_grad(set_to_none=True)
        with warnings.catch_warnings(), backpack(BatchL2Grad()):
            warnings.simplefilter("ignore")
            loss(other(x), y).backward()
        return torch.stack([p.batch_l2.sqrt() for p in other.parameters()], 1)

    return ways | {"BackPACK BatchL2Grad": theirs}


def flops(f: Callable) -> int:
    """Return the number of floating-point operations of a call."""
    with FlopCounterMode(display=False) as counter:
        f()
    return counter.get_total_flops()


def run(device: torch.device, rounds: int) -> list[dict]:
    """Return the rows of the benchmark: what was measured, the value, the target, and whether it is met."""
    rows = []

    def row(what: str, measured: float, target: float | None = None, least: bool = False):
        rows.append({"what": what, "measured": round(measured, 3), "unit": "×"})
        if target is not None:
            rows[-1] |= {"target": target, "least": least, "met": measured >= target if least else measured <= target}
        print(f"{what:75} {measured:8.2f} ×", flush=True)

    ways = norm_methods(device=device)
    ours = ways["gradient_norms"]
    exact = ours()
    for name, way in list(ways.items())[2:]:
        norms = way().sort(1).values
        assert torch.allclose(norms, exact.sort(1).values, rtol=1e-2, atol=1e-5 * exact.max().item()), name
    vmap_ways = {name: way for name, way in ways.items() if name.startswith("vmap")}
    slower = vmap_ways.keys() - {fastest(vmap_ways, device)}
    ways = {name: way for name, way in ways.items() if name not in slower}
    # Each peer takes turns with our method only, because the memory that one leaves behind can double the time of
    # another.
    seconds = time_interleaved(
        {name: ways[name] for name in ("forward and backward", "gradient_norms")}, rounds, device
    )
    peers = {
        name: time_interleaved({name: ways[name], "gradient_norms": ours}, rounds, device) for name in list(ways)[2:]
    }
    for name, times in (seconds | {name: times[name] for name, times in peers.items()}).items():
        name = "vmap(grad)" if name in vmap_ways else name
        rows.append({"what": f"{name}, 64 images", "measured": round(statistics.median(times), 4), "unit": "s"})
        print(f"{name:75} {rows[-1]['measured']:8.3f} s", flush=True)
    for name, times in peers.items():
        peer = "vmap(grad), at its fastest batch size," if name in vmap_ways else name
        row(f"norms: time of {peer} to ours", ratio(times, name, "gradient_norms"))
    (best,) = vmap_ways.keys() - slower
    rows.append(
        {"what": "fastest batch size of vmap(grad)", "measured": int(re.search(r"\d+", best)[0]), "unit": "images"}
    )
    row(
        "norms: our time to an ordinary forward and backward",
        ratio(seconds, "gradient_norms", "forward and backward"),
        1,
    )
    usual, taken = (peak_memory(norm_methods, way, device) for way in ("forward and backward", "gradient_norms"))
    row(f"norms: our peak memory to the ordinary one ({usual:.0f} MiB)", taken / usual, 1.5, False)

    model, x = network(device), torch.rand(8, 3, 32, 32, device=device)
    jacobian = {
        "class_jacobian": lambda: g.class_jacobian(model, x),
        "repeated": lambda: g.input_gradient(
            model, x.repeat_interleave(10, 0), torch.arange(10, device=device).repeat(8), batch_size=80
        ),
    }
    row(
        "class Jacobian, C = 10: FLOPs to those of the input repeated",
        flops(jacobian["class_jacobian"]) / flops(jacobian["repeated"]),
        0.6,
        False,
    )
    row(
        "class Jacobian, C = 10: time of the input repeated to ours",
        ratio(time_interleaved(jacobian, rounds, device), "repeated", "class_jacobian"),
        1.3,
        True,
    )
    row(
        "layer gradient of a late layer (layer4.1), in forward passes",
        flops(lambda: g.layer_gradient(model, x, "layer4.1")) / flops(lambda: model(x)),
        1.15,
        False,
    )

    objectives = [g.confounding_label_loss(torch.rand(10, device=device)) for _ in range(100)]

    def by_gram():
        K, (z, h) = g.class_gradient_gram(model, x), g.penultimate_features(model, x)
        return g.gradient_norms_from_gram(
            K, torch.stack([g.last_layer_gradient_factors(z, h, J)[0] for J in objectives])
        )

    labels = {
        "gram": by_gram,
        "ten calls": lambda: torch.stack([g.per_sample_gradient_norms(model, x, J) for J in objectives[:10]]),
    }
    torch.testing.assert_close(labels["gram"]()[:10], labels["ten calls"](), rtol=1e-2, atol=1e-4)
    seconds = time_interleaved(labels, rounds, device)
    row(
        "norms for 100 labels: time of 100 calls (ten times ten) to the Gram matrix",
        10 * ratio(seconds, "ten calls", "gram"),
        5,
        True,
    )
    return rows
