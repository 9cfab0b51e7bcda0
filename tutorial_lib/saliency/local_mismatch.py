"""Local mismatch: how far the prediction at each position differs from the prediction for the whole image."""

from __future__ import annotations

from torch import Tensor, nn

from tutorial_lib._batching import run_in_batches
from tutorial_lib._validation import check_shapes, convert_arguments
from tutorial_lib.attribution import upsample
from tutorial_lib.gradients import Layer, bind_per_sample, model_outputs, spatial_gradients


@convert_arguments
def local_mismatch(model: nn.Module, x: Tensor, layer: Layer, *, batch_size: int = 8) -> Tensor:
    """Return the gradient times activation of the loss of each position's own prediction.

    S_ij = Σ_k |A_k ∂ℓ_ij/∂A_k|. The local loss ℓ_ij = −Σ_c p_c log softmax(z_ij)_c compares the prediction from the
    logits z_ij of position ij alone, see :func:`~tutorial_lib.gradients.spatial_logits`, with the probabilities p of
    the whole image, taken as constants. The map shows how strongly the features of a position would have to change for
    its prediction to match that of the whole image. For average pooling and a linear layer ∂ℓ_ij/∂A_ij =
    Wᵀ (softmax(z_ij) − p), the identity ∂J/∂z = softmax(z) − p at every position. The product with A removes features
    that are absent: an empty background has little to change.

    Args:
        model: a classifier, images to logits (N, C), whose head treats all positions alike and averages them; it is
            left as it was.
        x: images (N, channels, H, W).
        layer: dotted name or module of the layer whose feature maps are averaged; 1 × 1 convolutions may stand between
            it and the pooling.
        batch_size: images per pass; it bounds the memory and does not change the result.

    Returns:
        Maps (N, H, W), ≥ 0, resized bilinearly to the size of the image; higher means less expected.

    Raises:
        ValueError: x does not hold images, or a layer without local logits.

    References:
        Our own method, after the idea of expectancy-mismatch in Sun, Prabhushankar, AlRegib, ICIP 2020,
        arXiv:2008.01874.

    Example:
        >>> import torch
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
        >>> (local_mismatch(model, torch.rand(2, 3, 8, 8), "0") >= 0).all()
        tensor(True)
    """

    def one_batch(x: Tensor) -> Tensor:
        z = model_outputs(model, x)
        check_shapes(logits=(z, "logits N C"))
        p = z.softmax(1)
        J = bind_per_sample(lambda outputs, p: -(p * outputs.log_softmax(1)).sum(1), p)
        A, _, g = spatial_gradients(model, x, layer, J)
        return (A * g).abs().sum(1)

    check_shapes(x=(x, "floats N C H W"))
    return upsample(run_in_batches(one_batch, x, batch_size=batch_size), x.shape[-2:])
