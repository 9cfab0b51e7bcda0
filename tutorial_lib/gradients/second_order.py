"""Second derivatives: gradients of a batch with their graph, and how the gradient norms change with the input."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, grad_and_value
from torch.nn.attention import SDPBackend, sdpa_kernel

from tutorial_lib._validation import check_choice, convert_arguments
from tutorial_lib.gradients._connectivity import check_zero_gradients
from tutorial_lib.gradients._context import (
    checked_forward,
    detach_for_autograd,
    differentiate,
    forward_from_leaf,
    preserve_model,
    run_passes,
)
from tutorial_lib.gradients._independence import skip_independence_check
from tutorial_lib.gradients._vmap_fallback import ignore_vmap_warning, vmap_or_loop
from tutorial_lib.gradients.layers import GROUPINGS, Layer, flatten_layers, parameters_by_layer
from tutorial_lib.gradients.objectives import Objective, ObjectiveLike, as_objective


@convert_arguments
def loss_and_gradients(
    model: nn.Module,
    x: Tensor,
    objective: ObjectiveLike = None,
    *,
    layers: Layer | Sequence[Layer] | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the mean objective of a batch and its parameter gradients, with their graph.

    J = mean_n J_n and ∂J/∂θ. A training loss may be built from them, and its own backward pass is then a second
    derivative. All other functions of this package return numbers without a graph; here the graph is needed, and it
    lives as long as the results do. Hooks of parameters (``Tensor.register_hook``), for example a mask of pruned
    weights, are applied, as in ``torch.autograd.grad``. No other function calls them: the result is ∂J/∂θ itself.

    Args:
        model: any module that takes x alone and returns one row per sample; its parameters must require gradients, as
            in training.
        x: samples (N, …); the whole batch is run at once, since its graph is kept.
        objective: what is differentiated, see :data:`~tutorial_lib.gradients.objectives.ObjectiveLike`; None is the
            logit of the predicted class.
        layers: one or more layers; a block stands for all layers inside it. None selects every layer.

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
    # The fused kernels of attention have no second derivative.
    with preserve_model(model, x), sdpa_kernel(SDPBackend.MATH):
        outputs = checked_forward(model, detach_for_autograd(x))
        J = as_objective(objective, x).resolve(outputs, needs_gradient=True)(outputs).mean()
        gradients = torch.autograd.grad(
            J, list(parameters.values()), create_graph=True, allow_unused=True, materialize_grads=True
        )
        by_name = dict(zip(parameters, gradients, strict=True))
        check_zero_gradients(model, x, by_name)
    return J, by_name


@convert_arguments
def input_gradient_of_norms(
    model: nn.Module,
    x: Tensor,
    objective: ObjectiveLike,
    reduce_fn: Callable[[Tensor], Tensor],
    *,
    layers: Layer | Sequence[Layer] | None = None,
    group_by: str = "layer",
    batch_size: int = 16,
) -> tuple[Tensor, Tensor]:
    """Return the input gradient of a function of the per-layer gradient norms.

    The norms ‖∂J/∂θ_l‖ are reduced to one number per sample, and that number is differentiated with respect to x. An
    adaptive attack on a detector that uses gradient norms follows this gradient. It takes second derivatives: several
    times the cost of a backward pass, and ``batch_size`` copies of the parameter gradient in memory. Where a ReLU
    switches, the norms jump, and a derivative does not account for jumps.

    Args:
        model: any module that takes x alone and returns one row per sample; it is left as it was.
        x: samples (N, …), floats.
        objective: the objective J of the norms, see :data:`~tutorial_lib.gradients.objectives.ObjectiveLike`; None is
            the logit of the predicted class.
        reduce_fn: differentiable function of norms (n, L) with one number per row, (n,).
        layers: one or more layers; a block stands for all layers inside it. None selects every layer.
        group_by: "layer" gives one column per layer, "tensor" separates weights from biases.
        batch_size: samples per pass; it bounds the memory and does not change the result.

    Returns:
        Norms (N, L), as :func:`per_sample_gradient_norms` gives them, and gradients like x, signed.

    Raises:
        ValueError: ``reduce_fn`` does not give one number per row; x is not float; an unknown grouping or layer,
            samples that influence each other, a random network, outputs or an objective of the wrong shape.

    Example:
        >>> model = nn.Linear(2, 3, bias=False)  # ∂z_1/∂W = e_1 xᵀ, its norm is ‖x‖
        >>> input_gradient_of_norms(model, torch.tensor([[3., 4.]]), 1, lambda norms: norms.sum(1))
        (tensor([[5.]]), tensor([[0.6000, 0.8000]]))
    """
    check_choice(group_by, GROUPINGS, "grouping")
    bound, by_layer = as_objective(objective, x), parameters_by_layer(model, layers)
    theta = {name: p.detach() for name, p in flatten_layers(by_layer).items()}
    groups = [list(names) for names in by_layer.values()] if group_by == "layer" else [[name] for name in theta]

    def reduced_norms(objective: Objective, row: Tensor, *bound: Tensor) -> tuple[Tensor, tuple[Tensor, dict]]:
        J = objective.rebind(b[None] for b in bound)
        M = grad(lambda theta: J(functional_call(model, theta, (row[None].clone(),)))[0])(theta)
        norms = torch.stack([torch.cat([M[name].flatten() for name in names]).norm() for names in groups])
        number = reduce_fn(norms[None])
        if number.shape != (1,):
            raise ValueError(
                f"reduce_fn maps norms (n, L) to one number per row, (n,); from one row it made {tuple(number.shape)}"
            )
        return number[0], (norms, {name: gradient.abs().amax() for name, gradient in M.items()})

    def one_pass(x: Tensor, objective: Objective) -> tuple[Tensor, Tensor]:
        leaf, outputs = forward_from_leaf(model, x)
        resolved = objective.resolve(outputs, needs_gradient=True)
        # The fused kernels of attention have no second derivative.
        with torch.no_grad(), ignore_vmap_warning(), sdpa_kernel(SDPBackend.MATH):
            function = grad_and_value(partial(reduced_norms, resolved), has_aux=True)
            gradient, (_, (norms, largest)) = vmap_or_loop(model, function, leaf.detach(), *resolved.tensors)
        check_zero_gradients(model, leaf.detach(), largest)
        differentiate(outputs.abs().sum(), leaf)  # raises an error if no path leads to the input
        return norms.detach(), gradient.detach()

    # Every sample is differentiated alone, so that only the predicted class can depend on the batch.
    with nullcontext() if bound.uses_predicted_class else skip_independence_check():
        return run_passes(one_pass, model, x, bound, batch_size=batch_size)
