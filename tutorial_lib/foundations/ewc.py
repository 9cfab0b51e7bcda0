"""Elastic weight consolidation (EWC): the diagonal Fisher information of a network, and the penalty built from it."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from tutorial_lib._batching import batch_slices
from tutorial_lib._validation import check_shapes, convert_arguments, promote_to_float32
from tutorial_lib.gradients import log_prob, model_outputs, per_sample_gradients


@convert_arguments
def fisher_diagonal(model: nn.Module, x: Tensor, *, batch_size: int = 16) -> dict[str, Tensor]:
    """Return the diagonal of the Fisher information of a network's parameters.

    F_i = 1/N Σ_n Σ_c p_c(x_n) (∂ log p_c(x_n) / ∂θ_i)². It measures how strongly the predicted probabilities depend on
    each parameter. The expectation is taken over all classes of the network's own predictions, so that no labels are
    needed and nothing is sampled.

    Args:
        model: maps x to logits (N, C); it is left as it was and runs in evaluation mode.
        x: images (N, …) of the task that shall be remembered, N ≥ 1.
        batch_size: images whose gradients are in memory at a time; it does not change the result.

    Returns:
        Parameter name -> Fisher information, ≥ 0, shaped like the parameter.

    Raises:
        ValueError: the outputs are not logits (N, C), or x is empty.

    References:
        Kirkpatrick et al., PNAS 114(13), 2017, arXiv:1612.00796; the sum over all classes: Kunstner et al.,
        arXiv:1905.12558.

    Example:
        >>> fisher = fisher_diagonal(nn.Linear(2, 3), torch.rand(4, 2))
        >>> fisher["weight"].shape, bool((fisher["bias"] >= 0).all())
        (torch.Size([3, 2]), True)
    """
    if not len(x):
        raise ValueError("x has no images: the Fisher information is a mean over at least one image")
    parameters = dict(model.named_parameters())
    total = {name: torch.zeros_like(p, dtype=promote_to_float32(p)) for name, p in parameters.items()}
    for rows in batch_slices(len(x), batch_size):
        batch = x[rows]
        logits = model_outputs(model, batch)
        check_shapes(logits=(logits, "logits n C"))
        for c, p in enumerate(logits.softmax(1).unbind(1)):
            for name, gradient in per_sample_gradients(model, batch, log_prob(c), batch_size=batch_size).items():
                fine = gradient.to(total[name])
                total[name] += torch.einsum("n,n...->...", p.to(fine), fine.square())
    return {name: (value / len(x)).to(parameters[name]) for name, value in total.items()}


@convert_arguments
def ewc_penalty(model: nn.Module, anchor: dict[str, Tensor], weights: dict[str, Tensor]) -> Tensor:
    """Return the EWC penalty for moving the parameters away from an anchor.

    ½ Σ_i F_i (θ_i − θ*_i)². Elastic weight consolidation adds λ times this number to the loss of the new task.

    Args:
        model: the network that is being trained, with parameters θ.
        anchor: parameter name -> θ*, the parameters after the old task:
            ``{name: p.detach().clone() for name, p in model.named_parameters()}``.
        weights: parameter name -> F, for example from :func:`fisher_diagonal`.

    Returns:
        A scalar ≥ 0, differentiable with respect to the parameters of the model.

    Raises:
        ValueError: a parameter has no anchor or no weight.

    References:
        Kirkpatrick et al., PNAS 114(13), 2017, arXiv:1612.00796.

    Example:
        >>> model = nn.Linear(2, 1, bias=False)
        >>> anchor = {"weight": model.weight.detach() - 1}
        >>> round(ewc_penalty(model, anchor, {"weight": torch.tensor([[3., 5.]])}).item(), 4)
        4.0
    """
    parameters = dict(model.named_parameters())
    missing = sorted(parameters.keys() - (anchor.keys() & weights.keys()))
    if missing:
        raise ValueError(f"no anchor or no weight for {', '.join(missing)}; take both from the same network")
    return cast(Tensor, sum((weights[name] * (p - anchor[name]).square()).sum() for name, p in parameters.items())) / 2
