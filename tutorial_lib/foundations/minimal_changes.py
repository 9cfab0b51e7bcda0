"""Two ways to agree: move what the last layer sees, or bend the last layer, by as little as makes two classes tie."""

from __future__ import annotations

import torch
from torch import Tensor

from tutorial_lib._validation import check_shapes


def _margin(
    W: Tensor, b: Tensor, features: Tensor, P: int | Tensor, Q: int | Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    if W.dim() != 2 or features.dim() != 2 or b.shape != W.shape[:1] or features.shape[1] != W.shape[1]:
        raise ValueError(
            f"W (C, d), b (C,) and h (N, d) expected, not {tuple(W.shape)}, {tuple(b.shape)}, {tuple(features.shape)}"
        )
    P, Q = (torch.full_like(features[:, 0], c, dtype=torch.int64) if isinstance(c, int) else c for c in (P, Q))
    check_shapes(W=(W, "floats C d"), b=(b, "floats C"), h=(features, "floats N d"), P=(P, "whole N"), Q=(Q, "whole N"))
    P, Q = P.to(features.device).long(), Q.to(features.device).long()
    if not ((0 <= P) & (P < len(W)) & (0 <= Q) & (Q < len(W))).all():
        raise ValueError(f"P and Q are classes, 0 to {len(W) - 1}")
    W, b = W.to(features), b.to(features)
    if (P == Q).any():
        raise ValueError("a class ties with itself already; P and Q must differ")
    between = W[P] - W[Q]
    return P, Q, between, (features * between).sum(1) + b[P] - b[Q]


def minimal_feature_shift(W: Tensor, b: Tensor, features: Tensor, P: int | Tensor, Q: int | Tensor) -> Tensor:
    """The shortest move of the features after which the classes P and Q tie: Δh = −m(w_P − w_Q)/‖w_P − w_Q‖², m = z_P − z_Q.

    W (C, d), b (C,), h (N, d), P and Q a class or labels (N,) -> (N, d). The layer z = Wh + b stays as it is.

    Raises:
        ValueError: shapes that do not belong together, P equal to Q, or a layer that cannot tell P from Q.

    Example:
        >>> minimal_feature_shift(torch.eye(2), torch.zeros(2), torch.tensor([[3., 1.]]), 0, 1)
        tensor([[-1.,  1.]])
    """
    _, _, between, margin = _margin(W, b, features, P, Q)
    size = between.square().sum(1)
    if (size == 0).any():
        raise ValueError("the rows of P and Q are equal, so no move changes their margin")
    return -(margin / size)[:, None] * between


def minimal_weight_update(
    W: Tensor, b: Tensor, features: Tensor, P: int | Tensor, Q: int | Tensor
) -> tuple[Tensor, Tensor]:
    """The smallest change of the layer after which P and Q tie for this h: Δ[W b] = −m/(2(‖h‖²+1)) (e_P − e_Q)[h; 1]ᵀ.

    m = z_P − z_Q is the margin that has to go. W (C, d), b (C,), h (N, d), P and Q a class or labels (N,) -> ΔW (N, C, d),
    Δb (N, C): one bent layer for each sample. Both rows move, half the way each; the features stay as they are.

    Raises:
        ValueError: shapes that do not belong together, or P equal to Q.

    Example:
        >>> minimal_weight_update(torch.eye(2), torch.zeros(2), torch.tensor([[1., 0.]]), 0, 1)[1]
        tensor([[-0.2500,  0.2500]])
    """
    P, Q, _, margin = _margin(W, b, features, P, Q)
    rows = (
        torch.zeros(len(features), len(W), dtype=features.dtype, device=features.device)
        .scatter(1, P[:, None], 1.0)
        .scatter(1, Q[:, None], -1.0)
    )
    change = -(margin / (2 * (features.square().sum(1) + 1)))[:, None] * rows
    return change[:, :, None] * features[:, None], change
