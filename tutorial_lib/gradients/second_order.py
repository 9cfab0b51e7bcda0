"""A gradient of gradients: how what is read off the norms of the parameters' gradients changes with the picture."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, grad_and_value, vmap

from tutorial_lib.gradients.layers import Layer, parameters_by_layer
from tutorial_lib.gradients._context import preserve_model, checked_forward, detach_for_autograd, math_attention
from tutorial_lib._validation import check_floating
from tutorial_lib._batching import batch_slices
from tutorial_lib.gradients.objectives import Objective, as_objective
from tutorial_lib.gradients.per_sample import ignore_vmap_warning
from tutorial_lib._validation import check_choice


def input_gradient_of_norms(
    model: nn.Module,
    x: Tensor,
    objective,
    reduce_fn: Callable[[Tensor], Tensor],
    *,
    layers: Layer | list[Layer] | None = None,
    group_by: str = "layer",
    batch_size: int = 16,
) -> tuple[Tensor, Tensor]:
    """The norms ‖∂J/∂θ_l‖, and the gradient ∂/∂x of a number that is read off them: (norms (N, L), like x), signed.

    Whoever detects strangers by the norms of their gradients must expect a visitor who descends on the detector: this is the way
    down. ``read`` maps norms (n, L) to one number a row, (n,), and can be differentiated. Norms and columns are those of
    :func:`gradient_norms`. Second derivatives: several times the cost of a backward pass, and as many copies of the gradient in
    memory as ``batch_size``. Where a ReLU switches, the norms jump, and a slope sees no jumps.

    Raises:
        ValueError: as :func:`gradient_norms` does; a reading that is not one number a row.

    Example:
        >>> model = nn.Linear(2, 3, bias=False)  # ∂z_1/∂W = e_1 xᵀ, its norm is ‖x‖
        >>> input_gradient_of_norms(model, torch.tensor([[3., 4.]]), 1, lambda norms: norms.sum(1))
        (tensor([[5.]]), tensor([[0.6000, 0.8000]]))
    """
    check_choice(group_by, ["layer", "tensor"], "grouping")
    check_floating(x)
    objective, owners = as_objective(objective, x), parameters_by_layer(model, layers)
    held = {name: p.detach() for names in owners.values() for name, p in names.items()}
    groups = [list(names) for names in owners.values()] if group_by == "layer" else [[name] for name in held]
    pieces = []
    with preserve_model(model, x):
        for rows in batch_slices(len(x), batch_size):
            part = detach_for_autograd(x[rows])
            with torch.no_grad():
                bound = objective.select(rows).resolve(checked_forward(model, part))
            with torch.no_grad(), ignore_vmap_warning(), math_attention():
                pieces.append(_vmap_or_loop(model, part, bound, held, groups, reduce_fn))
    norms, gradients = zip(*pieces)
    return torch.cat(norms), torch.cat(gradients)


def _vmap_or_loop(
    model: nn.Module, x: Tensor, objective: Objective, held: dict[str, Tensor], groups: list[list[str]], reduce_fn: Callable
) -> tuple[Tensor, Tensor]:
    """Some samples at once, or where a network cannot be vectorised, one after the other."""
    tensors = [b for b in objective.bound if isinstance(b, Tensor)]

    def reading(row: Tensor, *own: Tensor) -> tuple[Tensor, Tensor]:
        filled = iter(own)
        bound = [next(filled)[None] if isinstance(b, Tensor) else b for b in objective.bound]
        G = grad(lambda held: objective.fn(functional_call(model, held, (row[None],)), *bound)[0])(held)
        norms = torch.stack([torch.cat([G[name].flatten() for name in names]).norm() for names in groups])
        number = reduce_fn(norms[None])
        if number.shape != (1,):
            raise ValueError(
                f"a reading maps norms (n, L) to one number a row, (n,); of one row it made {tuple(number.shape)}"
            )
        return number[0], norms

    one = grad_and_value(reading, has_aux=True)
    try:
        gradient, (_, norms) = vmap(one)(x, *tensors)
    except RuntimeError:
        each = [one(*(t[0] for t in row)) for row in zip(x.split(1), *(t.split(1) for t in tensors))]
        gradient, norms = torch.stack([g for g, _ in each]), torch.stack([aux for _, (_, aux) in each])
    return norms.detach(), gradient.detach()
