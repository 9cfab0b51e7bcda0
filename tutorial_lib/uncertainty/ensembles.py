"""Predictive uncertainty of several predictions for the same images, such as those of a deep ensemble.

The predictions agree that they are uncertain where the image itself is ambiguous, and they disagree where the models
have not learned what to predict.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from tutorial_lib._validation import check_shapes, convert_arguments, promote_to_float32
from tutorial_lib.gradients import model_outputs


class PredictiveUncertainty(NamedTuple):
    """The uncertainty of T predictions p_t for each image, divided into two parts.

    ``predictive_entropy = expected_entropy + mutual_information``. All three are scores in nats; higher means more
    abnormal.

    Attributes:
        probabilities: mean prediction p̄ (N, C).
        predictive_entropy: H[p̄] (N,) in [0, log C], the total uncertainty.
        expected_entropy: mean_t H[p_t] (N,) in [0, log C], the aleatoric (data) uncertainty that all members share.
        mutual_information: H[p̄] − mean_t H[p_t] (N,), ≥ 0, the epistemic (model) uncertainty: how much the members
            disagree.
    """

    probabilities: Tensor
    predictive_entropy: Tensor
    expected_entropy: Tensor
    mutual_information: Tensor


@convert_arguments
def decompose_uncertainty(logits: Tensor) -> PredictiveUncertainty:
    """Return the aleatoric and the epistemic uncertainty of T predictions for each image.

    H[p̄] = mean_t H[p_t] + I with p̄ = mean_t p_t and the mutual information I = mean_t KL(p_t ‖ p̄).

    Args:
        logits: logits (T, N, C) of T ≥ 1 ensemble members or Monte Carlo samples.

    Returns:
        Mean probabilities (N, C), and three scores (N,) in nats, ≥ 0: the predictive entropy H[p̄], the expected
        entropy mean_t H[p_t], and the mutual information I. Higher means more abnormal.

    Raises:
        ValueError: the logits are not floats (T, N, C) with T ≥ 1 and C ≥ 1.

    References:
        Houlsby et al., 2011, arXiv:1112.5745.

    Example:
        >>> disagreeing, uncertain = [[[30., 0.]], [[0., 30.]]], [[[0., 0.]], [[0., 0.]]]
        >>> decompose_uncertainty(torch.tensor(disagreeing)).mutual_information
        tensor([0.6931])
        >>> decompose_uncertainty(torch.tensor(uncertain)).mutual_information
        tensor([0.])
    """
    check_shapes(logits=(logits, "logits T N C"))
    log_p = logits.log_softmax(2, dtype=promote_to_float32(logits))
    log_mean = log_p.logsumexp(0) - math.log(len(logits))
    p, mean = log_p.exp(), log_p.exp().mean(0)
    predictive_entropy, expected_entropy = torch.special.entr(mean).sum(1), torch.special.entr(p).sum(2).mean(0)
    # H[p̄] − mean H[p_t] = mean Σ p_t log(p_t/p̄): in this form it is not lost in the rounding of the two entropies.
    mutual_information = torch.where(p > 0, p * (log_p - log_mean), 0).sum(2).mean(0)
    scores = (mean, predictive_entropy, expected_entropy, mutual_information.clamp(min=0))
    return PredictiveUncertainty(*(score.to(logits) for score in scores))


@convert_arguments
def deep_ensemble(models: Sequence[nn.Module], x: Tensor, *, batch_size: int = 256) -> PredictiveUncertainty:
    """Return the predictive uncertainty of a deep ensemble.

    The members are networks trained in the same way from different initial weights.

    Args:
        models: classifiers, images (N, …) to logits (N, C) of the same classes; they are left as they were.
        x: images (N, …).
        batch_size: images per pass; it bounds the memory and does not change the result.

    Returns:
        Mean probabilities (N, C), and three scores (N,) in nats, ≥ 0: the predictive entropy H[p̄], the expected
        entropy mean_t H[p_t], and the mutual information, their difference. Higher means more abnormal.

    Raises:
        ValueError: no model, models whose outputs are not logits (N, C) of one shape, an empty batch, outputs that are
            not finite, BatchNorm or dropout in training mode.

    References:
        Lakshminarayanan, Pritzel, Blundell, NeurIPS 2017, arXiv:1612.01474.

    Example:
        >>> deep_ensemble([nn.Linear(3, 2), nn.Linear(3, 2)], torch.rand(5, 3)).mutual_information.shape
        torch.Size([5])
    """
    logits = [model_outputs(model, x, batch_size=batch_size) for model in models]
    if not logits or any(z.dim() != 2 or z.shape != logits[0].shape for z in logits):
        raise ValueError(
            "an ensemble needs at least one model, and logits (N, C) of one shape, "
            f"not {[tuple(z.shape) for z in logits]}"
        )
    return decompose_uncertainty(torch.stack(logits))
