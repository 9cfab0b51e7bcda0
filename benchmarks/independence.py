"""The cost of the check that each sample is treated independently of the others in its batch.

Every function of the gradient engine runs one sample of the first batch again alone. In a block with
``skip_independence_check()`` it does not, so that the same call can be timed with and without the check.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from benchmarks.gradients import network
from benchmarks.timing import ratio, time_interleaved
from tutorial_lib import gradients as g
from tutorial_lib import models

# The largest share of the time without the check that the check may add.
TARGET = 1.05


def networks(device: torch.device | str = "cpu") -> dict[str, tuple[nn.Module, tuple[int, ...]]]:
    """Return the networks that are measured, with the shape of their images."""
    return {
        "ResNet-18, 32×32 pixels": (network(device), (3, 32, 32)),
        "sign classifier, 48×48 pixels": (models.load("signs/classifier", device), (3, 48, 48)),
    }


def methods(model: nn.Module, x: torch.Tensor) -> dict[str, Callable[[], torch.Tensor]]:
    """Return functions of the engine."""
    J = g.cross_entropy(torch.zeros(len(x), dtype=torch.long, device=x.device))
    return {
        "per_sample_gradient_norms": lambda: g.per_sample_gradient_norms(model, x, J),
        "input_gradient": lambda: g.input_gradient(model, x, J),
        "model_outputs": lambda: g.model_outputs(model, x),
    }


def run(device: torch.device, rounds: int) -> list[dict]:
    """Return the rows of the benchmark: what was measured, the value, the target, and whether it is met."""
    rows = []
    for network_name, (model, shape) in networks(device).items():
        x = torch.rand(64, *shape, generator=torch.Generator().manual_seed(0)).to(device)
        for name, way in methods(model, x).items():
            # A pass over small images is short, so that single rounds are noisy.
            seconds = time_interleaved({"on": way, "off": g.skip_independence_check()(way)}, 5 * rounds, device)
            measured = round(ratio(seconds, "on", "off"), 3)
            rows.append(
                {"what": f"{name}, 64 images, {network_name}: time with the check to the time without it"}
                | {"measured": measured, "unit": "×", "target": TARGET, "least": False, "met": measured <= TARGET}
            )
            print(f"{rows[-1]['what']:110} {measured:8.3f} ×", flush=True)
    return rows
