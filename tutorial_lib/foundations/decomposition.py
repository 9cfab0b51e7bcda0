"""Gradients of new samples, decomposed into a combination of the mean gradients of the known classes and a residual."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from tutorial_lib._batching import scale_by_power_of_two
from tutorial_lib._validation import check_shapes, convert_arguments, promote_to_float32


class Decomposition(NamedTuple):
    """The result of :func:`decompose_gradients`.

    Attributes:
        coefficients: a (N, C), signed; the coefficient of each known gradient.
        residual_share: ‖r‖²/‖g‖² (N,), in [0, 1]; 0 means that the known gradients explain g completely.
    """

    coefficients: Tensor
    residual_share: Tensor


@convert_arguments
def last_layer_gradient_matrix(logit_gradients: Tensor, features: Tensor) -> Tensor:
    """Return the gradient with respect to the last layer, assembled from its factors.

    ∂J/∂[W b] = δ[h; 1]ᵀ, the weights and the bias side by side.

    Args:
        logit_gradients: δ = ∂J/∂z (N, C).
        features: h (N, d), the input of the last layer.

    Returns:
        Gradients (N, C, d + 1), signed; the last column belongs to the bias.

    Raises:
        ValueError: the factors are not matrices with the same number of rows.

    Example:
        >>> last_layer_gradient_matrix(torch.tensor([[1., -1.]]), torch.tensor([[3.]]))
        tensor([[[ 3.,  1.],
                 [-3., -1.]]])
    """
    check_shapes(logit_gradients=(logit_gradients, "floats N C"), features=(features, "floats N d"))
    return logit_gradients[:, :, None] * torch.cat([features, torch.ones_like(features[:, :1])], 1)[:, None]


@convert_arguments
def class_mean_gradients(gradients: Tensor, labels: Tensor) -> Tensor:
    """Return the mean gradient of each class.

    Args:
        gradients: per-sample gradients (N, …).
        labels: whole numbers (N,); each of the classes 0 … C − 1 must occur.

    Returns:
        Means (C, …), signed, in the order of the classes.

    Raises:
        ValueError: labels of another length, labels that are negative or not whole numbers, or a class without a
            sample.

    Example:
        >>> class_mean_gradients(torch.tensor([[1.], [3.], [5.]]), torch.tensor([0, 0, 1]))
        tensor([[2.],
                [5.]])
    """
    check_shapes(gradients=(gradients[:, None].flatten(1), "floats N D"), labels=(labels, "whole N"))
    if (labels < 0).any():
        raise ValueError("labels must be at least 0: a negative label does not stand for a class")
    labels = labels.to(gradients.device, torch.int64)
    counts = labels.bincount()
    if not counts.all():
        raise ValueError(f"the classes {(counts == 0).nonzero().flatten().tolist()} have no sample")
    fine = gradients.to(promote_to_float32(gradients))
    sums = torch.zeros(len(counts), *gradients.shape[1:], dtype=fine.dtype, device=fine.device)
    return (sums.index_add(0, labels, fine) / counts.reshape(-1, *[1] * (gradients.dim() - 1))).to(gradients)


@convert_arguments
def decompose_gradients(gradients: Tensor, learned: Tensor) -> Decomposition:
    """Return each gradient as a combination of known gradients plus a residual.

    g = Σ_c a_c ḡ_c + r, where the coefficients a_c make ‖r‖ as small as possible (least squares).

    Args:
        gradients: g (N, …), floats, for example of new samples.
        learned: the known gradients ḡ_c (C, …), for example the means of :func:`class_mean_gradients`; they must be
            linearly independent.

    Returns:
        Coefficients a (N, C), signed, and the share of the residual ‖r‖²/‖g‖² (N,) in [0, 1]: 0 means that nothing is
        new, 1 that nothing is known. The share of a zero gradient is 0.

    Raises:
        ValueError: the shapes differ, a tensor does not hold floats, or the known gradients are linearly dependent, so
            that the coefficients are not unique.

    References:
        Our own method, for the goal of the tutorial's first part to represent the novel as a function of the learned.

    Example:
        >>> decompose_gradients(torch.tensor([[2., 0., 2.]]), torch.tensor([[1., 0., 0.], [0., 1., 0.]]))
        Decomposition(coefficients=tensor([[2., 0.]]), residual_share=tensor([0.5000]))
    """
    if (
        gradients.shape[1:] != learned.shape[1:]
        or gradients.dim() < 2
        or not len(learned)
        or not (gradients.is_floating_point() and learned.is_floating_point())
    ):
        raise ValueError(
            "expected gradients (N, …) of floats and at least one learned gradient of the same shape per row, not "
            f"{gradients.dtype} {tuple(gradients.shape)} and {learned.dtype} {tuple(learned.shape)}"
        )
    g, B = (t.flatten(1).to(promote_to_float32(gradients, learned)) for t in (gradients, learned))
    Q, R = torch.linalg.qr(B.T)
    diagonal = R.diagonal().abs()
    if len(B) > B.shape[1] or diagonal.min() <= diagonal.max() * torch.finfo(B.dtype).eps * len(B.T):
        raise ValueError("the learned gradients are linearly dependent, so their coefficients are not unique")
    g, scale = scale_by_power_of_two(g)
    projections = g @ Q
    coefficients = scale * torch.linalg.solve_triangular(R, projections.T, upper=True).T
    residual, total = (g - projections @ Q.T).square().sum(1), g.square().sum(1)
    return Decomposition(
        coefficients.to(gradients), torch.where(total == 0, 0.0, residual / total).clamp(0, 1).to(gradients)
    )
