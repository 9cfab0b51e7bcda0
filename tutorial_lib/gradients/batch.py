"""The gradient of a batch with its graph, for losses that contain a gradient."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tutorial_lib._validation import convert_arguments
from tutorial_lib.gradients._connectivity import check_zero_gradients
from tutorial_lib.gradients._context import checked_forward, detach_for_autograd, math_attention, preserve_model
from tutorial_lib.gradients.layers import Layer, flatten_layers, parameters_by_layer
from tutorial_lib.gradients.objectives import ObjectiveLike, as_objective


@convert_arguments
def loss_and_gradients(
    model: nn.Module,
    x: Tensor,
    objective: ObjectiveLike = None,
    *,
    layers: Layer | Sequence[Layer] | None = None,
    check_independence: bool = True,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the mean objective of a batch and its parameter gradients, with their graph.

    J = mean_n J_n and ∂J/∂θ. A training loss may be built from them, and its own backward pass is then a second
    derivative. All other functions of this package return numbers without a graph; here the graph is needed, and it
    lives as long as the results do.

    Args:
        model: any module that takes x alone and returns one row per sample; its parameters must require gradients, as
            in training.
        x: samples (N, …); the whole batch is run at once, since its graph is kept.
        objective: what is differentiated, see :data:`~tutorial_lib.gradients.objectives.ObjectiveLike`; None is the
            logit of the predicted class.
        layers: one or more layers; a block stands for all layers inside it. None selects every layer.
        check_independence: run one sample of the first batch again alone (two, if there are fewer than four), and raise
            an error unless its outputs are the same; False saves the time for it.

    Returns:
        J, a scalar, and parameter name -> ∂J/∂θ like the parameter, signed.

    Raises:
        ValueError: a parameter does not require gradients; samples that influence each other, a random network, an
            unknown layer, outputs or an objective of the wrong shape.

    Example:
        >>> model, x = nn.Linear(1, 1, bias=False), torch.tensor([[2.], [4.]])
        >>> J, gradients = loss_and_gradients(model, x, lambda out: out[:, 0] ** 2)
        >>> (second,) = torch.autograd.grad(gradients["weight"].sum(), model.weight)
        >>> second  # ∂²(w² (2² + 4²) / 2) / ∂w²
        tensor([[20.]])
    """
    parameters = flatten_layers(parameters_by_layer(model, layers))
    frozen = [name for name, p in parameters.items() if not p.requires_grad]
    if frozen:
        raise ValueError(
            f"{frozen[:8]} require no gradient: call `requires_grad_()` on a copy of your own, or name other layers"
        )
    with preserve_model(model, x, check_independence), math_attention():
        outputs = checked_forward(model, detach_for_autograd(x))
        J = as_objective(objective, x).resolve(outputs, needs_gradient=True)(outputs).mean()
        gradients = torch.autograd.grad(
            J, list(parameters.values()), create_graph=True, allow_unused=True, materialize_grads=True
        )
        by_name = dict(zip(parameters, gradients, strict=True))
        check_zero_gradients(model, x, by_name)
    return J, by_name
