"""Quality as the change that damage asks of an autoencoder: gradients of its weights at a picture and at its reference."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from tutorial_lib._batching import batch_slices
from tutorial_lib._validation import check_choice
from tutorial_lib.gradients import per_sample_gradient_norms, per_sample_gradients, reconstruction_mse
from tutorial_lib.gradients.layers import parameters_by_layer

Layers = str | nn.Module | list | None


class GradientComparison(NamedTuple):
    """What two pictures would change, layer by layer, (N, L) each: as :func:`required_changes` returns it.

    Example:
        >>> one = torch.ones(2, 3)
        >>> GradientComparison(distance=0 * one, distorted_norm=one, reference_norm=one, cosine=one).distance.mean(1)
        tensor([0., 0.])
    """

    distance: Tensor
    distorted_norm: Tensor
    reference_norm: Tensor
    cosine: Tensor


def compare_gradients(
    autoencoder: nn.Module, x: Tensor, reference: Tensor, *, layers: Layers = None, batch_size: int = 16
) -> GradientComparison:
    """The gradients of two pictures compared, layer by layer: ‖g_l(x) − g_l(r)‖, ‖g_l(x)‖, ‖g_l(r)‖ and cos(g_l(x), g_l(r)).

    g_l(x) = ∂L(x)/∂θ_l, L the mean squared error of each picture's *own* reconstruction. Everything that this room reads off a
    pair of pictures, from a forward and a backward pass for each. x, reference (N, C, H, W) -> four tensors (N, L); columns are
    ``layer_names(autoencoder, layers)``. Where a gradient is zero, the cosine is too.

    Args:
        autoencoder: pictures to reconstructions of their shape.
        layers: whose weights and biases are asked; all by default.
        chunk: pictures at a time; a gradient of all these layers is kept for each.

    Raises:
        ValueError: unlike shapes; as :func:`tutorial_lib.gradients.per_sample_gradients` does.

    Example:
        >>> found = compare_gradients(nn.Conv2d(3, 3, 1), torch.rand(2, 3, 8, 8), torch.rand(2, 3, 8, 8))
        >>> found.distance.shape
        torch.Size([2, 1])
    """
    if x.shape != reference.shape:
        raise ValueError(
            f"every picture needs its reference: {tuple(x.shape)} and {tuple(reference.shape)} are not alike"
        )
    pieces = []
    for rows in batch_slices(max(1, len(x)), batch_size):
        each = zip(
            *(_layer_gradients(autoencoder, side[rows], layers, batch_size) for side in (x, reference)), strict=True
        )
        read = [((a - b).norm(dim=1), a.norm(dim=1), b.norm(dim=1), _cosine(a, b)) for a, b in each]
        pieces.append([torch.stack(column, 1) for column in zip(*read, strict=True)])
    return GradientComparison(*(torch.cat(column) for column in zip(*pieces, strict=True)))


def gradient_distance(
    autoencoder: nn.Module, x: Tensor, reference: Tensor, *, layers: Layers = None, batch_size: int = 16
) -> Tensor:
    """How differently two pictures would change the weights, 1/L Σ_l ‖g_l(x) − g_l(r)‖ / ‖g_l(r)‖ ≥ 0: higher = more damaged.

    Every layer is measured in units of what the reference asks of it, or the layer with the largest weights would decide alone.
    x, reference (N, C, H, W) -> (N,), 0 for equal pictures. Not symmetric. Arguments as in :func:`required_changes`.

    Raises:
        ValueError: a reference asks no change of a layer; as :func:`required_changes` does.

    Source: after Kwon, Prabhushankar, Temel, AlRegib, ICIP 2019, arXiv 1908.09998; the scaling of the layers is ours.

    Example:
        >>> x = torch.rand(2, 3, 8, 8)
        >>> gradient_distance(nn.Conv2d(3, 3, 1), x, x)
        tensor([0., 0.])
    """
    found = compare_gradients(autoencoder, x, reference, layers=layers, batch_size=batch_size)
    if not (found.reference_norm > 0).all():
        raise ValueError(
            "a reference asks no change of a layer, which leaves no unit to measure in: is it reconstructed perfectly?"
        )
    return (found.distance / found.reference_norm).mean(1)


def gradient_cosine(
    autoencoder: nn.Module, x: Tensor, reference: Tensor, *, layers: Layers = None, batch_size: int = 16
) -> Tensor:
    """Whether two pictures would change the weights the same way, 1/L Σ_l cos(g_l(x), g_l(r)): in [−1, 1], higher = better.

    The direction alone, without the length that :func:`gradient_distance` counts in; arguments and errors as there.
    x, reference (N, C, H, W) -> (N,), 1 for equal pictures.

    Example:
        >>> x = torch.rand(2, 3, 8, 8)
        >>> gradient_cosine(nn.Conv2d(3, 3, 1), x, x).round(decimals=4)
        tensor([1., 1.])
    """
    return compare_gradients(autoencoder, x, reference, layers=layers, batch_size=batch_size).cosine.mean(1)


def gradient_quality(
    autoencoder: nn.Module,
    x: Tensor,
    reference: Tensor,
    *,
    metric: str = "distance",
    layers: Layers = None,
    batch_size: int = 16,
) -> Tensor:
    """Full-reference quality, higher = better: −:func:`gradient_distance` ≤ 0, or :func:`gradient_cosine` ≤ 1 (``reduction="cosine"``).

    x, reference (N, C, H, W) -> (N,).

    Raises:
        ValueError: an unknown read; as :func:`gradient_distance` does.

    Example:
        >>> gradient_quality(nn.Conv2d(3, 3, 1), torch.zeros(1, 3, 8, 8), torch.ones(1, 3, 8, 8)) < 0
        tensor([True])
    """
    if check_choice(metric, ["distance", "cosine"], "read") == "cosine":
        return gradient_cosine(autoencoder, x, reference, layers=layers, batch_size=batch_size)
    return -gradient_distance(autoencoder, x, reference, layers=layers, batch_size=batch_size)


def reconstruction_gradient_norm(
    autoencoder: nn.Module, x: Tensor, *, layers: Layers = None, batch_size: int = 64
) -> Tensor:
    """How far a picture alone would move the weights, ‖∂L(x)/∂θ‖ ≥ 0, (N, C, H, W) -> (N,): no reference is asked.

    Whether damage makes it larger depends on the damage: measure before you call it a quality. Our own trial.

    Raises:
        ValueError: as :func:`tutorial_lib.gradients.per_sample_gradient_norms` does.

    Example:
        >>> reconstruction_gradient_norm(nn.Conv2d(3, 3, 1), torch.rand(2, 3, 8, 8)).shape
        torch.Size([2])
    """
    if len(x) == 0:
        raise ValueError("at least one picture")
    return per_sample_gradient_norms(autoencoder, x, reconstruction_mse(x), layers=layers, batch_size=batch_size).norm(
        dim=1
    )


def mean_reconstruction_gradient(
    autoencoder: nn.Module, pristine: Tensor, *, layers: Layers = None, batch_size: int = 16
) -> dict[str, Tensor]:
    """What undamaged pictures ask on average: name of a parameter -> mean of ∂L/∂θ over (N, C, H, W) pictures, like the parameter.

    Raises:
        ValueError: no pictures; as :func:`tutorial_lib.gradients.per_sample_gradients` does.

    Example:
        >>> mean_reconstruction_gradient(nn.Conv2d(3, 3, 1), torch.rand(4, 3, 8, 8))["bias"].shape
        torch.Size([3])
    """
    total: dict[str, Tensor] = {}
    for rows in batch_slices(max(1, len(pristine)), batch_size):
        part = pristine[rows]
        for name, g in per_sample_gradients(
            autoencoder, part, reconstruction_mse(part), layers=layers, batch_size=batch_size
        ).items():
            total[name] = total.get(name, 0) + g.sum(0)
    return {name: g / len(pristine) for name, g in total.items()}


def gradient_alignment(
    autoencoder: nn.Module, x: Tensor, mean: dict[str, Tensor], *, layers: Layers = None, batch_size: int = 16
) -> Tensor:
    """Whether a picture alone asks for what undamaged ones ask: 1/L Σ_l cos(g_l(x), ḡ_l) in [−1, 1], higher = more usual.

    x (N, C, H, W) -> (N,); ``mean``: of :func:`mean_gradient`, with the same ``layers``. No reference is asked. Our own trial.

    Raises:
        ValueError: as :func:`tutorial_lib.gradients.per_sample_gradients` does.

    Example:
        >>> model, x = nn.Conv2d(3, 3, 1), torch.rand(1, 3, 8, 8)
        >>> gradient_alignment(model, x, mean_reconstruction_gradient(model, x)).round(decimals=4)
        tensor([1.])
    """
    usual, pieces = _concat_by_layer(autoencoder, {name: g[None] for name, g in mean.items()}, layers), []
    for rows in batch_slices(max(1, len(x)), batch_size):
        each = zip(_layer_gradients(autoencoder, x[rows], layers, batch_size), usual, strict=True)
        pieces.append(torch.stack([_cosine(a, b) for a, b in each]).mean(0))
    return torch.cat(pieces)


def _layer_gradients(autoencoder: nn.Module, x: Tensor, layers: Layers, batch_size: int) -> list[Tensor]:
    gradients = per_sample_gradients(autoencoder, x, reconstruction_mse(x), layers=layers, batch_size=batch_size)
    return _concat_by_layer(autoencoder, gradients, layers)


def _concat_by_layer(autoencoder: nn.Module, gradients: dict[str, Tensor], layers: Layers) -> list[Tensor]:
    """The parameters of a layer as one vector a picture: (N, d) for each layer."""
    owners = parameters_by_layer(autoencoder, layers).values()
    return [torch.cat([gradients[name].flatten(1) for name in names], 1) for names in owners]


def _cosine(a: Tensor, b: Tensor) -> Tensor:
    return (normalize(a, dim=1, eps=1e-30) * normalize(b, dim=1, eps=1e-30)).sum(1)
