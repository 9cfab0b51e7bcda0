"""Gradients as information: what the last layer's gradients, one for each possible answer, say together about the parameters."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tutorial_lib._validation import check_shapes


@dataclass(frozen=True)
class LastLayerFisher:
    """The Fisher information of the last layer's weight at each sample, F = (diag p − p pᵀ) ⊗ h hᵀ, kept as its two factors.

    As a matrix it would be Cd × Cd a sample; nothing here makes it. ``logits``: (N, C). ``h``: (N, d).
    """

    logits: Tensor
    h: Tensor

    @property
    def covariance(self) -> Tensor:
        """diag p − p pᵀ, (N, C, C): the covariance of p − e_Q, δ of the loss to Q, over Q ~ p; its rows add up to zero."""
        p = self.logits.softmax(1)
        return torch.diag_embed(p * complement_probabilities(self.logits)) - (
            p[:, :, None] * p[:, None] * (1 - torch.eye(p.shape[1]).to(p))
        )

    @property
    def trace(self) -> Tensor:
        """tr F = (1 − ‖p‖²) ‖h‖² ≥ 0, (N,): the mean squared norm of all g_Q. Higher = less certain, or larger h."""
        # 1 − ‖p‖² = Σ_c p_c (1 − p_c), without the cancellation that leaves nothing of it where the network is certain.
        return (self.logits.softmax(1) * complement_probabilities(self.logits)).sum(1) * self.h.square().sum(1)

    def quadratic_form(self, direction: Tensor) -> Tensor:
        """Δᵀ F Δ ≥ 0, (N,), for a change of the weight, Δ: (C, d), or one a sample, (N, C, d).

        The variance over Q ~ p of how the change moves log p_Q; ½ Δᵀ F Δ is how far the prediction moves, KL(p_W ‖ p_{W+Δ}),
        to second order.

        Raises:
            ValueError: a direction of another shape.

        Example:
            >>> fisher = last_layer_fisher(torch.zeros(1, 2), torch.ones(1, 1))
            >>> fisher.quadratic_form(torch.tensor([[1.], [-1.]]))  # all variance: the logits move apart
            tensor([1.])
        """
        weight = (self.logits.shape[1], self.h.shape[1])
        if tuple(direction.shape) not in (weight, (len(self.h), *weight)):
            raise ValueError(
                f"a direction is shaped like the weight, {weight}, or one a sample, not {tuple(direction.shape)}"
            )
        each = direction.detach().to(self.h).expand(len(self.h), *weight)
        p, moved = self.logits.softmax(1), torch.einsum("ncd,nd->nc", each, self.h)
        return (p * (moved - (p * moved).sum(1, keepdim=True)).square()).sum(1)


def last_layer_fisher(logits: Tensor, features: Tensor) -> LastLayerFisher:
    """The Fisher information of the last layer's weight W at each sample: F = E_{Q∼p}[g_Q g_Qᵀ] = (diag p − p pᵀ) ⊗ h hᵀ.

    g_Q = (p − e_Q) hᵀ is the gradient of the loss to Q. Over the network's own answers the g_Q have mean zero, Σ_Q p_Q g_Q =
    0, so that F, the mean of their squares, is their covariance. It asks all classes, no label; the "empirical" Fisher, which
    squares the gradient of an observed label alone, is another matrix.

    Args:
        logits: (N, C).
        h: (N, d), what enters the last layer: both from :func:`tutorial_lib.gradients.penultimate_features`.

    Returns:
        F in its factors: ``trace`` (N,), ``covariance`` (N, C, C), ``quadratic(direction)`` (N,).

    Raises:
        ValueError: logits and features of other shapes or samples.

    Source: Amari, Neural Computation 10, 1998; the empirical one: Kunstner, Balles, Hennig, NeurIPS 2019, arXiv 1905.12558.

    Example:
        >>> last_layer_fisher(torch.zeros(1, 2), torch.tensor([[3., 4.]])).trace
        tensor([12.5000])
    """
    if logits.dim() != 2 or features.dim() != 2 or len(logits) != len(features) or not len(features):
        raise ValueError(
            f"logits (N, C) and features (N, d), N > 0, not {tuple(logits.shape)} and {tuple(features.shape)}"
        )
    check_shapes(logits=(logits, "floats N C"), h=(features, "floats N d"))
    return LastLayerFisher(logits.detach(), features.detach().to(logits))


def complement_probabilities(logits: Tensor) -> Tensor:
    """The probability of all other classes, 1 − p_c = Σ_{e≠c} p_e, (N, C), exact also where p_c is nearly one.

    Example:
        >>> 1 - torch.tensor([[20., 0.]]).softmax(1)[0, 0], complement_probabilities(torch.tensor([[20., 0.]]))[0, 0]
        (tensor(0.), tensor(2.0612e-09))
    """
    p = logits.softmax(1)
    top = logits.argmax(1, keepdim=True)
    return (1 - p).scatter(1, top, p.scatter(1, top, 0).sum(1, keepdim=True))
