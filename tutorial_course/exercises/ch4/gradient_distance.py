"""Exercise 2: the required change as a quality."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tutorial_course.exercises import Exercise
from tutorial_lib.gradients import input_gradient, per_sample_gradients, reconstruction_mse

Asked = dict[str, Tensor]


def reference_distance(autoencoder: nn.Module, clean: Tensor, damaged: Tensor) -> Tensor:
    """1/L Σ_l ‖g_l(damaged) − g_l(clean)‖ / ‖g_l(clean)‖, g_l the gradient of each picture's own reconstruction error.

    Shapes: clean, damaged (N, C, H, W) -> (N,), for an autoencoder whose layers have a weight and no bias.
    """
    a, b = (reconstruction_gradient(autoencoder, x, x) for x in (damaged, clean))
    return torch.stack([gradient_norm(a[name] - b[name]) / gradient_norm(b[name]) for name in b]).mean(0)


def reconstruction_gradient(autoencoder: nn.Module, x: Tensor, target: Tensor) -> Asked:
    return per_sample_gradients(autoencoder, x, reconstruction_mse(target))


def gradient_norm(g: Tensor) -> Tensor:
    return g.flatten(1).norm(dim=1)


def mistake_difference_of_norms(autoencoder: nn.Module, clean: Tensor, damaged: Tensor) -> Tensor:
    a, b = (reconstruction_gradient(autoencoder, x, x) for x in (damaged, clean))
    return torch.stack(
        [(gradient_norm(a[name]) - gradient_norm(b[name])).abs() / gradient_norm(b[name]) for name in b]
    ).mean(0)


def mistake_signed_norms(autoencoder: nn.Module, clean: Tensor, damaged: Tensor) -> Tensor:
    a, b = (reconstruction_gradient(autoencoder, x, x) for x in (damaged, clean))
    return torch.stack([gradient_norm(a[name]) / gradient_norm(b[name]) - 1 for name in b]).mean(0)


def mistake_batch_gradient(autoencoder: nn.Module, clean: Tensor, damaged: Tensor) -> Tensor:
    """One gradient for all pictures together, the mean of theirs."""
    a, b = (
        {name: g.mean(0, keepdim=True) for name, g in reconstruction_gradient(autoencoder, x, x).items()}
        for x in (damaged, clean)
    )
    return torch.stack([gradient_norm(a[name] - b[name]) / gradient_norm(b[name]) for name in b]).mean()


def mistake_image_distance(autoencoder: nn.Module, clean: Tensor, damaged: Tensor) -> Tensor:
    a, b = (input_gradient(autoencoder, x, reconstruction_mse(x)) for x in (damaged, clean))
    return gradient_norm(a - b) / gradient_norm(b)


def mistake_image_distance_scaled(autoencoder: nn.Module, clean: Tensor, damaged: Tensor) -> Tensor:
    """The same with the target moving along, as when x is asked for its gradient on both sides of the error."""

    def slope(x: Tensor) -> Tensor:
        leaf = x.clone().requires_grad_()
        return torch.autograd.grad((autoencoder(leaf) - leaf).square().flatten(1).mean(1).sum(), leaf)[0]

    a, b = slope(damaged), slope(clean)
    return gradient_norm(a - b) / gradient_norm(b)


def mistake_target_is_clean(autoencoder: nn.Module, clean: Tensor, damaged: Tensor) -> Tensor:
    a, b = (reconstruction_gradient(autoencoder, x, clean) for x in (damaged, clean))
    return torch.stack([gradient_norm(a[name] - b[name]) / gradient_norm(b[name]) for name in b]).mean(0)


def mistake_unscaled(read: str):
    def wrong(autoencoder: nn.Module, clean: Tensor, damaged: Tensor) -> Tensor:
        a, b = (reconstruction_gradient(autoencoder, x, x) for x in (damaged, clean))
        each = torch.stack([gradient_norm(a[name] - b[name]) for name in b])
        whole = torch.stack([gradient_norm(b[name]) for name in b]).norm(dim=0)
        return {
            "mean": lambda: each.mean(0),
            "sum": lambda: each.sum(0),
            "whole": lambda: each.norm(dim=0),
            "relative": lambda: each.norm(dim=0) / whole,
        }[read]()

    return wrong


def small_autoencoder(widths: tuple[int, ...], seed: int) -> nn.Sequential:
    """A convolutional autoencoder without biases, whose layers are of very unlike sizes."""
    generator, layers = torch.Generator().manual_seed(seed), []
    for i, (a, b) in enumerate(zip(widths, widths[1:])):
        with torch.random.fork_rng([]):
            layer = nn.Conv2d(a, b, 3, padding=1, bias=False, dtype=torch.float64)
        scale = (3.0 if i == 0 else 0.4) * layer.weight[0].numel() ** -0.5
        with torch.no_grad():
            layer.weight.copy_(scale * torch.randn(layer.weight.shape, generator=generator, dtype=torch.float64))
        layers += [layer, nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def make_case(N: int, widths: tuple[int, ...], noise: float):
    """A case: a network, pictures, and the same pictures damaged."""

    def make(generator: torch.Generator) -> tuple[nn.Module, Tensor, Tensor]:
        clean = torch.rand(N, widths[0], 6, 7, generator=generator, dtype=torch.float64)
        damaged = clean + noise * torch.randn(clean.shape, generator=generator, dtype=torch.float64)
        return small_autoencoder(widths, N), clean, damaged.clamp(0, 1)

    return make


gradient_distance = Exercise(
    name="gradient_distance",
    reference=reference_distance,
    cases=(make_case(3, (1, 4, 1), 0.2), make_case(4, (2, 3, 5, 2), 0.4), make_case(2, (3, 6, 3), 0.1)),
    known_mistakes={
        "That is a difference of norms, not the norm of a difference. Two gradients of one length may point opposite ways: what "
        "does yours say then?": (mistake_difference_of_norms, mistake_signed_norms),
        "One gradient was taken for the whole batch. Opposite wishes of two pictures cancel in it: does every picture come back "
        "with a number of its own?": mistake_batch_gradient,
        "The gradient was taken with respect to the picture. We bend the network, not the picture: whose change was to be "
        "measured?": (mistake_image_distance, mistake_image_distance_scaled),
        "The damaged picture was reconstructed and held against the clean one. That asks whether the network repairs damage, an "
        "easier question: what does the network expect of the picture that it is shown?": mistake_target_is_clean,
        "The layers were added as they are. The one with the largest gradients decides alone: print ‖g_l(clean)‖ for each layer, "
        "then measure in that unit.": tuple(mistake_unscaled(read) for read in ("mean", "sum", "whole", "relative")),
    },
    fallback_hint="take one picture and one layer: two gradients of one shape, their difference, its length, in units of the clean one's",
    success_message="Nobody told the network what damage is. It was asked what it would change, twice.",
)
