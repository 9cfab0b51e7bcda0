"""The objective itself, without a gradient: what perturbation methods ask for, and what a gradient is held against."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tutorial_lib.gradients._context import preserve_model, checked_forward, detach_for_autograd
from tutorial_lib._batching import batch_slices
from tutorial_lib.gradients.objectives import Objective, as_objective


def model_outputs(model: nn.Module, x: Tensor, *, batch_size: int = 64) -> Tensor:
    """What the network says, f(x): x (N, …) -> (N, …), checked to be finite and one row a sample. One forward pass, no graph.

    Raises:
        ValueError: as :func:`input_gradient` does.

    Example:
        >>> model_outputs(nn.Flatten(), torch.tensor([[[1., 5.]]]))
        tensor([[1., 5.]])
    """
    with preserve_model(model, x), torch.no_grad():
        return torch.cat([checked_forward(model, detach_for_autograd(x[rows])) for rows in batch_slices(len(x), batch_size)])


def objective_values(model: nn.Module, x: Tensor, objective=None, *, batch_size: int = 64) -> Tensor:
    """The objective, J(f(x)), one number a sample: x (N, …) -> (N,), in the unit of the objective. One forward pass, no graph.

    Raises:
        ValueError: as :func:`input_gradient` does.

    Example:
        >>> objective_values(nn.Flatten(), torch.tensor([[[1., 5.]]]), 0)
        tensor([1.])
    """
    objective, pieces = as_objective(objective, x), []
    with preserve_model(model, x), torch.no_grad():
        for rows in batch_slices(len(x), batch_size):
            said = checked_forward(model, detach_for_autograd(x[rows]))
            pieces.append(objective.select(rows).resolve(said)(said))
    return torch.cat(pieces)


def fix_predicted_class(model: nn.Module, x: Tensor, objective=None, *, batch_size: int = 64) -> Objective:
    """The objective with "the class predicted" fixed to what the model predicts at x, so that it asks the same of x perturbed.

    No pass is made for an objective that does not ask for the class predicted.

    Raises:
        ValueError: as :func:`input_gradient` does.

    Example:
        >>> J = fix_predicted_class(nn.Flatten(), torch.tensor([[[1., 5.]]]))
        >>> objective_values(nn.Flatten(), torch.tensor([[[7., 2.]]]), J)
        tensor([2.])
    """
    objective, pieces = as_objective(objective, x), []
    with preserve_model(model, x), torch.no_grad():
        parts = batch_slices(len(x), batch_size)
        if not any(b is None for b in objective.bound):
            return objective
        for rows in parts:
            pieces.append(objective.select(rows).resolve(checked_forward(model, detach_for_autograd(x[rows]))))
    # A bound None became one tensor a piece; what was one value for all rows stayed so.
    bound = (
        torch.cat(each) if isinstance(each[0], Tensor) else each[0] for each in zip(*(piece.bound for piece in pieces))
    )
    return Objective(objective.fn, *bound, classes=objective.classes)
