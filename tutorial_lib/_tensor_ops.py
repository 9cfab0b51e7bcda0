"""Tensor operations that several method packages share."""

import torch
from torch import Tensor

from tutorial_lib._validation import TWO_LOGITS, promote_to_float32


def check_several_logits(logits: Tensor) -> Tensor:
    """Return the logits, if there are at least two of them; the softmax of one is always 1.

    Args:
        logits: logits (N, C).

    Returns:
        The logits, unchanged.

    Raises:
        ValueError: there are fewer than two classes.

    Example:
        >>> check_several_logits(torch.zeros(1, 2))
        tensor([[0., 0.]])
    """
    if logits.shape[1] < 2:
        raise ValueError(
            f"expected at least two logits, got outputs {tuple(logits.shape)}; {TWO_LOGITS}. Or, as an objective, bind "
            "the labels to a loss of one logit with bind_per_sample"
        )
    return logits


def complement_probabilities(logits: Tensor) -> Tensor:
    """Return the probability of all other classes, 1 − p_c = Σ_{e≠c} p_e, for each class c.

    It is accurate also where p_c rounds to 1.

    Args:
        logits: logits (N, C), floats.

    Returns:
        Probabilities (N, C) in [0, 1].

    Raises:
        ValueError: there are fewer than two classes.

    Example:
        >>> 1 - torch.tensor([[20., 0.]]).softmax(1)[0, 0], complement_probabilities(torch.tensor([[20., 0.]]))[0, 0]
        (tensor(0.), tensor(2.0612e-09))
    """
    p = check_several_logits(logits).softmax(1)
    top = logits.argmax(1, keepdim=True)
    return (1 - p).scatter(1, top, p.scatter(1, top, 0).sum(1, keepdim=True))


def log_odds(logits: Tensor, classes: int | Tensor) -> Tensor:
    """Return the log-odds of a class, log p_c/(1 − p_c) = z_c − log Σ_{e≠c} exp z_e.

    It increases with p_c, and its gradient has the direction of the gradient of log p_c, which is the log-odds' times
    1 − p_c. However, it neither vanishes nor loses its digits where p_c rounds to 1.

    Args:
        logits: logits (N, C), floats.
        classes: a class, or one for each row (N,), whole numbers.

    Returns:
        Log-odds (N,), in single precision at least, differentiable with respect to the logits.

    Raises:
        ValueError: there are fewer than two classes.

    Example:
        >>> log_odds(torch.tensor([[100., 0.]]), torch.tensor([0]))
        tensor([100.])
    """
    logits = check_several_logits(logits).to(promote_to_float32(logits))
    index = torch.as_tensor(classes, device=logits.device).expand(len(logits))[:, None]
    return logits.gather(1, index)[:, 0] - logits.scatter(1, index, -torch.inf).logsumexp(1)
