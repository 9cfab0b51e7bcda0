"""What the network would say of each position alone: the answers of all places before they are averaged into one."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from tutorial_lib.gradients.layers import Layer, find_layer, split_forward
from tutorial_lib.gradients._context import preserve_model, detach_for_autograd
from tutorial_lib.gradients.inputs import _grad
from tutorial_lib.gradients.objectives import as_objective


class SpatialLogits(NamedTuple):
    """``activation`` (N, K, h, w), a leaf that takes gradients; ``logits`` (N, C) of the whole picture; ``local`` (N, C, h, w).

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
        >>> spatial_logits(model, torch.rand(2, 3, 8, 8), "0").local.shape
        torch.Size([2, 5, 6, 6])
    """

    activation: Tensor
    logits: Tensor
    local: Tensor


def spatial_logits(model: nn.Module, x: Tensor, layer: Layer) -> SpatialLogits:
    """The logits of each position's own features, z_ij = f_head(A_ij), whose mean over positions is z: (A, z, z_ij).

    ``layer`` is the one whose maps A are averaged. Every position is put through the rest of the network as a map of one cell;
    the graph goes back to A, so that ∂/∂A asks what each position would have to change. For average pooling and a Linear
    layer z_ij = W A_ij + b; a convolution of one cell before the pooling (SqueezeNet) is served as well.

    Raises:
        ValueError: the layer has no maps, or what follows it is not the same at every position and then averaged: as checked,
            the mean of z_ij is not z. And as :func:`split_at` does.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
        >>> A, z, local = spatial_logits(model, torch.rand(2, 3, 8, 8), "0")
        >>> local.shape, torch.allclose(local.mean((2, 3)), z, atol=1e-6)
        (torch.Size([2, 5, 6, 6]), True)
    """
    name = layer if isinstance(layer, str) else type(layer).__name__
    activation, logits = split_forward(model, x, layer)
    if activation.dim() != 4 or logits.dim() != 2:
        raise ValueError(
            f"positions need maps (N, K, h, w) and logits (N, C); layer {name!r} returns {tuple(activation.shape)}, "
            f"the model {tuple(logits.shape)}"
        )
    N, K, h, w = activation.shape
    with preserve_model(model, x):
        cells = activation.movedim(1, -1).reshape(N * h * w, K, 1, 1)
        local = _run_head(model, x[:1], layer, cells, name).reshape(N, h, w, -1).movedim(-1, 1)
    # Equal up to rounding where the head treats all positions alike and averages; far off where it does not.
    off, size = (local.detach().mean((2, 3)) - logits.detach()).abs().max(), logits.detach().abs().max()
    if not off <= torch.finfo(logits.dtype).eps ** 0.5 * (1 + size):
        raise ValueError(
            f"what follows layer {name!r} is not the same at every position and then averaged: the mean of the positions' "
            f"logits is {float(off):.2g} away from the picture's. Take the layer just before the average pooling; a network "
            "that flattens its maps, or has more than one layer with a nonlinearity after the pooling, has no local answers"
        )
    return SpatialLogits(activation, logits.detach(), local)


def spatial_gradients(model: nn.Module, x: Tensor, layer: Layer, objective=None) -> tuple[Tensor, Tensor, Tensor]:
    """An objective asked of each position alone, and its gradient there: (A (N, K, h, w), J_ij (N, h, w), ∂J_ij/∂A_ij like A).

    ``objective``: see :mod:`tutorial_lib.gradients.objectives`. What is bound to a picture holds for all its positions; None is
    the logit of the class that is predicted for the *picture*. Positions do not know of each other, so that one backward pass
    for the sum is a pass for each.

    Raises:
        ValueError: as :func:`position_logits` does; an objective that does not fit.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
        >>> A, J, g = spatial_gradients(model, torch.rand(2, 3, 8, 8), "0", 1)
        >>> torch.allclose(g[0, :, 2, 3], model[3].weight[1])
        True
    """
    objective = as_objective(objective, x)
    A, z, local = spatial_logits(model, x, layer)
    N, C, h, w = local.shape
    of_its_picture = torch.arange(N, device=z.device).repeat_interleave(h * w)
    with preserve_model(model, x):
        J = objective.resolve(z).select(of_its_picture)(local.movedim(1, -1).reshape(-1, C)).view(N, h, w)
        (gradient,) = _grad(J.sum(), A)
    return A.detach(), J.detach(), gradient


def _run_head(model: nn.Module, x: Tensor, layer: Layer, cells: Tensor, name: str) -> Tensor:
    """The rest of the network on other activations. A pass has to get there first, for which one picture is enough."""

    def instead(*_):
        torch.set_grad_enabled(True)
        return cells.clone()

    with preserve_model(model, x), torch.no_grad():
        handle = find_layer(model, layer).register_forward_hook(instead)
        try:
            local = model(detach_for_autograd(x))
        except RuntimeError as error:
            raise ValueError(
                f"what follows layer {name!r} cannot be read position by position ({str(error).splitlines()[0][:120]}): take the "
                "layer just before the average pooling; a network that flattens its maps has no local answers"
            ) from None
        finally:
            handle.remove()
    if not isinstance(local, Tensor) or local.dim() != 2 or len(local) != len(cells):
        raise ValueError(
            f"what follows layer {name!r} ties positions together: take the layer just before the average pooling"
        )
    return local
