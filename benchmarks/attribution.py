"""Attribution maps compared with a plain forward pass, captum, torch-cam and pytorch-grad-cam, on torchvision's
networks at 224².

The weights are random, because times do not depend on them. pytorch-grad-cam is measured if it is installed. The other
libraries do not check that samples are independent. Therefore, the times of our methods are measured without this
check, and its cost is measured separately.
"""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Callable

import torch
import torchvision
from torch import nn

from benchmarks.timing import peak_memory, ratio, time_interleaved
from tutorial_lib import attribution as i
from tutorial_lib.gradients import skip_independence_check

SIDE = 224


def network(name: str, device="cpu") -> nn.Module:
    """Return a network of torchvision with random weights."""
    torch.manual_seed(0)
    return getattr(torchvision.models, name)(weights=None).eval().to(device)


def random_images(n: int, device="cpu") -> torch.Tensor:
    """Return uniform noise as images."""
    return torch.rand(n, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)).to(device)


def silenced(f: Callable) -> Callable:
    """Return a function without captum's warnings about flags and hooks."""

    def run():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return f()

    return run


def cams(n: int = 8, device="cpu") -> dict[str, Callable]:
    """Return implementations of Grad-CAM on the last stage of a ResNet-50, and a forward pass for comparison."""
    import captum.attr
    import torchcam.methods

    model, x, labels = network("resnet50", device), random_images(n, device), torch.arange(n, device=device)
    theirs = captum.attr.LayerGradCam(model, model.layer4)

    def forward():
        with torch.no_grad():
            return model(x)

    def torch_cam():
        with torchcam.methods.GradCAM(model, "layer4") as extractor:
            return extractor(labels.tolist(), model(x), normalized=False)[0]

    ways = {
        "forward, no_grad": forward,
        "grad_cam": lambda: i.grad_cam(model, x, "layer4", labels, relu=True),
        "captum LayerGradCam": silenced(lambda: theirs.attribute(x, labels, relu_attributions=True)[:, 0].detach()),
        "torch-cam GradCAM": torch_cam,
    }
    try:
        import pytorch_grad_cam
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
    except ImportError:
        return ways

    def other():
        with pytorch_grad_cam.GradCAM(model, [model.layer4]) as cam:
            return torch.from_numpy(cam(x, [ClassifierOutputTarget(int(c)) for c in labels]))

    return ways | {"pytorch-grad-cam GradCAM": other}


def contrasts(classes: int = 10, device="cpu") -> dict[str, Callable]:
    """Return the contrast maps of one image from one Jacobian, and by one pass per class for some classes."""
    model, x = network("resnet50", device), random_images(1, device)

    def one_jacobian():
        return i.all_contrast_cams(*i.all_class_cams(model, x, "layer4"))[:, :classes]

    def a_pass_each():
        return torch.stack([i.contrast_cam(model, x, "layer4", Q) for Q in range(classes)], 1)

    return {"one Jacobian": one_jacobian, "a pass each": a_pass_each}


def smoothing_methods(n: int = 2, device="cpu", samples: int = 16) -> dict[str, Callable]:
    """Return implementations of SmoothGrad and of integrated gradients on a ResNet-18, with equal sample counts."""
    import captum.attr

    model, x, labels = network("resnet18", device), random_images(n, device), torch.arange(n, device=device)
    tunnel, path = captum.attr.NoiseTunnel(captum.attr.Saliency(model)), captum.attr.IntegratedGradients(model)
    return {
        "smoothgrad": lambda: i.smoothgrad(model, x, labels, n_samples=samples),
        "captum NoiseTunnel": silenced(
            lambda: tunnel.attribute(x, nt_samples=samples, stdevs=0.15, target=labels, abs=False)
        ),
        "integrated_gradients": lambda: i.integrated_gradients(model, x, labels, n_steps=samples),
        "captum IntegratedGradients": silenced(
            lambda: path.attribute(x, 0.0, labels, n_steps=samples, method="riemann_middle")
        ),
    }


def few_samples(samples: int = 32, device="cpu") -> dict[str, Callable]:
    """Return the smoothing methods for one image and as many samples as fit into one batch."""
    return smoothing_methods(1, device, samples)


def many_samples(samples: int = 128, device="cpu") -> dict[str, Callable]:
    """Return the smoothing methods with four times as many samples, to measure whether memory grows."""
    return smoothing_methods(1, device, samples)


def introspection(n: int = 4, device="cpu") -> dict[str, Callable]:
    """Return introspective features of 100 classes in closed form, and by a backward pass per image and class."""
    torch.manual_seed(0)
    model = torchvision.models.resnet18(num_classes=100).eval().to(device)
    x = random_images(n, device)[..., :64, :64]

    def a_pass_each(parameters: list[nn.Parameter]) -> torch.Tensor:
        features = []
        for one in x:
            z = model(one[None])
            losses = [nn.functional.cross_entropy(z, torch.tensor([Q], device=device)) for Q in range(100)]
            features.append(
                torch.stack(
                    [torch.autograd.grad(J, parameters, retain_graph=True)[-1][Q] for Q, J in enumerate(losses)]
                )
            )
        return torch.stack(features)

    whole = [p for p in model.parameters() if p is not model.fc.bias]  # the last layer's weight comes last
    return {
        "closed form": lambda: i.introspective_features(model, x),
        "a pass each": lambda: a_pass_each(whole),
        "a pass each, as far as the last layer": lambda: a_pass_each([model.fc.weight]),
    }


def run(device: torch.device, rounds: int) -> list[dict]:
    """Return the rows of the benchmark: what was measured, the value, the target, and whether it is met."""
    rows = []

    def row(what: str, measured: float, target: float, least: bool, unit: str = "×"):
        measured = round(measured, 3)
        met = measured >= target if least else measured <= target
        rows.append({"what": what, "measured": measured, "target": target, "unit": unit, "least": least, "met": met})
        print(f"{what:85} {measured:8.2f} {unit}   target {'≥' if least else '≤'} {target}", flush=True)

    def against(ways: dict[str, Callable], ours: str, other: str) -> dict[str, list[float]]:
        # Only two methods take turns, because the memory that a third leaves behind would change their times.
        with skip_independence_check():
            return time_interleaved({name: ways[name] for name in (ours, other)}, rounds, device)

    def check_cost(what: str, way: Callable):
        seconds = time_interleaved({"on": way, "off": skip_independence_check()(way)}, rounds, device)
        measured = round(ratio(seconds, "on", "off"), 3)
        rows.append({"what": f"{what}: time with the check of independence to the time without", "measured": measured})
        rows[-1]["unit"] = "×"
        print(f"{rows[-1]['what']:85} {measured:8.2f} ×", flush=True)

    ways = cams(device=device)
    torch.testing.assert_close(ways["captum LayerGradCam"](), ways["grad_cam"](), rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(ways["torch-cam GradCAM"](), ways["grad_cam"](), rtol=1e-3, atol=1e-5)
    seconds = against(ways, "grad_cam", "forward, no_grad")
    for name, times in seconds.items():
        rows.append(
            {"what": f"{name}, 8 images, ResNet-50", "measured": round(statistics.median(times), 4), "unit": "s"}
        )
        print(f"{rows[-1]['what']:85} {rows[-1]['measured']:8.3f} s", flush=True)
    row(
        "Grad-CAM: our time to a forward pass under no_grad", ratio(seconds, "grad_cam", "forward, no_grad"), 1.1, False
    )
    least, taken = (peak_memory(cams, way, device) for way in ("forward, no_grad", "grad_cam"))
    row(f"Grad-CAM: our peak memory to that of the forward pass ({least:.0f} MiB)", taken / least, 1.1, False)
    for peer in [name for name in ways if " " in name and "forward" not in name]:
        aim = 3 if peer.startswith("pytorch") else 1
        row(f"Grad-CAM: time of {peer} to ours", ratio(against(ways, "grad_cam", peer), peer, "grad_cam"), aim, True)

    check_cost("Grad-CAM, 8 images", ways["grad_cam"])

    ways = contrasts(device=device)
    torch.testing.assert_close(ways["one Jacobian"](), ways["a pass each"](), rtol=1e-2, atol=1e-5)
    seconds = against(ways, "one Jacobian", "a pass each")
    what = "contrasts with 1,000 classes: time of a pass each (a hundred times ten) to one Jacobian"
    row(what, 100 * ratio(seconds, "a pass each", "one Jacobian"), 50, True)

    ways = introspection(device=device)
    torch.testing.assert_close(ways["closed form"](), ways["a pass each"](), rtol=1e-3, atol=1e-5)
    for peer, aim in (("a pass each", 20), ("a pass each, as far as the last layer", None)):
        speed = ratio(against(ways, "closed form", peer), peer, "closed form")
        what = f"introspective features of 100 classes: time of {peer} to the closed form"
        if aim is not None:
            row(what, speed, aim, True)
        else:
            rows.append({"what": what, "measured": round(speed, 3), "unit": "×"})

    ways = smoothing_methods(device=device)
    for ours, peer in (("smoothgrad", "captum NoiseTunnel"), ("integrated_gradients", "captum IntegratedGradients")):
        row(f"{ours}, 16 samples: time of {peer} to ours", ratio(against(ways, ours, peer), peer, ours), 1, True)
        taken, grown = peak_memory(few_samples, ours, device), peak_memory(many_samples, ours, device)
        row(f"{ours}: our peak memory with 128 samples to that with 32 ({taken:.0f} MiB)", grown / taken, 1.25, False)
        check_cost(f"{ours}, 2 images, 16 samples", ways[ours])
    return rows
