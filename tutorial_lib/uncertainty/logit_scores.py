"""Baselines of uncertainty that are computed from the logits alone."""

import math

import torch
from torch import Tensor

from tutorial_lib._tensor_ops import complement_probabilities
from tutorial_lib._validation import check_shapes, convert_arguments, promote_to_float32


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
