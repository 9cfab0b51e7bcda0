"""Gradients with respect to the input of a network, or to the activation of a layer."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from tutorial_lib._validation import check_classes, check_floating, check_shapes, convert_arguments
from tutorial_lib.gradients._context import differentiate, forward_from_leaf, preserve_model, run_passes
from tutorial_lib.gradients._vmap_fallback import ignore_vmap_warning
from tutorial_lib.gradients.layers import Layer, split_forward
from tutorial_lib.gradients.objectives import Objective, ObjectiveLike, as_objective

# How many numbers of a Jacobian are held at a time: few on a processor, whose cache is small, many on a GPU.
CHUNK_NUMEL = {"cpu": 2**22}
DEFAULT_CHUNK_NUMEL = 2**26


@convert_arguments
def input_gradient(
    model: nn.Module,
    x: Tensor,
    objective: ObjectiveLike = None,
    *,
    batch_size: int = 64,
) -> Tensor:
    """Return the gradient of an objective with respect to the input, ∂J_n/∂x_n.

    No gradient of a parameter is computed.

    Args:
        model: any module that takes x alone and returns one row per sample; it is left as it was.
        x: samples (N, …), floats.
        objective: what is differentiated, see :data:`~tutorial_lib.gradients.objectives.ObjectiveLike`; None is the
            logit of the predicted class.
        batch_size: samples per pass; it bounds the memory and does not change the result.

    Returns:
        Gradients like x, signed.

    Raises:
        ValueError: x is not float, no path of autograd leads to it, samples influence each other, the network is
            random, the outputs are not finite, or the objective does not give one number per row.

    References:
        Simonyan, Vedaldi, Zisserman, 2013, arXiv:1312.6034.

    Example:
        >>> model = nn.Linear(2, 3)
        >>> torch.equal(input_gradient(model, torch.ones(1, 2), 1)[0], model.weight[1])
        True
    """
    return outputs_and_input_gradient(model, x, objective, batch_size=batch_size)[1]


@convert_arguments
def outputs_and_input_gradient(
    model: nn.Module,
    x: Tensor,
    objective: ObjectiveLike = None,
    *,
    batch_size: int = 64,
) -> tuple[Tensor, Tensor]:
    """Return the outputs, and the gradient of an objective with respect to the input.

    One forward and one backward pass, for methods that follow the gradient and need the outputs at each point.

    Args:
        model: any module that takes x alone and returns one row per sample; it is left as it was.
        x: samples (N, …), floats.
        objective: what is differentiated, see :data:`~tutorial_lib.gradients.objectives.ObjectiveLike`; None is the
            logit of the predicted class.
        batch_size: samples per pass; it bounds the memory and does not change the result.

    Returns:
        Outputs (N, …), and gradients ∂J_n/∂x_n like x, signed.

    Raises:
        ValueError: x is not float, no path of autograd leads to it, samples influence each other, the network is
            random, the outputs are not finite, or the objective does not give one number per row.

    Example:
        >>> z, g = outputs_and_input_gradient(nn.Linear(2, 3), torch.ones(4, 2), 1)
        >>> z.shape, g.shape
        (torch.Size([4, 3]), torch.Size([4, 2]))
    """
    bound = as_objective(objective, x)

    def one_pass(x: Tensor, objective: Objective) -> tuple[Tensor, Tensor]:
        leaf, outputs = forward_from_leaf(model, x)
        return outputs.detach(), objective.gradient(outputs, leaf)

    return run_passes(one_pass, model, x, bound, batch_size=batch_size)


@convert_arguments
def layer_gradient(
    model: nn.Module,
    x: Tensor,
    layer: Layer,
    objective: ObjectiveLike = None,
) -> tuple[Tensor, Tensor]:
    """Return a layer's activation A and the gradient of an objective, ∂J_n/∂A_n.

    One pass; the backward pass goes from the outputs to the layer and no further.

    Args:
        model: any module that takes x alone and returns one row per sample; it is left as it was.
        x: samples (N, …); they are run as one batch.
        layer: dotted name or module.
        objective: what is differentiated, see :data:`~tutorial_lib.gradients.objectives.ObjectiveLike`; None is the
            logit of the predicted class.

    Returns:
        Activation (N, …) and gradient like it, signed.

    Raises:
        ValueError: the layer is unknown, is not reached, is used twice or does not keep the samples apart; no path of
            autograd leads to it; the outputs are not finite, or the objective does not fit.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4))
        >>> A, g = layer_gradient(model, torch.ones(5, 2), "0", 1)
        >>> torch.equal(g[0], model[1].weight[1])
        True
    """
    bound = as_objective(objective, x)
    with preserve_model(model, x):
        activation, outputs = split_forward(model, x, layer)
        return activation.detach(), bound.gradient(outputs, activation)


@convert_arguments
def class_jacobian(
    model: nn.Module,
    x: Tensor,
    *,
    layer: Layer | None = None,
    classes: Sequence[int] | None = None,
    batch_size: int = 64,
) -> Tensor:
    """Return the gradients of the logits, with respect to the input or to a layer.

    ∂z_c/∂x or ∂z_c/∂A, from one forward pass and one backward pass per class. The gradient of any loss follows: ∂J/∂x =
    Σ_c δ_c ∂z_c/∂x with δ = ∂J/∂z.

    Args:
        model: any module that takes x alone and returns logits (N, C); it is left as it was.
        x: samples (N, …), floats if no layer is given.
        layer: dotted name or module; None is the input.
        classes: class indices; None selects all of them.
        batch_size: samples per pass; it bounds the memory and does not change the result.

    Returns:
        Gradients (N, classes, …), signed; row k belongs to ``classes[k]``.

    Raises:
        ValueError: the outputs are not logits (N, C), or a class or the layer is unknown.

    Example:
        >>> model = nn.Linear(2, 3)
        >>> torch.equal(class_jacobian(model, torch.ones(4, 2))[0], model.weight)
        True
    """

    def one_pass(x: Tensor) -> Tensor:
        leaf, outputs = forward_from_leaf(model, x) if layer is None else split_forward(model, x, layer)
        z = outputs.sum(0)[check_classes(outputs, classes)]
        return _stack_gradients(z, leaf)

    return run_passes(one_pass, model, x, batch_size=batch_size)


@convert_arguments
def reduced_class_jacobian(
    model: nn.Module,
    x: Tensor,
    layer: Layer,
    reduce_fn: Callable[[Tensor], Tensor],
    *,
    classes: Sequence[int] | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return a reduction of the Jacobian of a layer, computed for some classes at a time.

    The Jacobian is ∂z_c/∂A. One forward pass, then one backward pass per class from the logits to the layer. For 1,000
    classes the Jacobian itself would not fit into memory. If all of it is needed, use :func:`class_jacobian`.

    Args:
        model: any module that takes x alone and returns logits (N, C); it is left as it was.
        x: samples (N, …); they are run as one batch.
        layer: dotted name or module.
        reduce_fn: maps the gradients of B classes (B, N, …) to (B, N, …), for example to their means over positions. It
            is called several times, and B varies.
        classes: class indices; None selects all of them.

    Returns:
        Activation A (N, …), logits (N, C), and the reduced gradients (N, classes, …), all without a graph.

    Raises:
        ValueError: the layer is unknown, is not reached, is used twice or does not return a tensor; outputs that are
            not logits (N, C), or an unknown class.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
        >>> A, z, J = reduced_class_jacobian(model, torch.ones(2, 3, 6, 6), "0", lambda g: g.sum((3, 4)))
        >>> torch.allclose(J[0], model[3].weight, atol=1e-6)
        True
    """
    with preserve_model(model, x):
        activation, logits = split_forward(model, x, layer)
        z = logits.sum(0)[check_classes(logits, classes)]
        step = max(1, CHUNK_NUMEL.get(activation.device.type, DEFAULT_CHUNK_NUMEL) // activation.numel())
        reduced = [reduce_fn(_vectorized_gradients(z[i : i + step], activation)) for i in range(0, len(z), step)]
    return activation.detach(), logits.detach(), torch.cat(reduced).transpose(0, 1)


@convert_arguments
def outputs_and_class_gradients(
    model: nn.Module, x: Tensor, classes: Tensor, *, batch_size: int = 64
) -> tuple[Tensor, Tensor]:
    """Return the logits, and the input gradients of classes chosen for each sample.

    ∂z_c/∂x for several classes c. One forward pass, and one backward pass per column of ``classes``. If the classes are
    the same for all samples, use :func:`class_jacobian`.

    Args:
        model: any module that takes x alone and returns logits (N, C); it is left as it was.
        x: samples (N, …), floats.
        classes: class indices (N, K), K ≥ 1.
        batch_size: samples per pass; it bounds the memory and does not change the result.

    Returns:
        Logits (N, C), and gradients (N, K, …), signed; row k of sample n belongs to ``classes[n, k]``.

    Raises:
        ValueError: outputs that are not logits (N, C); classes of another shape, or out of range.

    Example:
        >>> model = nn.Linear(2, 3)
        >>> z, J = outputs_and_class_gradients(model, torch.ones(2, 2), torch.tensor([[0, 2], [1, 1]]))
        >>> torch.equal(J[0, 1], model.weight[2]), torch.equal(J[1, 0], model.weight[1])
        (True, True)
    """
    check_floating(x)
    check_shapes(x=(x[:, None].flatten(1), "floats N D"), classes=(classes, "whole N K"))
    every_class = classes.long()

    def one_pass(x: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        leaf, outputs = forward_from_leaf(model, x)
        if outputs.dim() != 2 or not ((0 <= every_class) & (every_class < outputs.shape[1])).all():
            raise ValueError(f"classes must lie in 0…C − 1 of outputs (n, C), here {tuple(outputs.shape)}")
        # A copy, since a tensor made in inference mode cannot be saved for a backward pass.
        z = outputs.gather(1, classes.to(outputs.device).clone()).sum(0)
        return outputs.detach(), _stack_gradients(z, leaf)

    return run_passes(one_pass, model, x, every_class, batch_size=batch_size)


def _stack_gradients(z: Tensor, leaf: Tensor) -> Tensor:
    """∂z_k/∂leaf for several numbers z_k, (n, K, …), one backward pass after the other."""
    return torch.stack([differentiate(z_k, leaf, retain_graph=True) for z_k in z], 1)


def _vectorized_gradients(z: Tensor, leaf: Tensor) -> Tensor:
    """∂z_k/∂leaf for several numbers z_k, (K, n, …), by one vectorized backward pass where the network has one."""
    try:
        with ignore_vmap_warning():
            return torch.autograd.grad(
                z,
                leaf,
                torch.eye(len(z), dtype=z.dtype, device=z.device),
                retain_graph=True,
                is_grads_batched=True,
            )[0]
    except RuntimeError:
        # Not every network has a vectorized backward pass; one number after the other works, or has a clear error.
        return _stack_gradients(z, leaf).transpose(0, 1)
