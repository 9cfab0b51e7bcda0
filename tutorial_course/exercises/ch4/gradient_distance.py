"""Exercise 2: the distance between the gradients of an image and of its reference."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tutorial_course.exercises import Exercise
from tutorial_lib.gradients import input_gradient, per_sample_gradients, reconstruction_mse

Gradients = dict[str, Tensor]


def reference_distance(autoencoder: nn.Module, clean: Tensor, distorted: Tensor) -> Tensor:
    """Return the distance of the gradients of the reconstruction errors of two images.

    d = 1/L Σ_l ‖g_l(distorted) − g_l(clean)‖ / ‖g_l(clean)‖, where g_l is the gradient of an image's reconstruction
    error with respect to the weights of layer l.

    Args:
        autoencoder: an autoencoder whose layers have a weight and no bias.
        clean: clean images (N, C, H, W).
        distorted: the same images with a distortion, like the clean ones.

    Returns:
        Distances (N,), ≥ 0; a larger distance means a stronger distortion.
    """
    a, b = _gradients(autoencoder, distorted, clean)
    return _relative_norms(a, b, lambda a, b: _norm(a - b)).mean(0)


def _gradients(
    autoencoder: nn.Module, distorted: Tensor, clean: Tensor, target: Tensor | None = None
) -> tuple[Gradients, Gradients]:
    """The gradients of the reconstruction errors of the distorted and of the clean images, by parameter."""
    distorted_gradients, clean_gradients = (
        per_sample_gradients(autoencoder, x, reconstruction_mse(x if target is None else target))
        for x in (distorted, clean)
    )
    return distorted_gradients, clean_gradients


def _norm(g: Tensor) -> Tensor:
    """The norm of each image's gradient, (N,)."""
    return g.flatten(1).norm(dim=1)


def _relative_norms(a: Gradients, b: Gradients, difference: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """A difference of each layer's gradients, relative to the norm of b, (layers, N)."""
    return torch.stack([difference(a[name], b[name]) / _norm(b[name]) for name in b])


def _mistake_difference_of_norms(autoencoder: nn.Module, clean: Tensor, distorted: Tensor) -> Tensor:
    """The difference of the norms instead of the norm of the difference."""
    a, b = _gradients(autoencoder, distorted, clean)
    return _relative_norms(a, b, lambda a, b: (_norm(a) - _norm(b)).abs()).mean(0)


def _mistake_signed_norms(autoencoder: nn.Module, clean: Tensor, distorted: Tensor) -> Tensor:
    """The same without the absolute value."""
    a, b = _gradients(autoencoder, distorted, clean)
    return _relative_norms(a, b, lambda a, b: _norm(a) - _norm(b)).mean(0)


def _mistake_batch_gradient(autoencoder: nn.Module, clean: Tensor, distorted: Tensor) -> Tensor:
    """One gradient for all images together, the mean of theirs."""
    a, b = (
        {name: g.mean(0, keepdim=True) for name, g in gradients.items()}
        for gradients in _gradients(autoencoder, distorted, clean)
    )
    return _relative_norms(a, b, lambda a, b: _norm(a - b)).mean()


def _mistake_image_distance(autoencoder: nn.Module, clean: Tensor, distorted: Tensor) -> Tensor:
    """Gradients with respect to the image instead of the weights."""
    a, b = (input_gradient(autoencoder, x, reconstruction_mse(x)) for x in (distorted, clean))
    return _norm(a - b) / _norm(b)


def _mistake_image_distance_moving_target(autoencoder: nn.Module, clean: Tensor, distorted: Tensor) -> Tensor:
    """The same, where the image is also differentiated as the target of the reconstruction."""

    def gradient(x: Tensor) -> Tensor:
        leaf = x.clone().requires_grad_()
        return torch.autograd.grad((autoencoder(leaf) - leaf).square().flatten(1).mean(1).sum(), leaf)[0]

    a, b = gradient(distorted), gradient(clean)
    return _norm(a - b) / _norm(b)


def _mistake_target_is_clean(autoencoder: nn.Module, clean: Tensor, distorted: Tensor) -> Tensor:
    """The clean image as the target of both reconstructions."""
    a, b = _gradients(autoencoder, distorted, clean, target=clean)
    return _relative_norms(a, b, lambda a, b: _norm(a - b)).mean(0)


def _mistake_unscaled(reduction: str) -> Callable[[nn.Module, Tensor, Tensor], Tensor]:
    """The layers combined without dividing each by its own norm."""

    def wrong(autoencoder: nn.Module, clean: Tensor, distorted: Tensor) -> Tensor:
        a, b = _gradients(autoencoder, distorted, clean)
        per_layer = torch.stack([_norm(a[name] - b[name]) for name in b])
        total = torch.stack([_norm(b[name]) for name in b]).norm(dim=0)
        return {
            "mean": lambda: per_layer.mean(0),
            "sum": lambda: per_layer.sum(0),
            "total": lambda: per_layer.norm(dim=0),
            "relative": lambda: per_layer.norm(dim=0) / total,
        }[reduction]()

    return wrong


def _small_autoencoder(widths: tuple[int, ...], seed: int) -> nn.Sequential:
    """A convolutional autoencoder without biases, whose layers have very different gradient norms."""
    generator, layers = torch.Generator().manual_seed(seed), []
    for i, (a, b) in enumerate(zip(widths, widths[1:])):
        with torch.random.fork_rng([]):
            layer = nn.Conv2d(a, b, 3, padding=1, bias=False, dtype=torch.float64)
        scale = (3.0 if i == 0 else 0.4) * layer.weight[0].numel() ** -0.5
        with torch.no_grad():
            layer.weight.copy_(scale * torch.randn(layer.weight.shape, generator=generator, dtype=torch.float64))
        layers += [layer, nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def _make_case(N: int, widths: tuple[int, ...], noise: float) -> Callable[[torch.Generator], tuple]:
    """A case: an autoencoder, images, and the same images with noise."""

    def make(generator: torch.Generator) -> tuple[nn.Module, Tensor, Tensor]:
        clean = torch.rand(N, widths[0], 6, 7, generator=generator, dtype=torch.float64)
        distorted = clean + noise * torch.randn(clean.shape, generator=generator, dtype=torch.float64)
        return _small_autoencoder(widths, N), clean, distorted.clamp(0, 1)

    return make


gradient_distance = Exercise(
    name="gradient_distance",
    reference=reference_distance,
    cases=(_make_case(3, (1, 4, 1), 0.2), _make_case(4, (2, 3, 5, 2), 0.4), _make_case(2, (3, 6, 3), 0.1)),
    known_mistakes={
        "Your function computes a difference of norms, not the norm of a difference. Two gradients with "
        "equal norms may have opposite directions: what is your distance then?": (
            _mistake_difference_of_norms,
            _mistake_signed_norms,
        ),
        "One gradient is computed for the whole batch. In it, the gradients of two images can cancel: do you return "
        "one number per image?": _mistake_batch_gradient,
        "The gradient is taken with respect to the image. The exercise measures how much the network would have to "
        "change: with respect to which variables do you differentiate?": (
            _mistake_image_distance,
            _mistake_image_distance_moving_target,
        ),
        "The reconstruction of the distorted image is compared with the clean image. This measures whether the network "
        "removes distortions: if there is no reference image, with which image can you compare a "
        "reconstruction?": _mistake_target_is_clean,
        "The layers are not scaled before they are combined. The layer with the largest gradients dominates: print "
        "‖g_l(clean)‖ for each layer, then divide by it.": tuple(
            _mistake_unscaled(reduction) for reduction in ("mean", "sum", "total", "relative")
        ),
    },
    fallback_hint=(
        "take one image and one layer, and compute both gradients, their difference, and the norm of this difference "
        "relative to the norm of the gradient of the clean image"
    ),
    success_message=(
        "The network was never trained to recognize distortions, but the gradients of its loss change if the image is "
        "distorted."
    ),
)
