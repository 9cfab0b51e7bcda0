"""The measurements of a report: predictions, maps and their controls, uncertainty, attacks and image quality."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tutorial_lib import attribution, data, gradients, quality, uncertainty
from tutorial_lib.metrics import center_bias_map, gaussian_smooth, random_map
from tutorial_lib.metrics.correlation import srcc_or_constant
from tutorial_lib.runtime import make_generator

BUDGETS = (1, 4)  # largest change of a pixel, in gray levels of 255
N_STEPS, N_RANDOMIZATIONS, N_DELETION_STEPS = 10, 3, 6
DEGRADATIONS, SEVERITY = ("gaussian blur", "noise", "codec error", "darkening"), 3
RANDOM_LAST, RANDOM_ALL, CENTER, ANOTHER = (
    "network with a random last layer",
    "network with random weights",
    "center prior",
    "map of another image",
)


class Normalized(nn.Module):
    """A model that normalizes images in [0, 1] before its first layer.

    Args:
        model: the model for normalized images.
        mean: mean of each channel.
        std: standard deviation of each channel.

    Attributes:
        mean: mean of each channel (C, 1, 1).
        std: standard deviation of each channel (C, 1, 1).
    """

    mean: Tensor
    std: Tensor

    def __init__(self, model: nn.Module, mean: tuple[float, ...], std: tuple[float, ...]):
        super().__init__()
        self.model = model
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs for images.

        Args:
            x: images (N, C, H, W) in [0, 1].

        Returns:
            The outputs of the model.
        """
        return self.model((x - self.mean) / self.std)


@dataclass(frozen=True)
class Measurements:
    """What a report says about a model and N images, all on the CPU.

    Attributes:
        probabilities: predicted probabilities (N, C).
        scores: uncertainty scores (N,) by name; higher means more uncertain.
        map_method: the method of the maps, with its layer.
        maps: maps (N, H, W).
        similarity: by control, the absolute rank correlation of each map with the map of the control (N,).
        deletion: by map, the area under the deletion curve (N,); lower is better.
        changed: by kind and budget, whether each prediction changed (N,).
        quality: measures without a reference (N,) by name.
        degraded: by degradation, SSIM and PSNR (N,), whether the prediction is unchanged, and the change in confidence.
    """

    probabilities: Tensor
    scores: dict[str, Tensor]
    map_method: str
    maps: Tensor
    similarity: dict[str, Tensor]
    deletion: dict[str, Tensor]
    changed: dict[tuple[str, int], Tensor]
    quality: dict[str, Tensor]
    degraded: dict[str, dict[str, Tensor]]

    @property
    def predicted(self) -> Tensor:
        """The predicted class of each image (N,)."""
        return self.probabilities.argmax(1)


def check_model(model: nn.Module, x: Tensor, classes: int | None, labels: Tensor | None = None) -> None:
    """Raise an error unless a model returns finite logits for images, one for each class that is named.

    Args:
        model: the model.
        x: images (N, 3, H, W).
        classes: the number of class names; None if there are none.
        labels: the true classes; None if they are not known.

    Raises:
        ValueError: the model is not a module, does not accept the images, or does not return finite logits (N, C) with
            as many classes as there are names and labels below C.
    """
    if not isinstance(model, nn.Module):
        raise ValueError(f"expected a torch.nn.Module that returns logits, got {type(model).__name__}")
    try:
        z = gradients.model_outputs(model, x[:2])
    except (RuntimeError, TypeError, ValueError) as error:
        raise ValueError(
            f"the model does not accept images of shape {tuple(x[:2].shape)} in [0, 1]: {error}. Pass the size that it "
            "was trained with, and a model that takes the images alone"
        ) from error
    if not isinstance(z, Tensor) or z.dim() != 2 or z.shape[1] < 2:
        shape = tuple(z.shape) if isinstance(z, Tensor) else type(z).__name__
        raise ValueError(f"expected logits (N, C) with two or more classes, got {shape}; a report needs a classifier")
    if not z.isfinite().all():
        raise ValueError("the logits are not finite; check the weights and the range of the images, which is [0, 1]")
    if classes is not None and classes != z.shape[1]:
        raise ValueError(f"expected one class name per output: the model has {z.shape[1]} outputs, got {classes} names")
    if labels is not None and not ((labels >= 0) & (labels < z.shape[1])).all():
        raise ValueError(f"expected labels from 0 to {z.shape[1] - 1}, the outputs of the model; check the labels")


def find_map_layer(model: nn.Module, x: Tensor) -> str | None:
    """Return the last layer with a feature map, at which Grad-CAM is computed.

    Args:
        model: the model.
        x: images (N, 3, H, W).

    Returns:
        The name of the layer. None if there is none, or if more than half of the layers follow it, as in a vision
        transformer; then the input gradient is used instead.
    """
    names = {id(module): name for name, module in model.named_modules() if not list(module.children())}
    order: list[tuple[str, bool]] = []

    def record(module: nn.Module, inputs: object, output: object) -> None:
        spatial = isinstance(output, Tensor) and output.dim() == 4 and min(output.shape[-2:]) > 1
        order.append((names[id(module)], spatial))

    handles = [m.register_forward_hook(record) for m in model.modules() if id(m) in names]
    try:
        gradients.model_outputs(model, x[:1])
    finally:
        for handle in handles:
            handle.remove()
    for i in reversed(range(len(order))):
        name, spatial = order[i]
        if spatial and 2 * (i + 1) > len(order):
            try:
                attribution.grad_cam(model, x[:1], name)
            except ValueError:  # for example a layer that is used twice
                continue
            return name
    return None


def measure(model: nn.Module, x: Tensor, *, layer: str | None = None, batch_size: int = 8) -> Measurements:
    """Return all measurements of a report.

    Args:
        model: classifier of images in [0, 1]; it is left as it was.
        x: images (N, 3, H, W) on the device of the model.
        layer: layer of Grad-CAM; None selects it, see :func:`find_map_layer`.
        batch_size: images per pass.

    Returns:
        The measurements.
    """
    with gradients.eval_mode(model):
        z = gradients.model_outputs(model, x, batch_size=batch_size)
        P = z.argmax(1)
        layer = layer or find_map_layer(model, x)
        explain = _explainer(layer, P, x, batch_size)
        maps = explain(model, x)
        norms = uncertainty.confounding_gradient_norms(model, x, batch_size=batch_size)
        scores = {
            "1 − maximum softmax": 1 - z.softmax(1).amax(1),
            "entropy": uncertainty.entropy_score(z),
            "energy": uncertainty.energy_score(z),
            "gradient norm": norms.square().sum(1).sqrt(),
        }
        return Measurements(
            probabilities=z.softmax(1).cpu(),
            scores={name: score.cpu() for name, score in scores.items()},
            map_method=f"Grad-CAM at layer {layer}" if layer else "magnitude of the input gradient",
            maps=maps.cpu(),
            similarity=_map_similarity(model, x, maps, explain),
            deletion=_deletion_areas(model, x, maps, P, batch_size),
            changed=_changed_predictions(model, x, P, batch_size),
            quality=_no_reference_quality(x),
            degraded=_degraded_images(model, x, z, batch_size),
        )


def _explainer(layer: str | None, P: Tensor, x: Tensor, batch_size: int) -> Callable[[nn.Module, Tensor], Tensor]:
    """The function that computes the maps of the predicted classes, (N, H, W)."""
    if layer is None:
        return lambda m, images: attribution.reduce_channels(attribution.saliency(m, images, P, batch_size=batch_size))
    size = x.shape[-2:]
    return lambda m, images: attribution.upsample(
        attribution.grad_cam(m, images, layer, P, batch_size=batch_size), size
    )


def _map_similarity(
    model: nn.Module, x: Tensor, maps: Tensor, explain: Callable[[nn.Module, Tensor], Tensor]
) -> dict[str, Tensor]:
    """The absolute rank correlation of each map with maps that should differ from it."""
    last = gradients.layer_names(model)[-1]
    stages = []
    for seed in range(N_RANDOMIZATIONS):
        result = attribution.model_randomization_test(
            model, x, explain, layers=[last, ""], procedure="reinitialize", generator=make_generator(seed)
        )
        stages.append(result.similarity[1:].abs())
    last_layer, all_layers = torch.stack(stages).mean(0)
    prior, others = center_bias_map(maps), maps.roll(len(maps) // 2, 0)
    pairs = {CENTER: prior, ANOTHER: others}
    correlated = {
        name: torch.tensor(
            [abs(srcc_or_constant(a.flatten(), b.flatten())) for a, b in zip(maps, reference, strict=True)]
        )
        for name, reference in pairs.items()
    }
    return {RANDOM_LAST: last_layer, RANDOM_ALL: all_layers, **correlated}


def _deletion_areas(model: nn.Module, x: Tensor, maps: Tensor, P: Tensor, batch_size: int) -> dict[str, Tensor]:
    """The area under the deletion curve of the maps and of two maps that do not use the network."""
    smooth = gaussian_smooth(random_map(maps), x.shape[-1] / 12)
    compared = {"map of the network": maps, CENTER: center_bias_map(maps), "smooth random map": smooth}
    return {
        name: attribution.deletion_curve(model, x, m, P, n_steps=N_DELETION_STEPS, batch_size=batch_size).area.cpu()
        for name, m in compared.items()
    }


def _changed_predictions(model: nn.Module, x: Tensor, P: Tensor, batch_size: int) -> dict[tuple[str, int], Tensor]:
    """Whether an attack and random noise of the same norm change each prediction, by budget."""
    changed = {}
    for budget in BUDGETS:
        attacked = uncertainty.pgd(model, x, P, eps=budget / 255, n_steps=N_STEPS, batch_size=batch_size)
        noisy = uncertainty.random_noise(x, eps=budget / 255)
        for kind, images in {"attack": attacked, "noise": noisy}.items():
            changed[kind, budget] = (gradients.model_outputs(model, images, batch_size=batch_size).argmax(1) != P).cpu()
    return changed


def _no_reference_quality(x: Tensor) -> dict[str, Tensor]:
    """Simple measures of image quality that need no reference image."""
    luma = quality.to_luma(x)
    kernel = luma.new_tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])
    laplacian = nn.functional.conv2d(luma, kernel[None, None])
    clipped = (x <= 0) | (x >= 1)
    return {
        "sharpness": laplacian.flatten(1).var(1).cpu(),
        "brightness": luma.flatten(1).mean(1).cpu(),
        "clipped pixels": clipped.float().flatten(1).mean(1).cpu(),
    }


def _degraded_images(model: nn.Module, x: Tensor, z: Tensor, batch_size: int) -> dict[str, dict[str, Tensor]]:
    """The quality of degraded copies of the images, and what the model predicts for them."""
    P, confidence, luma = z.argmax(1), z.softmax(1).amax(1), quality.to_luma(x)
    rows = {}
    for name in DEGRADATIONS:
        degraded = data.corrupt(x, name, SEVERITY)
        p = gradients.model_outputs(model, degraded, batch_size=batch_size).softmax(1)
        rows[name] = {
            "SSIM": quality.ssim(quality.to_luma(degraded), luma).cpu(),
            "PSNR": quality.psnr(degraded, x).cpu(),
            "unchanged": (p.argmax(1) == P).cpu(),
            "confidence change": (p.amax(1) - confidence).cpu(),
        }
    return rows
