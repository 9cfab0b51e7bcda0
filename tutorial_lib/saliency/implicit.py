"""Implicit saliency: suppose that the picture were anything but what the network says it is, and look where that would matter."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tutorial_lib._batching import batch_slices
from tutorial_lib.gradients import layer_gradient, reduced_class_jacobian


def implicit_saliency(
    model: nn.Module,
    x: Tensor,
    layer: str | nn.Module,
    *,
    classes: Sequence[int] | None = None,
    times_activation: bool = False,
    batch_size: int = 8,
) -> Tensor:
    """How strongly a layer would have to answer if the label were another, for every label: S ≥ 0, (N, H, W), higher = more salient.

    S = 1/C Σ_Q mean_k |∂J(f(x), Q)/∂A_k| with J the cross-entropy, brought to the size of the picture (bilinear). x (N, C, H, W).

    The size is taken *before* the mean over labels, and that is the method. Averaged with their signs, ∂J_Q/∂A = Σ_c p_c ∂z_c/∂A
    − ∂z_Q/∂A collapse: with equal weights to the gradient for one uniform label, (p − 1/C) ∂z/∂A, which is GradNorm's; with
    weights p to zero. Where a network ends in averaging and one linear layer, ∂J/∂A of its last maps is the same at every
    position, and so is S: take an earlier layer, or the product.

    Args:
        model: pictures to logits.
        x: (N, C, H, W).
        layer: with maps (N, K, h, w); a module or its name.
        classes: the labels Q to suppose; default: all. Of a thousand, twenty spread evenly gave nearly the same map at the
            middle layers of SqueezeNet (see the study); at its last maps even fifty did not.
        product: |A ⊙ ∂J/∂A| instead: only what is both there and asked to change.
        chunk: pictures at a time. The gradients of all labels come from one Jacobian, a few labels at a time.

    Raises:
        ValueError: x is no pictures, the layer has no maps, and as :func:`tutorial_lib.gradients.reduced_class_jacobian` does.

    Source: Sun, Prabhushankar, AlRegib, ICIP 2020, arXiv 2008.01874. The reduction is our reading of it.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> implicit_saliency(model, torch.rand(2, 3, 8, 8), "1").shape
        torch.Size([2, 8, 8])
    """
    if x.dim() != 4:
        raise ValueError(f"saliency is of pictures (N, C, H, W), not {tuple(x.shape)}")
    found = []
    for rows in batch_slices(max(1, len(x)), batch_size):
        part = x[rows]
        # ∂ log Σ exp z / ∂A = Σ_c p_c ∂z_c/∂A, the part that all labels share.
        A, shared = layer_gradient(model, part, layer, lambda z: z.logsumexp(1))
        if A.dim() != 4:
            name = layer if isinstance(layer, str) else type(layer).__name__
            raise ValueError(f"layer {name!r} has no maps (N, K, h, w), but {tuple(A.shape)}: take an earlier one")

        def read(g: Tensor, A=A, shared=shared) -> Tensor:
            mismatch = shared - g
            # Summed on the spot: only one number a label goes back, and the map is kept.
            return (mismatch * A if times_activation else mismatch).abs().mean(2).sum(0, keepdim=True)

        _, logits, sums = reduced_class_jacobian(model, part, layer, read, classes=classes)
        found.append(sums.sum(1) / (logits.shape[1] if classes is None else len(classes)))
    maps = torch.cat(found)
    return F.interpolate(maps[:, None], tuple(x.shape[-2:]), mode="bilinear", align_corners=False)[:, 0]
