"""The gradients of all classes at a layer, reduced at once, so that the whole Jacobian is never in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from tutorial_lib._validation import check_classes, convert_arguments
from tutorial_lib.gradients._context import differentiate, preserve_model
from tutorial_lib.gradients._vmap_fallback import ignore_vmap_warning
from tutorial_lib.gradients.layers import Layer, split_forward

# How many numbers of a Jacobian are held at a time: few on a processor, whose cache is small, many on a GPU.
CHUNK_NUMEL = {"cpu": 2**22}
DEFAULT_CHUNK_NUMEL = 2**26


@convert_arguments
def reduced_class_jacobian(
    model: nn.Module,
    x: Tensor,
    layer: Layer,
    reduce_fn: Callable[[Tensor], Tensor],
    *,
    classes: Sequence[int] | None = None,
    check_independence: bool = True,
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
        check_independence: run one sample of the first batch again alone (two, if there are fewer than four), and raise
            an error unless its outputs are the same; False saves the time for it.

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
    activation, logits = split_forward(model, x, layer, check_independence=check_independence)
    with preserve_model(model, x):
        z = logits.sum(0)[check_classes(logits, classes)]
        step = max(1, CHUNK_NUMEL.get(activation.device.type, DEFAULT_CHUNK_NUMEL) // activation.numel())
        reduced = [reduce_fn(_batched_class_gradients(z[i : i + step], activation)) for i in range(0, len(z), step)]
    return activation.detach(), logits.detach(), torch.cat(reduced).transpose(0, 1)


def _batched_class_gradients(z: Tensor, leaf: Tensor) -> Tensor:
    """∂z_c/∂leaf for B logits, (B, …)."""
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
        # Not every network has a vectorized backward pass; one class after the other works, or has a clear error.
        return torch.stack([differentiate(z_c, leaf, retain_graph=True) for z_c in z])
