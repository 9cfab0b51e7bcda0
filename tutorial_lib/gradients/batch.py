"""A gradient that can be differentiated once more: what a loss needs that asks where its own gradient points."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tutorial_lib.gradients.layers import Layer, parameters_by_layer
from tutorial_lib.gradients._context import preserve_model, checked_forward, detach_for_autograd, math_attention
from tutorial_lib.gradients.objectives import as_objective


def loss_and_gradients(
    model: nn.Module, x: Tensor, objective=None, *, layers: Layer | list[Layer] | None = None
) -> tuple[Tensor, dict[str, Tensor]]:
    """The mean objective of a batch, J = mean_n J_n, and its gradient ∂J/∂θ: a number, and name -> like its parameter.

    Both keep their graph. So a training loss may be built from them, and its own backward pass is a second derivative. Everything
    else in this room hands out numbers without a graph; here the graph is the point, and it lives as long as the results do.

    Args:
        model: its parameters must require gradients, as in training.
        x: (N, …); the whole batch is taken at once, since its graph is kept.
        objective: of which expectation, as everywhere.
        layers: those whose parameters are asked for; all of them when None.

    Raises:
        ValueError: as :func:`parameter_gradients` does; parameters that require no gradient.

    Example:
        >>> model, x = nn.Linear(1, 1, bias=False), torch.tensor([[2.], [4.]])
        >>> J, gradient = loss_and_gradients(model, x, lambda out: out[:, 0] ** 2)
        >>> (second,) = torch.autograd.grad(gradient["weight"].sum(), model.weight)
        >>> second  # ∂²(w² (2² + 4²) / 2) / ∂w²
        tensor([[20.]])
    """
    parameters = {name: p for names in parameters_by_layer(model, layers).values() for name, p in names.items()}
    frozen = [name for name, p in parameters.items() if not p.requires_grad]
    if frozen:
        raise ValueError(
            f"{frozen[:8]} require no gradient: call `requires_grad_()` on a copy of your own, or name other layers"
        )
    with preserve_model(model, x), math_attention():
        outputs = checked_forward(model, detach_for_autograd(x))
        J = as_objective(objective, x).resolve(outputs)(outputs).mean()
        found = torch.autograd.grad(
            J, list(parameters.values()), create_graph=True, allow_unused=True, materialize_grads=True
        )
    return J, dict(zip(parameters, found, strict=True))
