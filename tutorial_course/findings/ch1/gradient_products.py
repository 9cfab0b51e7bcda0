"""The costs of products with Jacobians and Hessians, for section 1.J."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, jvp, vjp
from torch.nn.functional import cross_entropy
from torch.utils.flop_counter import FlopCounterMode


def count_flops(function: Callable[[], object]) -> int:
    """Return the floating-point operations of the convolutions and matrix products of a call.

    Args:
        function: the call, without arguments.

    Returns:
        The number of operations; a multiplication and an addition count as two.

    Example:
        >>> count_flops(lambda: torch.ones(2, 3) @ torch.ones(3, 4))
        48
    """
    with FlopCounterMode(display=False) as counter:
        function()
    return counter.get_total_flops()


def product_costs(model: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    """Return the cost of each product of a derivative with a vector, in forward passes of the same batch.

    The products are taken with respect to all parameters θ. The costs contain the forward pass that each product needs.

    Args:
        model: a classifier in evaluation mode.
        x: images (N, 3, H, W).
        y: labels (N,).

    Returns:
        Floating-point operations of each product, divided by those of a forward pass: "forward", "vjp" for the
        gradient of the mean loss, "jvp" for the derivative of the logits along a direction in weight space, and "hvp"
        for the product of the Hessian of the mean loss with such a direction.
    """
    theta = {name: p.detach() for name, p in model.named_parameters()}
    v = {name: torch.ones_like(p) for name, p in theta.items()}

    def logits(theta: dict[str, Tensor]) -> Tensor:
        return functional_call(model, theta, (x,))

    def loss(theta: dict[str, Tensor]) -> Tensor:
        return cross_entropy(logits(theta), y)

    with torch.no_grad():
        forward = count_flops(lambda: logits(theta))
    calls = {
        "vjp": lambda: vjp(loss, theta)[1](torch.ones(())),
        "jvp": lambda: jvp(logits, (theta,), (v,)),
        "hvp": lambda: jvp(grad(loss), (theta,), (v,)),
    }
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated", FutureWarning)  # from within torch
        return {"forward": 1.0} | {name: count_flops(call) / forward for name, call in calls.items()}
