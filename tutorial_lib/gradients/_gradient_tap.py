"""Look at the gradient that reaches a tensor, without hooks on the model and without the gradient of any parameter.

A tap is the identity. Besides the tensor it takes an anchor, one scalar that every tap of a pass shares:

    forward                output ──▶ ┌─────┐ ──▶ output ──▶ rest of the model ──▶ J
                                      │ tap │
                           anchor ──▶ └─────┘

    backward      ◀── G, unchanged ── ┌─────┐ ◀── G = ∂J/∂output ◀── rest of the model
    (earlier taps)                    │ tap │
                ∂J/∂anchor: None ◀──  └──┬──┘
                                         └──▶ on_gradient(G): a statistic is computed, and G is released

``torch.autograd.grad(J, anchor)`` has to visit every tap, because the anchor enters each of them, and it visits nothing
that does not lead to a tap. So G passes each tapped operation exactly once, while neither the gradient of a parameter
nor that of the model's input is ever computed. The outputs require gradients because the anchor does, also if all
parameters are frozen.

Under ``torch.func.vmap`` over C output gradients, one per class, ``on_gradient`` receives all of them together.
"""

from collections.abc import Callable

import torch
from torch import Tensor


def tap_gradient(output: Tensor, anchor: Tensor, on_gradient: Callable[[Tensor], None]) -> Tensor:
    """Return a tensor with a tap on it.

    The tensor is not copied but marked as changed in place. Autograd allows this only for a tensor that owns its
    memory, so a view is copied first.

    Args:
        output: the tensor (n, …) whose gradient is wanted.
        anchor: a scalar that requires gradients, the same for all taps of a pass.
        on_gradient: is called in the backward pass with the gradient that reaches the tensor, (C, n, …); C = 1 without
            vmap.

    Returns:
        ``output``, which now requires gradients.
    """
    return _GradientTap.apply(output.clone() if output._is_view() else output, anchor, on_gradient)


class _GradientTap(torch.autograd.Function):
    """The identity; its backward pass hands the gradient to :class:`_VisitGradient`."""

    @staticmethod
    def forward(ctx, output, anchor, on_gradient):
        ctx.mark_dirty(output)
        ctx.set_materialize_grads(False)
        ctx.on_gradient = [on_gradient]
        return output

    @staticmethod
    def backward(ctx, G):
        # No gradient, which is not the same as zero; or a second visit, if the model differentiates inside it.
        if G is None or not ctx.on_gradient:
            return G, None, None
        # Popped, so that the activations that on_gradient holds are released as soon as they have been used.
        return _VisitGradient.apply(G, ctx.on_gradient.pop()), None, None


class _VisitGradient(torch.autograd.Function):
    """The identity on a gradient, which is shown on the way: (1, n, …) of a loss, (C, n, …) of classes under vmap."""

    @staticmethod
    def forward(G, on_gradient):
        on_gradient(G[None])
        return G.view_as(G)

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, G):
        return G, None

    @staticmethod
    def vmap(info, in_dims, G, on_gradient):
        G = G.movedim(in_dims[0], 0) if in_dims[0] is not None else G.expand(info.batch_size, *G.shape)
        on_gradient(G)
        return G, 0
