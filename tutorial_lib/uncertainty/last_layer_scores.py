"""What one answer asks of the last layer: ∂J/∂W = δ hᵀ has rank one, so its norm is a product, and no backward pass is needed."""

from __future__ import annotations

from torch import Tensor

from tutorial_lib._validation import check_shapes
from tutorial_lib.gradients import kl_from_uniform, last_layer_gradient_factors
from tutorial_lib.uncertainty.logit_scores import check_logits, check_temperature, complement_probabilities


def gradnorm_score(logits: Tensor, features: Tensor, *, temperature: float = 1.0) -> Tensor:
    """GradNorm: minus the L1 norm of the last layer's gradient towards knowing nothing, −‖∂KL(u ‖ p)/∂W‖₁ ≤ 0. -> (N,).

    With δ = (p − u)/T and u = 1/C it is −‖h‖₁ Σ_c |p_c − 1/C| / T. The norm is large where the answer is sure and the
    features are large, as they are for what was learned: hence the minus, and higher = more abnormal. The authors' code sums
    over the classes where the paper averages, C times as much.

    Args:
        logits: (N, C).
        h: (N, d), what enters the last layer: both from :func:`tutorial_lib.gradients.penultimate_features`.
        temperature: T.

    Raises:
        ValueError: logits and features of other shapes or samples, or T ≤ 0.

    Source: Huang, Geng, Li, NeurIPS 2021, arXiv 2110.00218.

    Example:
        >>> import torch
        >>> gradnorm_score(torch.tensor([[0., 0.], [100., 0.]]), torch.tensor([[1., 2.], [1., 2.]]))
        tensor([-0., -3.])
    """
    check_shapes(h=(features, "floats N d"))
    delta, features = last_layer_gradient_factors(
        check_logits(logits), features, kl_from_uniform(check_temperature(temperature))
    )
    # ‖δhᵀ‖₁ = ‖δ‖₁ ‖h‖₁
    return -delta.abs().sum(1) * features.abs().sum(1)


def exgrad_score(logits: Tensor, features: Tensor) -> Tensor:
    """ExGrad: the L1 norm of the last layer's gradient, averaged over the network's answers, E_{Q∼p} ‖∂J(Q)/∂W‖₁ ≥ 0. -> (N,).

    J(Q) = −log p_Q, δ = p − e_Q, so that it is 2 ‖h‖₁ (1 − ‖p‖²); higher = more abnormal. The norms are averaged, not the
    gradients: the average of the gradients is zero. What it says beyond ‖h‖₁ is said by p alone.

    Args:
        logits: (N, C).
        h: (N, d), as for :func:`grad_norm`.

    Raises:
        ValueError: logits and features of other shapes or samples.

    Source: Igoe, Chung, Char, Schneider, 2022, arXiv 2205.10439.

    Example:
        >>> import torch
        >>> exgrad_score(torch.zeros(1, 2), torch.tensor([[1., -2.]]))
        tensor([3.])
    """
    if features.dim() != 2 or len(check_logits(logits)) != len(features):
        raise ValueError(
            f"logits (N, C) and features (N, d) expected, not {tuple(logits.shape)} and {tuple(features.shape)}"
        )
    check_shapes(h=(features, "floats N d"))
    # 1 − ‖p‖² = Σ_c p_c (1 − p_c), where nothing cancels
    return 2 * (logits.softmax(1) * complement_probabilities(logits)).sum(1) * features.abs().sum(1)
