"""How unsure is the answer itself? Scores of the logits alone: no gradient, no second pass. Every gradient has to beat them."""

from __future__ import annotations

import torch
from torch import Tensor


def msp_score(logits: Tensor) -> Tensor:
    """What the largest probability leaves over: 1 − max_c p_c, in [0, 1 − 1/C]; higher = more abnormal. (N, C) -> (N,).

    The baseline −max_c p_c plus one. It is added up from the other classes, so that an order remains where the largest
    probability rounds to one.

    Raises:
        ValueError: no logits (N, C).

    Source: Hendrycks and Gimpel, ICLR 2017, arXiv 1610.02136.

    Example:
        >>> msp_score(torch.tensor([[0., 0.], [20., 0.]]))
        tensor([5.0000e-01, 2.0612e-09])
    """
    return complement_probabilities(logits).amin(1)


def margin_score(logits: Tensor) -> Tensor:
    """How near the second class comes: 1 − (p_1st − p_2nd), in [0, 1]; higher = more abnormal. (N, C) -> (N,).

    Added up from small to large as in :func:`max_softmax`.

    Raises:
        ValueError: no logits (N, C), or only one class.

    Source: Scheffer, Decomain, Wrobel, IDA 2001, doi 10.1007/3-540-44816-0_31.

    Example:
        >>> margin_score(torch.tensor([[0., 0., -100.], [20., 0., -100.]]))
        tensor([1.0000e+00, 4.1223e-09])
    """
    if check_logits(logits).shape[1] < 2:
        raise ValueError("a margin needs two classes")
    rest = logits.softmax(1).scatter(1, logits.argmax(1, keepdim=True), 0)
    return rest.sum(1) + rest.amax(1)


def entropy_score(logits: Tensor) -> Tensor:
    """The entropy of the answer, H[p] = −Σ_c p_c log p_c, in nats, in [0, log C]; higher = more abnormal. (N, C) -> (N,).

    Raises:
        ValueError: no logits (N, C).

    Source: Shannon, Bell System Technical Journal 27, 1948.

    Example:
        >>> entropy_score(torch.zeros(1, 4))
        tensor([1.3863])
    """
    p, top = check_logits(logits).softmax(1), logits.argmax(1, keepdim=True)
    # log p_P = log(1 − the others), which is not zero where p_P rounds to one; and 0 · log 0 = 0.
    log_top = torch.log1p(-complement_probabilities(logits).gather(1, top))
    return torch.special.entr(p.scatter(1, top, 0)).sum(1) - (p.gather(1, top) * log_top)[:, 0]


def energy_score(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """The free energy, E = −T log Σ_c e^{z_c/T}, in logits; higher = more abnormal. (N, C) -> (N,).

    Unlike what is read off p, it moves with a constant added to all logits: E(z + c) = E(z) − c.

    Raises:
        ValueError: no logits (N, C), or T ≤ 0.

    Source: Liu et al., NeurIPS 2020, arXiv 2010.03759.

    Example:
        >>> energy_score(torch.tensor([[3., 3.], [0., 0.]]))
        tensor([-3.6931, -0.6931])
    """
    return -check_temperature(temperature) * (check_logits(logits) / temperature).logsumexp(1)


def complement_probabilities(logits: Tensor) -> Tensor:
    """The probability of all other classes, 1 − p_c = Σ_{e≠c} p_e, (N, C), exact also where p_c rounds to one.

    Example:
        >>> complement_probabilities(torch.tensor([[20., 0.]]))
        tensor([[2.0612e-09, 1.0000e+00]])
    """
    p = check_logits(logits).softmax(1)
    top = logits.argmax(1, keepdim=True)
    return (1 - p).scatter(1, top, p.scatter(1, top, 0).sum(1, keepdim=True))


def check_logits(logits: Tensor) -> Tensor:
    """Logits (N, C), checked."""
    if not isinstance(logits, Tensor) or logits.dim() != 2 or not logits.is_floating_point() or not logits.shape[1]:
        found = f"{logits.dtype} {tuple(logits.shape)}" if isinstance(logits, Tensor) else type(logits).__name__
        raise ValueError(f"logits are floats (N, C), not {found}; gradients.model_outputs(model, x) gives them")
    return logits


def check_temperature(temperature: float) -> float:
    """A temperature above zero, checked."""
    if not temperature > 0:
        raise ValueError(f"a temperature above zero, not {temperature}")
    return temperature
