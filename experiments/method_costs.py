"""The cost of each method of the course: passes, time and memory compared with a forward pass, on signs and on
photographs.

The network for photographs has a standard architecture and random weights, because no cost depends on the values of the
weights.
"""

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from tutorial_course.pass_counter import count_passes
from tutorial_lib import attribution, data, gradients, models, saliency, uncertainty

N_IMAGES, N_REPEATS = {"signs/classifier": 32, "resnet18": 4}, 5
# The last convolutional layer of each network, and an earlier one.
LAYERS = {"signs/classifier": ("block3", "block2"), "resnet18": ("layer4", "layer3")}
SAMPLES, STEPS, N_CLASSES = 16, 10, 10
SMALL = {"N_IMAGES": {"signs/classifier": 2, "resnet18": 1}, "N_REPEATS": 1}


def load_model(name: str, device) -> nn.Module:
    """Return a shipped network, or a ResNet-18 with random weights."""
    if name in models.MODELS:
        return models.load(name, device)
    from torchvision.models import resnet18

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return resnet18(weights=None).eval().to(device)


def load_images(name: str, device) -> Tensor:
    """Return test images, or random images for the ResNet-18."""
    if name == "resnet18":
        return torch.rand(N_IMAGES[name], 3, 224, 224, generator=torch.Generator().manual_seed(0)).to(device)
    return data.load("signs", "test", limit=N_IMAGES[name], device=device).images


def methods(model: nn.Module, x: Tensor, name: str) -> dict[str, Callable[[], object]]:
    """Return every method as a function without arguments; those with one pass per class use ten classes."""
    last, middle = LAYERS[name]
    C = gradients.model_outputs(model, x[:1]).shape[1]
    classes = range(min(C, N_CLASSES if C > 100 else C))
    y = gradients.model_outputs(model, x).argmax(1)
    return {
        "forward pass": lambda: gradients.model_outputs(model, x),
        "energy": lambda: uncertainty.energy_score(gradients.model_outputs(model, x)),
        "GradNorm": lambda: uncertainty.gradnorm_score(*gradients.penultimate_features(model, x)),
        "saliency": lambda: attribution.saliency(model, x),
        "Grad-CAM": lambda: attribution.grad_cam(model, x, last),
        "contrast CAM": lambda: attribution.contrast_cam(model, x, last, contrast_class=1),
        "variance over Q (VOICE)": lambda: attribution.voice_map(model, x, last),
        "SmoothGrad": lambda: attribution.smoothgrad(model, x, n_samples=SAMPLES),
        "occlusion": lambda: attribution.occlusion(model, x, window=x.shape[-1] // 6),
        "adversarial attacks, many steps": lambda: uncertainty.pgd(model, x, y, eps=8 / 255, n_steps=STEPS),
        "purview: a norm per layer": lambda: uncertainty.confounding_gradient_norms(model, x),
        "implicit saliency": lambda: saliency.implicit_saliency(model, x, middle, classes=classes),
        "Gram matrix of gradients": lambda: gradients.class_gradient_gram(model, x, classes=classes),
    }


def part_names() -> list[str]:
    """Return the names of the parts."""
    return list(LAYERS)


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    """Return the rows of one part."""
    model, x = load_model(part, device), load_images(part, device)
    ways, seconds = methods(model, x, part), {}
    for turn in range(N_REPEATS + 1):  # alternating, and the first round only warms up
        for name, way in ways.items():
            start = time.process_time() if torch.device(device).type == "cpu" else time.perf_counter()
            way()
            if x.is_cuda:
                torch.cuda.synchronize()
            now = time.process_time() if torch.device(device).type == "cpu" else time.perf_counter()
            seconds.setdefault(name, []).extend([now - start] if turn else [])
    rows = []
    for name, way in ways.items():
        with count_passes(model) as passes:
            way()
        time_ratio = statistics.median(a / b for a, b in zip(seconds[name], seconds["forward pass"], strict=True))
        rows.append(
            {
                "network": part,
                "method": name,
                "images": len(x),
                "forward": round(passes.forward / len(x), 2),
                "backward": round(passes.backward / len(x), 2),
                "milliseconds": float(f"{1000 * statistics.median(seconds[name]) / len(x):.3g}"),
                "times a forward pass": float(f"{time_ratio:.3g}"),
                "MiB": float(f"{passes.peak_bytes / len(x) / 2**20:.3g}"),
            }
        )
    return rows
