"""Local mismatch: the network expects one thing of the whole picture; which places, asked alone, do not agree?"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tutorial_lib._batching import batch_slices
from tutorial_lib.gradients import (
    Objective,
    bind_per_sample,
    cross_entropy,
    model_outputs,
    spatial_gradients,
    spatial_logits,
)


def local_loss(
    model: nn.Module, x: Tensor, layer: str | nn.Module, target: int | Tensor | None = None, *, batch_size: int = 8
) -> Tensor:
    """The loss of each position's own answer against the picture's: ℓ_ij = −Σ_c p_c log softmax(z_ij)_c ≥ 0, in nats. -> (N, H, W).

    Higher = less expected. z_ij are the logits of position ij alone and p is what the network says of the whole picture, as it
    stands: :func:`tutorial_lib.gradients.spatial_logits`. One forward pass, no gradient: the control that
    :func:`local_mismatch` must beat. ``target``: a class, (N,) labels, or None, p itself. Brought to the picture's size (bilinear).

    Raises:
        ValueError: as :func:`local_mismatch` does.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
        >>> local_loss(model, torch.rand(2, 3, 8, 8), "0").shape
        torch.Size([2, 8, 8])
    """
    found = []
    for rows in _iter_batches(x, target, batch_size):
        _, z, local = spatial_logits(model, x[rows], layer)
        N, C, h, w = local.shape
        index = torch.arange(N, device=z.device).repeat_interleave(h * w)
        J = _target_distribution(z, target, rows).resolve(z).select(index)
        found.append(J(local.detach().movedim(1, -1).reshape(-1, C)).view(N, h, w))
    return _upsample_to_image(found, x)


def local_mismatch(
    model: nn.Module, x: Tensor, layer: str | nn.Module, target: int | Tensor | None = None, *, batch_size: int = 8
) -> Tensor:
    """What each position's features would have to change to say what the picture says: Σ_k |A_k ∂ℓ/∂A_k| ≥ 0. -> (N, H, W).

    Higher = less expected. ℓ is :func:`local_loss`; at average pooling and one linear layer ∂ℓ_ij/∂A_ij = Wᵀ (softmax(z_ij) − p),
    the identity of this course at every position. The product with A leaves out what is not there: empty ground has little to
    change. x (N, C, H, W), brought to the picture's size (bilinear).

    Args:
        model: a classifier whose head treats all positions alike and averages them.
        x: (N, C, H, W).
        layer: the maps that are averaged, or the last before a convolution of one cell; a module or its name.
        target: what is expected: a class, (N,) labels, or None, the picture's own p.
        chunk: pictures at a time.

    Raises:
        ValueError: x is no pictures, a target of other rows or classes, and as
            :func:`tutorial_lib.gradients.spatial_logits` does.

    Source: ours, after the idea of expectancy-mismatch in Sun, Prabhushankar, AlRegib, ICIP 2020, arXiv 2008.01874.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
        >>> (local_mismatch(model, torch.rand(2, 3, 8, 8), "0") >= 0).all()
        tensor(True)
    """

    found = []
    for rows in _iter_batches(x, target, batch_size):
        J = _target_distribution(model_outputs(model, x[rows]), target, rows)
        A, _, g = spatial_gradients(model, x[rows], layer, J)
        found.append((A * g).abs().sum(1))
    return _upsample_to_image(found, x)


def _iter_batches(x: Tensor, target: int | Tensor | None, batch_size: int) -> list[slice]:
    if x.dim() != 4:
        raise ValueError(f"local answers are of pictures (N, C, H, W), not {tuple(x.shape)}")
    if isinstance(target, Tensor) and target.shape != x.shape[:1]:
        raise ValueError(
            f"target must be one label for each of the {len(x)} pictures, a class or None, not {tuple(target.shape)}"
        )
    return batch_slices(max(1, len(x)), batch_size)


def _target_distribution(z: Tensor, target: int | Tensor | None, rows: slice) -> Objective:
    """The loss against a class, or against all that is said of the picture."""
    if target is None:
        return bind_per_sample(lambda out, p: -(p * out.log_softmax(1)).sum(1), z.softmax(1))
    return cross_entropy(target).select(rows)


def _upsample_to_image(found: list[Tensor], x: Tensor) -> Tensor:
    maps = torch.cat(found)[:, None]
    return F.interpolate(maps, tuple(x.shape[-2:]), mode="bilinear", align_corners=False)[:, 0]
