"""Gradients with respect to what a network looks at: its input, or the activation of a layer."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral

import torch
from torch import Tensor, nn

from tutorial_lib.gradients.layers import Layer, split_forward
from tutorial_lib.gradients._context import preserve_model, checked_forward, detach_for_autograd
from tutorial_lib.gradients.objectives import as_objective


def input_gradient(model: nn.Module, x: Tensor, objective=None, *, batch_size: int = 64) -> Tensor:
    """The gradient of an objective with respect to the input, ∂J/∂x, signed: one for every sample. x (N, …) -> like x.

    ``objective``: see :mod:`tutorial_lib.gradients.objectives`; an int, (N,) labels or None mean the logit of that class.
    ``batch_size``: samples looked at together; the result does not depend on it. No gradient of a parameter is computed.

    Raises:
        ValueError: x is not float, the outputs are not finite, or the objective does not give one number a row.

    Source: Simonyan, Vedaldi, Zisserman, 2013, arXiv 1312.6034.

    Example:
        >>> model = nn.Linear(2, 3)
        >>> torch.equal(input_gradient(model, torch.ones(1, 2), 1)[0], model.weight[1])
        True
    """
    return outputs_and_input_gradient(model, x, objective, batch_size=batch_size)[1]


def outputs_and_input_gradient(model: nn.Module, x: Tensor, objective=None, *, batch_size: int = 64) -> tuple[Tensor, Tensor]:
    """What the network says at x, and the gradient of an objective with respect to x: (outputs (N, …), ∂J/∂x like x).

    One pass each way, for whoever walks along a gradient and wants to know where the walk has come to. See
    :func:`input_gradient`, which keeps the gradient alone.

    Raises:
        ValueError: as :func:`input_gradient` does.

    Example:
        >>> z, g = outputs_and_input_gradient(nn.Linear(2, 3), torch.ones(4, 2), 1)
        >>> z.shape, g.shape
        (torch.Size([4, 3]), torch.Size([4, 2]))
    """
    objective, pieces = as_objective(objective, x), []
    check_floating(x)
    with preserve_model(model, x):
        for rows in batch_slices(len(x), batch_size):
            leaf = detach_for_autograd(x[rows]).requires_grad_()
            outputs = checked_forward(model, leaf.clone())
            J = objective.select(rows).resolve(outputs)(outputs)
            pieces.append((outputs.detach(), *_grad(J.sum(), leaf)))
    outputs, gradients = zip(*pieces)
    return torch.cat(outputs), torch.cat(gradients)


def layer_gradient(model: nn.Module, x: Tensor, layer: Layer, objective=None) -> tuple[Tensor, Tensor]:
    """A layer's activation A and the gradient of an objective with respect to it, ∂J/∂A: both (N, …), signed.

    One pass; the backward pass goes from the outputs to the layer and no further.

    Raises:
        ValueError: as :func:`split_at` and :func:`input_gradient` do.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4))
        >>> A, g = layer_gradient(model, torch.ones(5, 2), "0", 1)
        >>> torch.equal(g[0], model[1].weight[1])
        True
    """
    objective = as_objective(objective, x)
    activation, outputs = split_forward(model, x, layer)
    with preserve_model(model, x):
        J = objective.resolve(outputs)(outputs)
        (gradient,) = _grad(J.sum(), activation)
    return activation.detach(), gradient


def class_jacobian(
    model: nn.Module, x: Tensor, *, layer: Layer | None = None, classes: Sequence[int] | None = None, batch_size: int = 64
) -> Tensor:
    """The gradients of every logit, ∂z_c/∂x, or ∂z_c/∂A for a layer: one forward pass, one backward pass a class.

    x (N, …) -> (N, C, …), signed; row c belongs to ``classes[c]`` (default: all). Any loss follows: ∂J/∂x = Σ_c δ_c ∂z_c/∂x
    with δ = ∂J/∂z.

    Raises:
        ValueError: the outputs are no logits (N, C), or an unknown class or layer.

    Example:
        >>> model = nn.Linear(2, 3)
        >>> torch.equal(class_jacobian(model, torch.ones(4, 2))[0], model.weight)
        True
    """
    if layer is None:
        check_floating(x)
    pieces = []
    with preserve_model(model, x):
        for rows in batch_slices(len(x), batch_size):
            if layer is None:
                leaf = detach_for_autograd(x[rows]).requires_grad_()
                outputs = checked_forward(model, leaf.clone())
            else:
                leaf, outputs = split_forward(model, x[rows], layer)
            z = outputs.sum(0)[check_classes(outputs, classes)]
            pieces.append(torch.stack([_grad(z_c, leaf, keep=True)[0] for z_c in z], 1))
    return torch.cat(pieces)


def outputs_and_class_gradients(model: nn.Module, x: Tensor, classes: Tensor, *, batch_size: int = 64) -> tuple[Tensor, Tensor]:
    """The logits, and for every sample the gradients of classes of its own: (z (N, C), ∂z_c/∂x (N, K, …)), signed.

    ``classes``: (N, K); row k of a sample belongs to its ``classes[n, k]``. One forward pass, K backward passes. Where all
    samples are asked about the same classes, see :func:`class_jacobian`.

    Raises:
        ValueError: outputs that are no logits (N, C); classes of another shape, or out of range.

    Example:
        >>> model = nn.Linear(2, 3)
        >>> z, J = outputs_and_class_gradients(model, torch.ones(2, 2), torch.tensor([[0, 2], [1, 1]]))
        >>> torch.equal(J[0, 1], model.weight[2]), torch.equal(J[1, 0], model.weight[1])
        (True, True)
    """
    check_floating(x)
    if classes.dim() != 2 or len(classes) != len(x) or not classes.shape[1]:
        raise ValueError(f"classes must be one row a sample, ({len(x)}, K), not {tuple(classes.shape)}")
    if classes.is_floating_point() or classes.dtype == torch.bool:
        raise ValueError(f"classes are integers, not {classes.dtype}")
    classes = classes.long()
    pieces = []
    with preserve_model(model, x):
        for rows in batch_slices(len(x), batch_size):
            leaf = detach_for_autograd(x[rows]).requires_grad_()
            outputs = checked_forward(model, leaf.clone())
            if outputs.dim() != 2 or not ((0 <= classes) & (classes < outputs.shape[1])).all():
                raise ValueError(f"classes must lie in 0…C − 1 of outputs (n, C), here {tuple(outputs.shape)}")
            # A copy, since what was made in inference mode cannot be saved for a backward pass.
            z = outputs.gather(1, classes[rows].to(outputs.device).clone()).sum(0)
            jacobian = torch.stack([_grad(z_k, leaf, keep=True)[0] for z_k in z], 1)
            pieces.append((outputs.detach(), jacobian))
    outputs, jacobians = zip(*pieces)
    return torch.cat(outputs), torch.cat(jacobians)


def check_classes(outputs: Tensor, classes: Sequence[int] | None) -> list[int]:
    """The classes asked for, checked against the outputs."""
    if outputs.dim() != 2:
        raise ValueError(f"classes need outputs of shape (n, C), not {tuple(outputs.shape)}")
    classes = list(range(outputs.shape[1])) if classes is None else [int(c) for c in classes]
    if not classes or not all(0 <= c < outputs.shape[1] for c in classes):
        raise ValueError(f"classes must lie in 0…{outputs.shape[1] - 1}, and there must be one")
    return classes


def batch_slices(n: int, batch_size: int) -> list[slice]:
    if not isinstance(batch_size, Integral) or batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, not {batch_size!r}: samples are whole")
    return [slice(i, i + batch_size) for i in range(0, n, batch_size)]


def check_floating(x: Tensor) -> None:
    if not x.is_floating_point() or x.dim() == 0:
        raise ValueError(f"a gradient with respect to the input needs floats (N, …), not {x.dtype} {tuple(x.shape)}")


def _grad(J: Tensor, leaf: Tensor, keep: bool = False) -> tuple[Tensor]:
    # An objective that does not depend on the input has the gradient zero.
    if not J.requires_grad:
        return (torch.zeros_like(leaf),)
    return torch.autograd.grad(J, leaf, retain_graph=keep, allow_unused=True, materialize_grads=True)
