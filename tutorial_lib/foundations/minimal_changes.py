"""The smallest change of the last layer, in closed form, that makes the logits of two classes equal."""

import torch
from torch import Tensor

from tutorial_lib._validation import check_shapes, convert_arguments, promote_to_float32


@convert_arguments
def minimal_weight_update(
    W: Tensor, b: Tensor, features: Tensor, P: int | Tensor, Q: int | Tensor
) -> tuple[Tensor, Tensor]:
    """Return the smallest change of the last layer that makes two logits equal at h.

    Δ[W b] = −m/(2(‖h‖² + 1)) (e_P − e_Q)[h; 1]ᵀ with the margin m = z_P − z_Q. The rows of P and Q both change, each by
    half; the features do not change.

    Args:
        W: weights of the last layer (C, d).
        b: bias of the last layer (C,).
        features: h (N, d), the input of the last layer.
        P: a class for all samples, or labels (N,).
        Q: the other class, or labels (N,); it differs from P for every sample.

    Returns:
        ΔW (N, C, d) and Δb (N, C), signed: one modified layer per sample.

    Raises:
        ValueError: the shapes do not belong together, a class is out of range, or P equals Q.

    Example:
        >>> minimal_weight_update(torch.eye(2), torch.zeros(2), torch.tensor([[1., 0.]]), 0, 1)[1]
        tensor([[-0.2500,  0.2500]])
    """
    P, Q = (torch.full((len(features),), c, device=features.device) if isinstance(c, int) else c for c in (P, Q))
    check_shapes(
        W=(W, "floats C d"), b=(b, "floats C"), features=(features, "floats N d"), P=(P, "whole N"), Q=(Q, "whole N")
    )
    P, Q = P.to(features.device).long(), Q.to(features.device).long()
    if not ((0 <= P) & (P < len(W)) & (0 <= Q) & (Q < len(W))).all():
        raise ValueError(f"P and Q must be classes from 0 to {len(W) - 1}")
    if (P == Q).any():
        raise ValueError("P and Q must differ, because the logit of a class always equals itself")
    W, b, h = (t.to(features.device, promote_to_float32(features)) for t in (W, b, features))
    margin = (h * (W[P] - W[Q])).sum(1) + b[P] - b[Q]
    signs = margin.new_zeros(len(features), len(W)).scatter(1, P[:, None], 1.0).scatter(1, Q[:, None], -1.0)
    bias_update = -(margin / (2 * (h.square().sum(1) + 1)))[:, None] * signs
    return (bias_update[:, :, None] * h[:, None]).to(features.dtype), bias_update.to(features.dtype)
