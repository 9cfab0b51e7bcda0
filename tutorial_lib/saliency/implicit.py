"""Implicit saliency: where the features of a layer would have to change if the label were another one."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from tutorial_lib._batching import run_in_batches
from tutorial_lib._validation import check_shapes, convert_arguments
from tutorial_lib.attribution import upsample
from tutorial_lib.attribution.spatial_layout import check_layer_rows
from tutorial_lib.gradients import Layer, layer_gradient, reduced_class_jacobian


@convert_arguments
def implicit_saliency(
    model: nn.Module,
    x: Tensor,
    layer: Layer,
    *,
    classes: Sequence[int] | None = None,
    times_activation: bool = False,
    batch_size: int = 8,
) -> Tensor:
    """Return the mean absolute gradient of a layer over all assumed labels.

    S = 1/C Σ_Q mean_k |∂J(f(x), Q)/∂A_k| with the cross-entropy J for the assumed label Q and the feature maps A_k.

    The absolute value is taken *before* the mean over labels, and this order is essential. The signed gradients ∂J_Q/∂A
    = Σ_c p_c ∂z_c/∂A − ∂z_Q/∂A cancel in the mean: with equal weights their mean is the gradient for one uniform label,
    (p − 1/C) ∂z/∂A, which GradNorm uses; with weights p it is zero. In a network that ends in global average pooling
    and a linear layer, ∂J/∂A of the last feature maps is the same at every position, and so is S. Take an earlier
    layer, or ``times_activation``.

    C labels need two forward passes and C + 1 backward passes from the logits to the layer: one of each for the
    gradient that all labels share, and one forward pass with C backward passes for the Jacobian.

    Args:
        model: any module that takes x alone and returns logits (N, C); it is left as it was.
        x: images (N, channels, H, W).
        layer: dotted name or module, with feature maps (N, K, h, w).
        classes: the assumed labels Q; None selects all C classes. Of 1,000 classes, twenty that are spread evenly gave
            nearly the same map at the middle layers of SqueezeNet; at its last feature maps even fifty did not.
        times_activation: use |A ⊙ ∂J/∂A| instead of |∂J/∂A|, which selects features that are both present and relevant
            to the loss.
        batch_size: images per pass; it bounds the memory and does not change the result. The gradients of all labels
            come from one Jacobian, which is computed for a few labels at a time.

    Returns:
        Maps (N, H, W), ≥ 0, resized bilinearly to the size of the image; higher means more salient.

    Raises:
        ValueError: x does not hold images, the layer has no feature maps, is unknown, is not reached or is used twice;
            outputs that are not logits (N, C), or an unknown class.

    References:
        Sun, Prabhushankar, AlRegib, ICIP 2020, arXiv:2008.01874; the order of the reductions is our interpretation.

    Example:
        >>> import torch
        >>> head = nn.Sequential(nn.Conv2d(4, 5, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), *head)
        >>> implicit_saliency(model, torch.rand(2, 3, 8, 8), "1").shape
        torch.Size([2, 8, 8])
    """
    check_shapes(x=(x, "floats N C H W"))

    def one_batch(batch: Tensor) -> Tensor:
        # ∂ log Σ exp z / ∂A = Σ_c p_c ∂z_c/∂A, the term that is common to all labels.
        A, common = layer_gradient(model, batch, layer, lambda z: z.logsumexp(1))
        if A.dim() != 4:
            raise ValueError(
                f"the layer has no feature maps (N, K, h, w), but returns {tuple(A.shape)}; take an earlier layer"
            )

        def reduce_fn(g: Tensor) -> Tensor:
            gradient = common - g
            # The sum over labels is taken at once, so that only one map per call is kept, not one per label.
            return (gradient * A if times_activation else gradient).abs().mean(2).sum(0, keepdim=True)

        check_layer_rows(A, batch)
        _, logits, sums = reduced_class_jacobian(model, batch, layer, reduce_fn, classes=classes)
        check_shapes(logits=(logits, "logits N C"))
        return sums.sum(1) / (logits.shape[1] if classes is None else len(classes))

    return upsample(run_in_batches(one_batch, x, batch_size=batch_size), x.shape[-2:])
