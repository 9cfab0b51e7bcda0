"""A novel sample as a function of the learned ones: its gradient, written as a combination of the classes' mean gradients."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from tutorial_lib._validation import check_shapes, promote_to_float32


class Decomposition(NamedTuple):
    """``coefficients`` (N, C): how much of each class. ``remainder`` (N,), in [0, 1]: the share left over."""

    coefficients: Tensor
    residual_share: Tensor


def last_layer_gradient_matrix(logit_gradients: Tensor, features: Tensor) -> Tensor:
    """The last layer's gradient from its factors, weights and bias side by side: δ[h; 1]ᵀ. (N, C), (N, d) -> (N, C, d+1).

    Raises:
        ValueError: factors of different batches.

    Example:
        >>> last_layer_gradient_matrix(torch.tensor([[1., -1.]]), torch.tensor([[3.]]))
        tensor([[[ 3.,  1.],
                 [-3., -1.]]])
    """
    if logit_gradients.dim() != 2 or features.dim() != 2 or len(logit_gradients) != len(features):
        raise ValueError(
            f"factors (N, C) and (N, d) expected, not {tuple(logit_gradients.shape)} and {tuple(features.shape)}"
        )
    return logit_gradients[:, :, None] * torch.cat([features, torch.ones_like(features[:, :1])], 1)[:, None]


def class_mean_gradients(gradients: Tensor, labels: Tensor) -> Tensor:
    """The mean gradient of every class, in the order of their labels 0 … C−1: (N, …), (N,) -> (C, …).

    Raises:
        ValueError: labels of another length, or a class without a sample.

    Example:
        >>> class_mean_gradients(torch.tensor([[1.], [3.], [5.]]), torch.tensor([0, 0, 1]))
        tensor([[2.],
                [5.]])
    """
    if labels.shape != gradients.shape[:1]:
        raise ValueError(f"{len(gradients)} gradients need as many labels, (N,), not {tuple(labels.shape)}")
    check_shapes(labels=(labels, "whole N"))
    if (labels < 0).any():
        raise ValueError("labels run from 0: the negative ones stand for no class")
    labels = labels.long()
    counts = labels.bincount()
    if not counts.all():
        raise ValueError(f"no sample of the classes {(counts == 0).nonzero().flatten().tolist()}")
    sums = torch.zeros(len(counts), *gradients.shape[1:], dtype=gradients.dtype, device=gradients.device)
    return sums.index_add(0, labels, gradients) / counts.reshape(-1, *[1] * (gradients.dim() - 1))


def decompose_gradients(gradients: Tensor, learned: Tensor) -> Decomposition:
    """Write each gradient as a combination of learned ones plus a remainder: g = Σ_c a_c ḡ_c + r, with ‖r‖ as small as can be.

    gradients (N, …), learned (C, …) -> coefficients a (N, C), signed, and the remainder's share ‖r‖²/‖g‖² in [0, 1]; 0 is nothing
    new, 1 is nothing known. A gradient of zero has no new part.

    Raises:
        ValueError: shapes that differ, or learned gradients that depend on each other, so that coefficients are not unique.

    Source: ours, for the goal "represent the novel as a function of the learned" of the tutorial's first part; least squares.

    Example:
        >>> decompose_gradients(torch.tensor([[2., 0., 2.]]), torch.tensor([[1., 0., 0.], [0., 1., 0.]]))
        Composition(coefficients=tensor([[2., 0.]]), remainder=tensor([0.5000]))
    """
    if gradients.shape[1:] != learned.shape[1:]:
        raise ValueError(
            f"gradients like {tuple(gradients.shape[1:])} against learned ones like {tuple(learned.shape[1:])}"
        )
    if not (gradients.is_floating_point() and learned.is_floating_point()) or gradients.dim() < 2 or not len(learned):
        raise ValueError(
            f"gradients are floats (N, …), and at least one is learned; not {gradients.dtype}, {tuple(learned.shape)}"
        )
    g, B = (t.flatten(1).to(promote_to_float32(gradients, learned)) for t in (gradients, learned))
    if len(B) > B.shape[1]:
        raise ValueError(f"{len(B)} learned gradients of {B.shape[1]} numbers depend on each other")
    Q, R = torch.linalg.qr(B.T)
    diagonal = R.diagonal().abs()
    if diagonal.min() <= diagonal.max() * torch.finfo(B.dtype).eps * len(B.T):
        raise ValueError("the learned gradients depend on each other, so their coefficients are not unique")
    along = g @ Q
    coefficients = torch.linalg.solve_triangular(R, along.T, upper=True).T
    rest, whole = (g - along @ Q.T).square().sum(1), g.square().sum(1)
    return Decomposition(
        coefficients.to(gradients), torch.where(whole == 0, 0.0, rest / whole).clamp(0, 1).to(gradients)
    )
