"""Holding on to what was learned: the diagonal Fisher information of a network's parameters, and a penalty that they hold."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tutorial_lib._batching import batch_slices
from tutorial_lib.gradients import log_prob, model_outputs, per_sample_gradients
from tutorial_lib.gradients._context import eval_mode


def fisher_diagonal(model: nn.Module, x: Tensor, *, batch_size: int = 16) -> dict[str, Tensor]:
    """How much the answers depend on each parameter: F_i = 1/N Σ_n Σ_c p_c(x_n) (∂ log p_c(x_n) / ∂θ_i)², ≥ 0.

    The expectation runs over the network's own predictions, all classes of them, so no labels are needed and nothing is sampled.

    Args:
        model: images to logits, (N, C).
        x: (N, …), pictures of what shall be held.
        chunk: pictures whose gradients are held at a time.

    Returns:
        for each parameter a tensor of its shape, by its name.

    Raises:
        ValueError: outputs that are no logits, or no pictures.

    Source: Kirkpatrick et al., PNAS 114(13), 2017, arXiv 1612.00796; over all classes as in Kunstner et al., arXiv 1905.12558.

    Example:
        >>> fisher = fisher_diagonal(nn.Linear(2, 3), torch.rand(4, 2))
        >>> fisher["weight"].shape, bool((fisher["bias"] >= 0).all())
        (torch.Size([3, 2]), True)
    """
    if not len(x):
        raise ValueError("no pictures: the information is a mean over at least one")
    total = {name: torch.zeros_like(parameter, requires_grad=False) for name, parameter in model.named_parameters()}
    for rows in batch_slices(len(x), batch_size):
        part = x[rows]
        with eval_mode(model):
            logits = model_outputs(model, part)
        if logits.dim() != 2:
            raise ValueError(f"logits (N, classes) expected, not {tuple(logits.shape)}")
        for c, p in enumerate(logits.softmax(1).unbind(1)):
            for name, gradient in per_sample_gradients(model, part, log_prob(c), batch_size=batch_size).items():
                total[name] += torch.einsum("n,n...->...", p, gradient.square())
    return {name: value / len(x) for name, value in total.items()}


def ewc_penalty(model: nn.Module, anchor: dict[str, Tensor], weights: dict[str, Tensor]) -> Tensor:
    """What it costs to leave the anchor: ½ Σ_i F_i (θ_i − θ*_i)², a number ≥ 0 that carries gradients to the model's parameters.

    Elastic weight consolidation adds λ times this to the loss of the new task, with ``weights`` from :func:`fisher_diagonal`.

    Args:
        model: the network that learns on.
        anchor: the parameters as they were, by name: ``{name: p.detach().clone() for name, p in model.named_parameters()}``.
        weights: F, by name.

    Raises:
        ValueError: a parameter has no anchor or no weight.

    Source: Kirkpatrick et al., PNAS 114(13), 2017, arXiv 1612.00796.

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
    return sum((weights[name] * (p - anchor[name]).square()).sum() for name, p in parameters.items()) / 2
