"""Local mismatch: how far the prediction at each position differs from the prediction for the whole image."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tutorial_lib._batching import batch_slices
from tutorial_lib.gradients import (
    Layer,
    Objective,
    bind_per_sample,
    cross_entropy,
    model_outputs,
    spatial_gradients,
    spatial_logits,
)


def local_loss(
    model: nn.Module, x: Tensor, layer: Layer, target: int | Tensor | None = None, *, batch_size: int = 8
) -> Tensor:
    """Return the loss of each position's own prediction against that of the whole image.

    ℓ_ij = −Σ_c p_c log softmax(z_ij)_c with the logits z_ij of position ij alone, see
    :func:`tutorial_lib.gradients.spatial_logits`, and the probabilities p that are predicted for the whole image, taken
    as constants. One forward pass and no gradient: this is the baseline for :func:`local_mismatch`.

    Args:
        model: a classifier, images to logits (N, C), whose head treats all positions alike and averages them; it is
            left as it was.
        x: images (N, channels, H, W).
        layer: dotted name or module of the layer whose feature maps are averaged; 1 × 1 convolutions may stand between
            it and the pooling.
        target: a class for all images, or labels (N,), in place of p; None is p itself.
        batch_size: images per pass; it bounds the memory and does not change the result.

    Returns:
        Losses (N, H, W) in nats, ≥ 0, resized bilinearly to the size of the image; higher means less expected.

    Raises:
        ValueError: x does not hold images, a target with other rows or classes, or a layer without local logits.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
        >>> local_loss(model, torch.rand(2, 3, 8, 8), "0").shape
        torch.Size([2, 8, 8])
    """
    losses = []
    for rows in _iter_batches(x, target, batch_size):
        _, z, local = spatial_logits(model, x[rows], layer)
        N, C, h, w = local.shape
        index = torch.arange(N, device=z.device).repeat_interleave(h * w)
        J = _target_distribution(z, target, rows).resolve(z).select(index)
        losses.append(J(local.detach().movedim(1, -1).reshape(-1, C)).view(N, h, w))
    return _upsample_to_image(losses, x)


def local_mismatch(
    model: nn.Module, x: Tensor, layer: Layer, target: int | Tensor | None = None, *, batch_size: int = 8
) -> Tensor:
    """Return the gradient times activation of :func:`local_loss` at each position.

    S_ij = Σ_k |A_k ∂ℓ_ij/∂A_k|: how strongly the features of a position would have to change for its prediction to
    match that of the whole image. For average pooling and a linear layer ∂ℓ_ij/∂A_ij = Wᵀ (softmax(z_ij) − p), the
    identity ∂J/∂z = softmax(z) − p at every position. The product with A removes features that are absent: an empty
    background has little to change.

    Args:
        model: a classifier, images to logits (N, C), whose head treats all positions alike and averages them; it is
            left as it was.
        x: images (N, channels, H, W).
        layer: dotted name or module of the layer whose feature maps are averaged; 1 × 1 convolutions may stand between
            it and the pooling.
        target: the expected class, or labels (N,); None is the prediction p for the whole image.
        batch_size: images per pass; it bounds the memory and does not change the result.

    Returns:
        Maps (N, H, W), ≥ 0, resized bilinearly to the size of the image; higher means less expected.

    Raises:
        ValueError: x does not hold images, a target with other rows or classes, or a layer without local logits.

    References:
        Our own method, after the idea of expectancy-mismatch in Sun, Prabhushankar, AlRegib, ICIP 2020,
        arXiv:2008.01874.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
        >>> (local_mismatch(model, torch.rand(2, 3, 8, 8), "0") >= 0).all()
        tensor(True)
    """
    maps = []
    for rows in _iter_batches(x, target, batch_size):
        J = _target_distribution(model_outputs(model, x[rows]), target, rows)
        A, _, g = spatial_gradients(model, x[rows], layer, J)
        maps.append((A * g).abs().sum(1))
    return _upsample_to_image(maps, x)


def _iter_batches(x: Tensor, target: int | Tensor | None, batch_size: int) -> list[slice]:
    """The slices of the batches, after checking the images and the target."""
    if x.dim() != 4:
        raise ValueError(f"expected images (N, C, H, W), not {tuple(x.shape)}; for a single image, pass x[None]")
    if isinstance(target, Tensor) and target.shape != x.shape[:1]:
        raise ValueError(
            f"target must be one label for each of the {len(x)} images, a class or None, not {tuple(target.shape)}"
        )
    return batch_slices(max(1, len(x)), batch_size)


def _target_distribution(z: Tensor, target: int | Tensor | None, rows: slice) -> Objective:
    """The cross-entropy against a class, or against the distribution that is predicted for the whole image."""
    if target is None:
        return bind_per_sample(lambda outputs, p: -(p * outputs.log_softmax(1)).sum(1), z.softmax(1))
    return cross_entropy(target).select(rows)


def _upsample_to_image(maps: list[Tensor], x: Tensor) -> Tensor:
    """The maps (n, h, w) of all batches, concatenated and resized bilinearly to the size of the images."""
    stacked = torch.cat(maps)[:, None]
    return F.interpolate(stacked, tuple(x.shape[-2:]), mode="bilinear", align_corners=False)[:, 0]
