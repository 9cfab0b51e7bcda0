"""Quality as the change that damage asks of an autoencoder: gradients of its weights at a picture and at its reference."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from tutorial_lib.gradients import gradient_norms, parameter_gradients, reconstruction
from tutorial_lib.gradients.borrowing import parameters_of
from tutorial_lib.gradients.inputs import slices
from tutorial_lib.names import known

Layers = str | nn.Module | list | None


class Changes(NamedTuple):
    """What two pictures would change, layer by layer, (N, L) each: as :func:`required_changes` returns it.

    Example:
        >>> one = torch.ones(2, 3)
        >>> Changes(apart=0 * one, damaged=one, reference=one, cosine=one).apart.mean(1)
        tensor([0., 0.])
    """

    apart: Tensor
    damaged: Tensor
    reference: Tensor
    cosine: Tensor


def required_changes(
    autoencoder: nn.Module, x: Tensor, reference: Tensor, *, layers: Layers = None, chunk: int = 16
) -> Changes:
    """The gradients of two pictures compared, layer by layer: ‖g_l(x) − g_l(r)‖, ‖g_l(x)‖, ‖g_l(r)‖ and cos(g_l(x), g_l(r)).

    g_l(x) = ∂L(x)/∂θ_l, L the mean squared error of each picture's *own* reconstruction. Everything that this room reads off a
    pair of pictures, from a forward and a backward pass for each. x, reference (N, C, H, W) -> four tensors (N, L); columns are
    ``layer_names(autoencoder, layers)``. Where a gradient is zero, the cosine is too.

    Args:
        autoencoder: pictures to reconstructions of their shape.
        layers: whose weights and biases are asked; all by default.
        chunk: pictures at a time; a gradient of all these layers is kept for each.

    Raises:
        ValueError: unlike shapes; as :func:`tutorial_lib.gradients.parameter_gradients` does.

    Example:
        >>> found = required_changes(nn.Conv2d(3, 3, 1), torch.rand(2, 3, 8, 8), torch.rand(2, 3, 8, 8))
        >>> found.apart.shape
        torch.Size([2, 1])
    """
    if x.shape != reference.shape:
        raise ValueError(
            f"every picture needs its reference: {tuple(x.shape)} and {tuple(reference.shape)} are not alike"
        )
    pieces = []
    for rows in slices(max(1, len(x)), chunk):
        each = zip(*(_layerwise(autoencoder, side[rows], layers, chunk) for side in (x, reference)), strict=True)
        read = [((a - b).norm(dim=1), a.norm(dim=1), b.norm(dim=1), _cosine(a, b)) for a, b in each]
        pieces.append([torch.stack(column, 1) for column in zip(*read, strict=True)])
    return Changes(*(torch.cat(column) for column in zip(*pieces, strict=True)))


def gradient_distance(
    autoencoder: nn.Module, x: Tensor, reference: Tensor, *, layers: Layers = None, chunk: int = 16
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
    found = required_changes(autoencoder, x, reference, layers=layers, chunk=chunk)
    if not (found.reference > 0).all():
        raise ValueError(
            "a reference asks no change of a layer, which leaves no unit to measure in: is it reconstructed perfectly?"
        )
    return (found.apart / found.reference).mean(1)


def gradient_cosine(
    autoencoder: nn.Module, x: Tensor, reference: Tensor, *, layers: Layers = None, chunk: int = 16
) -> Tensor:
    """Whether two pictures would change the weights the same way, 1/L Σ_l cos(g_l(x), g_l(r)): in [−1, 1], higher = better.

    The direction alone, without the length that :func:`gradient_distance` counts in; arguments and errors as there.
    x, reference (N, C, H, W) -> (N,), 1 for equal pictures.

    Example:
        >>> x = torch.rand(2, 3, 8, 8)
        >>> gradient_cosine(nn.Conv2d(3, 3, 1), x, x).round(decimals=4)
        tensor([1., 1.])
    """
    return required_changes(autoencoder, x, reference, layers=layers, chunk=chunk).cosine.mean(1)


def gradient_quality(
    autoencoder: nn.Module,
    x: Tensor,
    reference: Tensor,
    *,
    read: str = "distance",
    layers: Layers = None,
    chunk: int = 16,
) -> Tensor:
    """Full-reference quality, higher = better: −:func:`gradient_distance` ≤ 0, or :func:`gradient_cosine` ≤ 1 (``read="cosine"``).

    x, reference (N, C, H, W) -> (N,).

    Raises:
        ValueError: an unknown read; as :func:`gradient_distance` does.

    Example:
        >>> gradient_quality(nn.Conv2d(3, 3, 1), torch.zeros(1, 3, 8, 8), torch.ones(1, 3, 8, 8)) < 0
        tensor([True])
    """
    if known(read, ["distance", "cosine"], "read") == "cosine":
        return gradient_cosine(autoencoder, x, reference, layers=layers, chunk=chunk)
    return -gradient_distance(autoencoder, x, reference, layers=layers, chunk=chunk)


def change_norm(autoencoder: nn.Module, x: Tensor, *, layers: Layers = None, chunk: int = 64) -> Tensor:
    """How far a picture alone would move the weights, ‖∂L(x)/∂θ‖ ≥ 0, (N, C, H, W) -> (N,): no reference is asked.

    Whether damage makes it larger depends on the damage: measure before you call it a quality. Our own trial.

    Raises:
        ValueError: as :func:`tutorial_lib.gradients.gradient_norms` does.

    Example:
        >>> change_norm(nn.Conv2d(3, 3, 1), torch.rand(2, 3, 8, 8)).shape
        torch.Size([2])
    """
    if len(x) == 0:
        raise ValueError("at least one picture")
    return gradient_norms(autoencoder, x, reconstruction(x), layers=layers, chunk=chunk).norm(dim=1)


def mean_gradient(
    autoencoder: nn.Module, pristine: Tensor, *, layers: Layers = None, chunk: int = 16
) -> dict[str, Tensor]:
    """What undamaged pictures ask on average: name of a parameter -> mean of ∂L/∂θ over (N, C, H, W) pictures, like the parameter.

    Raises:
        ValueError: no pictures; as :func:`tutorial_lib.gradients.parameter_gradients` does.

    Example:
        >>> mean_gradient(nn.Conv2d(3, 3, 1), torch.rand(4, 3, 8, 8))["bias"].shape
        torch.Size([3])
    """
    total: dict[str, Tensor] = {}
    for rows in slices(max(1, len(pristine)), chunk):
        part = pristine[rows]
        for name, g in parameter_gradients(autoencoder, part, reconstruction(part), layers=layers, chunk=chunk).items():
            total[name] = total.get(name, 0) + g.sum(0)
    return {name: g / len(pristine) for name, g in total.items()}


def gradient_alignment(
    autoencoder: nn.Module, x: Tensor, mean: dict[str, Tensor], *, layers: Layers = None, chunk: int = 16
) -> Tensor:
    """Whether a picture alone asks for what undamaged ones ask: 1/L Σ_l cos(g_l(x), ḡ_l) in [−1, 1], higher = more usual.

    x (N, C, H, W) -> (N,); ``mean``: of :func:`mean_gradient`, with the same ``layers``. No reference is asked. Our own trial.

    Raises:
        ValueError: as :func:`tutorial_lib.gradients.parameter_gradients` does.

    Example:
        >>> model, x = nn.Conv2d(3, 3, 1), torch.rand(1, 3, 8, 8)
        >>> gradient_alignment(model, x, mean_gradient(model, x)).round(decimals=4)
        tensor([1.])
    """
    usual, pieces = _joined(autoencoder, {name: g[None] for name, g in mean.items()}, layers), []
    for rows in slices(max(1, len(x)), chunk):
        each = zip(_layerwise(autoencoder, x[rows], layers, chunk), usual, strict=True)
        pieces.append(torch.stack([_cosine(a, b) for a, b in each]).mean(0))
    return torch.cat(pieces)


def _layerwise(autoencoder: nn.Module, x: Tensor, layers: Layers, chunk: int) -> list[Tensor]:
    gradients = parameter_gradients(autoencoder, x, reconstruction(x), layers=layers, chunk=chunk)
    return _joined(autoencoder, gradients, layers)


def _joined(autoencoder: nn.Module, gradients: dict[str, Tensor], layers: Layers) -> list[Tensor]:
    """The parameters of a layer as one vector a picture: (N, d) for each layer."""
    owners = parameters_of(autoencoder, layers).values()
    return [torch.cat([gradients[name].flatten(1) for name in names], 1) for names in owners]


def _cosine(a: Tensor, b: Tensor) -> Tensor:
    return (normalize(a, dim=1, eps=1e-30) * normalize(b, dim=1, eps=1e-30)).sum(1)
