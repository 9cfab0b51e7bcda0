"""The Fisher information of the last layer: the covariance of its gradients over all classes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tutorial_lib._tensor_ops import complement_probabilities
from tutorial_lib._validation import check_shapes, convert_arguments, promote_to_float32


@dataclass(frozen=True)
class LastLayerFisher:
    """The Fisher information of the weight of the last layer at each sample, in factored form.

    F = (diag p − p pᵀ) ⊗ h hᵀ with p = softmax(logits). As a matrix, F would have (C·d)² entries per sample; no method
    computes it.

    Attributes:
        logits: logits (N, C).
        h: features (N, d), the input of the last layer.
    """

    logits: Tensor
    h: Tensor

    @property
    def covariance(self) -> Tensor:
        """The matrices diag p − p pᵀ (N, C, C), whose rows sum to zero.

        They are the covariance over Q ~ p of p − e_Q, the derivative δ of the loss to Q.
        """
        p = self.logits.softmax(1)
        others = 1 - torch.eye(p.shape[1], dtype=p.dtype, device=p.device)
        return torch.diag_embed(p * complement_probabilities(self.logits)) - p[:, :, None] * p[:, None] * others

    @property
    def trace(self) -> Tensor:
        """The traces tr F = (1 − ‖p‖²) ‖h‖² ≥ 0 (N,), the mean of ‖g_Q‖² over Q ~ p.

        A higher value means that the prediction is less certain, or that the norm of h is larger.
        """
        # 1 − ‖p‖² = Σ_c p_c (1 − p_c), without the cancellation that would lose it where the prediction is confident.
        z, h = _fine(self.logits), _fine(self.h)
        return ((z.softmax(1) * complement_probabilities(z)).sum(1) * h.square().sum(1)).to(self.h)

    @convert_arguments
    def quadratic_form(self, direction: Tensor) -> Tensor:
        """Return Δᵀ F Δ for a change Δ of the weight.

        It is the variance over Q ~ p of the change of log p_Q. To second order, ½ Δᵀ F Δ is the change of the
        prediction, KL(p_W ‖ p_{W+Δ}).

        Args:
            direction: the change Δ (C, d), or one per sample (N, C, d).

        Returns:
            Values (N,), ≥ 0. A higher value means that the prediction changes more.

        Raises:
            ValueError: a direction of another shape.

        Example:
            >>> fisher = last_layer_fisher(torch.zeros(1, 2), torch.ones(1, 1))
            >>> fisher.quadratic_form(torch.tensor([[1.], [-1.]]))  # the two logits move apart
            tensor([1.])
        """
        weight_shape = (self.logits.shape[1], self.h.shape[1])
        if tuple(direction.shape) not in (weight_shape, (len(self.h), *weight_shape)):
            raise ValueError(
                f"direction must be shaped like the weight, {weight_shape}, or hold one such matrix per sample, "
                f"not {tuple(direction.shape)}"
            )
        h = _fine(self.h)
        directions = direction.detach().to(h).expand(len(h), *weight_shape)
        p, logit_changes = _fine(self.logits).softmax(1), torch.einsum("ncd,nd->nc", directions, h)
        return (p * (logit_changes - (p * logit_changes).sum(1, keepdim=True)).square()).sum(1).to(self.h)


def _fine(t: Tensor) -> Tensor:
    """A tensor in single precision at least, so that sums of squares do not overflow."""
    return t.to(promote_to_float32(t))


@convert_arguments
def last_layer_fisher(logits: Tensor, features: Tensor) -> LastLayerFisher:
    """Return the Fisher information of the weight W of the last layer at each sample.

    F = E_{Q∼p}[g_Q g_Qᵀ] = (diag p − p pᵀ) ⊗ h hᵀ, where g_Q = (p − e_Q) hᵀ is the gradient of the cross-entropy loss
    with label Q with respect to W. Over the predicted distribution p the gradients have mean zero, Σ_Q p_Q g_Q = 0, so
    F is their covariance. F uses all classes and needs no label. The "empirical" Fisher information, which squares the
    gradient for an observed label only, is a different matrix.

    Args:
        logits: logits z (N, C), floats.
        features: features h (N, d), the input of the last layer; both from
            :func:`tutorial_lib.gradients.penultimate_features`.

    Returns:
        F in factored form, with ``trace`` (N,), ``covariance`` (N, C, C) and ``quadratic_form(direction)`` (N,).

    Raises:
        ValueError: logits and features of other shapes or of different samples, or no samples.

    References:
        Amari, Neural Computation 10, 1998; the empirical Fisher information: Kunstner, Balles, Hennig, NeurIPS 2019,
        arXiv:1905.12558.

    Example:
        >>> last_layer_fisher(torch.zeros(1, 2), torch.tensor([[3., 4.]])).trace
        tensor([12.5000])
    """
    check_shapes(logits=(logits, "logits n C"), features=(features, "floats n d"))
    return LastLayerFisher(logits.detach(), features.detach().to(logits))
