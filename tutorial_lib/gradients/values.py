"""The objective itself, without a gradient: what perturbation methods ask for, and what a gradient is held against."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tutorial_lib.gradients.borrowing import borrowed, outputs_of, own
from tutorial_lib.gradients.inputs import slices
from tutorial_lib.gradients.objectives import Objective, as_objective


def outputs(model: nn.Module, x: Tensor, *, chunk: int = 64) -> Tensor:
    """What the network says, f(x): x (N, …) -> (N, …), checked to be finite and one row a sample. One forward pass, no graph.

    Raises:
        ValueError: as :func:`input_gradient` does.

    Example:
        >>> outputs(nn.Flatten(), torch.tensor([[[1., 5.]]]))
        tensor([[1., 5.]])
    """
    with borrowed(model, x), torch.no_grad():
        return torch.cat([outputs_of(model, own(x[rows])) for rows in slices(len(x), chunk)])


def value(model: nn.Module, x: Tensor, objective=None, *, chunk: int = 64) -> Tensor:
    """The objective, J(f(x)), one number a sample: x (N, …) -> (N,), in the unit of the objective. One forward pass, no graph.

    Raises:
        ValueError: as :func:`input_gradient` does.

    Example:
        >>> value(nn.Flatten(), torch.tensor([[[1., 5.]]]), 0)
        tensor([1.])
    """
    objective, pieces = as_objective(objective, x), []
    with borrowed(model, x), torch.no_grad():
        for rows in slices(len(x), chunk):
            said = outputs_of(model, own(x[rows]))
            pieces.append(objective.rows(rows).at(said)(said))
    return torch.cat(pieces)


def fixed_at(model: nn.Module, x: Tensor, objective=None, *, chunk: int = 64) -> Objective:
    """The objective with "the class predicted" fixed to what the model predicts at x, so that it asks the same of x perturbed.

    No pass is made for an objective that does not ask for the class predicted.

    Raises:
        ValueError: as :func:`input_gradient` does.

    Example:
        >>> J = fixed_at(nn.Flatten(), torch.tensor([[[1., 5.]]]))
        >>> value(nn.Flatten(), torch.tensor([[[7., 2.]]]), J)
        tensor([2.])
    """
    objective, pieces = as_objective(objective, x), []
    with borrowed(model, x), torch.no_grad():
        parts = slices(len(x), chunk)
        if not any(b is None for b in objective.bound):
            return objective
        for rows in parts:
            pieces.append(objective.rows(rows).at(outputs_of(model, own(x[rows]))))
    # A bound None became one tensor a piece; what was one value for all rows stayed so.
    bound = (
        torch.cat(each) if isinstance(each[0], Tensor) else each[0] for each in zip(*(piece.bound for piece in pieces))
    )
    return Objective(objective.fn, *bound, classes=objective.classes)
