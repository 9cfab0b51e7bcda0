"""Every class's gradient at a layer, read on the spot: what is kept is the reading, never the list of gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from tutorial_lib.gradients.layers import Layer, split_forward
from tutorial_lib.gradients._context import preserve_model
from tutorial_lib.gradients.inputs import _grad, check_classes
from tutorial_lib.gradients.per_sample import ignore_vmap_warning

# Numbers of a Jacobian held at a time: little on a processor, whose cache is small, much on a GPU.
CHUNK_NUMEL = {"cpu": 2**22}
DEFAULT_CHUNK_NUMEL = 2**26


def reduced_class_jacobian(
    model: nn.Module, x: Tensor, layer: Layer, reduce_fn: Callable[[Tensor], Tensor], *, classes: Sequence[int] | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """The Jacobian ∂z_c/∂A of a layer, as ``read`` reads it: (activation (N, …), logits (N, C), readings (N, classes, …)).

    One forward pass, then one backward pass from the logits to the layer for some classes at a time. ``read`` turns the gradients
    of some classes, (B, N, …), into readings (B, N, …), say their means over positions: for 1,000 classes the Jacobian itself
    would not fit. Where all of it is wanted, see :func:`class_jacobian`.

    Raises:
        ValueError: as :func:`split_at` does; outputs that are no logits (N, C), or an unknown class.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
        >>> A, z, J = reduced_class_jacobian(model, torch.ones(2, 3, 6, 6), "0", lambda g: g.sum((3, 4)))
        >>> torch.allclose(J[0], model[3].weight, atol=1e-6)
        True
    """
    activation, logits = split_forward(model, x, layer)
    with preserve_model(model, x):
        picked, goal = check_classes(logits, classes), logits.sum(0)
        step = max(1, CHUNK_NUMEL.get(activation.device.type, DEFAULT_CHUNK_NUMEL) // activation.numel())
        pieces = [reduce_fn(_batched_class_gradients(goal[picked[i : i + step]], activation)) for i in range(0, len(picked), step)]
    return activation.detach(), logits.detach(), torch.cat(pieces).transpose(0, 1)


def _batched_class_gradients(z: Tensor, leaf: Tensor) -> Tensor:
    """∂z_c/∂leaf for some logits, (B, …)."""
    if not z.requires_grad:
        return leaf.new_zeros(len(z), *leaf.shape)
    try:
        with ignore_vmap_warning():
            each = torch.eye(len(z), dtype=z.dtype, device=z.device)
            options = {"retain_graph": True, "is_grads_batched": True, "allow_unused": True, "materialize_grads": True}
            return torch.autograd.grad(z, leaf, each, **options)[0]
    except RuntimeError:
        # Not every network can be taken back for many classes at once; one after the other it always works.
        return torch.stack([_grad(z_c, leaf, keep=True)[0] for z_c in z])
