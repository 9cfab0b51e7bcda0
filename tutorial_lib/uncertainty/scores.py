"""Uncertainty scores: baselines from the logits alone, scores from the gradient of the last layer, and ODIN.

The gradient of the last layer is ∂J/∂W = δ hᵀ, whose norm is a product and needs no backward pass.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from tutorial_lib._tensor_ops import complement_probabilities, log_odds
from tutorial_lib._validation import check_nonnegative, check_shapes, convert_arguments, promote_to_float32
from tutorial_lib.gradients import (
    Objective,
    input_gradient,
    kl_from_uniform,
    last_layer_gradient_factors,
    objective_values,
)


@convert_arguments
def msp_score(logits: Tensor) -> Tensor:
    """Return one minus the maximum softmax probability (MSP), 1 − max_c p_c.

    This is the baseline −max_c p_c plus one. It is summed over the other classes, so that scores keep their order where
    the largest probability rounds to 1.

    Args:
        logits: logits (N, C).

    Returns:
        Scores (N,) in [0, 1 − 1/C]; higher means more abnormal.

    Raises:
        ValueError: the logits are not floats (N, C).

    References:
        Hendrycks and Gimpel, ICLR 2017, arXiv:1610.02136.

    Example:
        >>> msp_score(torch.tensor([[0., 0.], [20., 0.]]))
        tensor([5.0000e-01, 2.0612e-09])
    """
    return complement_probabilities(check_logits(logits)).amin(1).to(logits)


@convert_arguments
def margin_score(logits: Tensor) -> Tensor:
    """Return one minus the margin of the two most likely classes, 1 − (p_1 − p_2).

    p_1 and p_2 are the largest and the second largest probability. The score is summed over the classes other than the
    first, so that scores keep their order where p_1 rounds to 1.

    Args:
        logits: logits (N, C), C ≥ 2.

    Returns:
        Scores (N,) in [0, 1]; higher means more abnormal.

    Raises:
        ValueError: the logits are not floats (N, C) with C ≥ 2.

    References:
        Scheffer, Decomain, Wrobel, IDA 2001, doi:10.1007/3-540-44816-0_31.

    Example:
        >>> margin_score(torch.tensor([[0., 0., -100.], [20., 0., -100.]]))
        tensor([1.0000e+00, 4.1223e-09])
    """
    others = check_logits(logits).softmax(1).scatter(1, logits.argmax(1, keepdim=True), 0)
    return (others.sum(1) + others.amax(1)).to(logits)


@convert_arguments
def entropy_score(logits: Tensor) -> Tensor:
    """Return the entropy of the prediction, H[p] = −Σ_c p_c log p_c, in nats.

    Args:
        logits: logits (N, C).

    Returns:
        Scores (N,) in [0, log C]; higher means more abnormal.

    Raises:
        ValueError: the logits are not floats (N, C).

    References:
        Shannon, Bell System Technical Journal 27, 1948.

    Example:
        >>> entropy_score(torch.zeros(1, 4))
        tensor([1.3863])
    """
    z = check_logits(logits)
    p, top = z.softmax(1), z.argmax(1, keepdim=True)
    # log p_P = log(1 − Σ of the others), which is not zero where p_P rounds to 1; entr takes 0 · log 0 as 0.
    log_top = torch.log1p(-complement_probabilities(z).gather(1, top))
    return (torch.special.entr(p.scatter(1, top, 0)).sum(1) - (p.gather(1, top) * log_top)[:, 0]).to(logits)


@convert_arguments
def energy_score(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Return the free energy of the logits, E = −T log Σ_c exp(z_c/T).

    Unlike every score computed from the probabilities, it changes if a constant is added to all logits: E(z + c) =
    E(z) − c.

    Args:
        logits: logits z (N, C).
        temperature: T > 0, the divisor of the logits.

    Returns:
        Scores (N,) in the unit of the logits; higher means more abnormal.

    Raises:
        ValueError: the logits are not floats (N, C), or T ≤ 0.

    References:
        Liu et al., NeurIPS 2020, arXiv:2010.03759.

    Example:
        >>> energy_score(torch.tensor([[3., 3.], [0., 0.]]))
        tensor([-3.6931, -0.6931])
    """
    return (-check_temperature(temperature) * (check_logits(logits) / temperature).logsumexp(1)).to(logits)


@convert_arguments
def gradnorm_score(logits: Tensor, features: Tensor, *, temperature: float = 1.0) -> Tensor:
    """Return the GradNorm score, minus the L1 norm of the last layer's gradient.

    −‖∂KL(u ‖ p)/∂W‖₁ = −‖h‖₁ Σ_c |p_c − 1/C| / T, since ∂KL/∂z = (p − u)/T with p = softmax(z/T) and u = 1/C. The norm
    is large where the prediction is confident and the features are large, as they are for the classes of the training
    set. The minus sign therefore makes higher scores more abnormal. The authors' code sums over the classes where the
    paper averages; the sum is C times as large.

    Args:
        logits: logits z (N, C).
        features: h (N, d), the input of the last layer, see :func:`~tutorial_lib.gradients.penultimate_features`.
        temperature: T > 0, the divisor of the logits.

    Returns:
        Scores (N,), ≤ 0; higher means more abnormal.

    Raises:
        ValueError: logits that are not floats (N, C), features that are not floats (N, d) of the same samples, T ≤ 0.

    References:
        Huang, Geng, Li, NeurIPS 2021, arXiv:2110.00218.

    Example:
        >>> gradnorm_score(torch.tensor([[0., 0.], [100., 0.]]), torch.tensor([[1., 2.], [1., 2.]]))
        tensor([-0., -3.])
    """
    check_shapes(logits=(logits, "logits N C"), features=(features, "floats N d"))
    z, h = (t.to(promote_to_float32(t)) for t in (logits, features))
    delta, h = last_layer_gradient_factors(z, h, kl_from_uniform(check_temperature(temperature)))
    # ‖δhᵀ‖₁ = ‖δ‖₁ ‖h‖₁
    return (-delta.abs().sum(1) * h.abs().sum(1)).to(logits)


@convert_arguments
def exgrad_score(logits: Tensor, features: Tensor) -> Tensor:
    """Return the ExGrad score, the expected L1 norm of the last layer's gradient.

    E_{Q∼p} ‖∂J(Q)/∂W‖₁ = 2 ‖h‖₁ (1 − ‖p‖²) with J(Q) = −log p_Q and ∂J/∂z = p − e_Q. The norms are averaged and not the
    gradients, because the average of the gradients is zero. Apart from the factor ‖h‖₁, the score depends on p alone.

    Args:
        logits: logits z (N, C).
        features: h (N, d), the input of the last layer, see :func:`~tutorial_lib.gradients.penultimate_features`.

    Returns:
        Scores (N,), ≥ 0; higher means more abnormal.

    Raises:
        ValueError: logits that are not floats (N, C), or features that are not floats (N, d) of the same samples.

    References:
        Igoe, Chung, Char, Schneider, 2022, arXiv:2205.10439.

    Example:
        >>> exgrad_score(torch.zeros(1, 2), torch.tensor([[1., -2.]]))
        tensor([3.])
    """
    check_shapes(logits=(logits, "logits N C"), features=(features, "floats N d"))
    # 1 − ‖p‖² = Σ_c p_c (1 − p_c), a sum without cancellation.
    z, h = (t.to(promote_to_float32(t)) for t in (logits, features))
    return (2 * (z.softmax(1) * complement_probabilities(z)).sum(1) * h.abs().sum(1)).to(logits)


@convert_arguments
def odin_score(
    model: nn.Module, x: Tensor, *, temperature: float = 1000.0, eps: float = 0.0014, batch_size: int = 64
) -> Tensor:
    """Return the ODIN score, one minus the largest probability after a step of the image.

    score = 1 − max_c p_c(x̃; T) with x̃ = x + ε sign(∇_x log p_P(x; T)), the predicted class P and the softmax
    p(·; T) of z/T, in the step and in the score. The step increases the probability of the predicted class more for
    images like those of the training set than for out-of-distribution images. Two forward passes and one backward pass
    to the image. As in the paper, x̃ is not clipped to [0, 1].

    Args:
        model: classifier, images (N, …) to logits (N, C); it is left as it was.
        x: images (N, …), floats.
        temperature: T > 0. At the 1000 of the paper, little more remains of the softmax than the difference between z_P
            and the mean logit.
        eps: step size ε ≥ 0, in the unit of x; zero takes no step. The paper tunes T and ε on abnormal images; here
            they are not tuned.
        batch_size: images per pass; it bounds the memory and does not change the result.

    Returns:
        Scores (N,) in [0, 1 − 1/C]; higher means more abnormal.

    Raises:
        ValueError: T ≤ 0, eps < 0, x is not float, or the outputs are not finite logits (N, C).

    References:
        Liang, Li, Srikant, ICLR 2018, arXiv:1706.02690.

    Example:
        >>> odin_score(nn.Flatten(), torch.tensor([[[0., 0.]], [[0., 10.]]]), temperature=1., eps=0.)
        tensor([5.0000e-01, 4.5398e-05])
    """
    T = check_temperature(temperature)
    check_nonnegative(eps=eps)

    def scaled(z: Tensor) -> Tensor:
        return z.to(promote_to_float32(z)) / T

    # The log-odds of P increase in the same direction as log p_P, whose gradient underflows where p_P rounds to 1.
    top_log_odds = Objective(lambda z, c: log_odds(scaled(z), c), None, classes=True)
    perturbed = x.detach() + eps * input_gradient(model, x, top_log_odds, batch_size=batch_size).sign()
    return objective_values(model, perturbed, lambda z: msp_score(scaled(z)).to(z), batch_size=batch_size)


def check_logits(logits: Tensor) -> Tensor:
    """Return the logits in single precision at least, after checking that they are floats (N, C).

    Args:
        logits: logits (N, C), C ≥ 2.

    Returns:
        ``logits``, converted if they have half precision.

    Raises:
        ValueError: they are not a tensor of floats (N, C) with C ≥ 2.

    Example:
        >>> check_logits(torch.zeros(1, 2))
        tensor([[0., 0.]])
    """
    check_shapes(logits=(logits, "logits N C"))
    return logits.to(promote_to_float32(logits))


def check_temperature(temperature: float) -> float:
    """Return the temperature unchanged, after checking that it is above zero.

    Args:
        temperature: T, the divisor of the logits.

    Returns:
        ``temperature``.

    Raises:
        ValueError: T is not above zero.

    Example:
        >>> check_temperature(2.0)
        2.0
    """
    if not 0 < temperature < math.inf:
        raise ValueError(f"the temperature must be above zero and finite, not {temperature}")
    return temperature
