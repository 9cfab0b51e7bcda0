"""The logits of each spatial position alone, before the network averages over positions."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from tutorial_lib._validation import convert_arguments
from tutorial_lib.gradients._context import detach_for_autograd, differentiate, preserve_model, translate_errors
from tutorial_lib.gradients._model_state import restore_model
from tutorial_lib.gradients.layers import Layer, find_layer, split_forward
from tutorial_lib.gradients.objectives import ObjectiveLike, as_objective


class SpatialLogits(NamedTuple):
    """The result of :func:`spatial_logits`.

    Attributes:
        activation: A (N, K, h, w), a leaf that requires gradients.
        logits: z (N, C), of the whole image, without a graph.
        local: z_ij (N, C, h, w), of each position alone, with a graph that goes back to the activation.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
        >>> spatial_logits(model, torch.rand(2, 3, 8, 8), "0").local.shape
        torch.Size([2, 5, 6, 6])
    """

    activation: Tensor
    logits: Tensor
    local: Tensor


@convert_arguments
def spatial_logits(model: nn.Module, x: Tensor, layer: Layer) -> SpatialLogits:
    """Return the logits of each position's own features, z_ij = f_head(A_ij).

    Their mean over positions is z. Every position is run through the rest of the network as a feature map of one cell.
    The graph goes back to A, so that ∂/∂A belongs to each position alone. For average pooling followed by a linear
    layer z_ij = W A_ij + b; 1 × 1 convolutions before the pooling (SqueezeNet) are allowed as well.

    Args:
        model: any module that takes x alone and returns logits (N, C); it is left as it was.
        x: samples (N, …); they are run as one batch.
        layer: dotted name or module of the layer whose feature maps are averaged.

    Returns:
        Activation (N, K, h, w), logits (N, C), and local logits (N, C, h, w).

    Raises:
        ValueError: the layer has no feature maps, or the rest of the network does not treat all positions alike and
            average them, so that the mean of z_ij is not z; the layer is unknown, is not reached or is used twice.

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
    error, size = (local.detach().mean((2, 3)) - logits.detach()).abs().max(), logits.detach().abs().max()
    if not error <= torch.finfo(logits.dtype).eps ** 0.5 * (1 + size):
        raise ValueError(
            f"what follows layer {name!r} is not the same at every position and then averaged: the mean of the "
            "positions' "
            f"logits is {float(error):.2g} away from the image's. Take the layer just before the average pooling; a "
            "network "
            "that flattens its maps, or has more than one layer with a nonlinearity after the pooling, has no local "
            "logits"
        )
    return SpatialLogits(activation, logits.detach(), local)


@convert_arguments
def spatial_gradients(
    model: nn.Module,
    x: Tensor,
    layer: Layer,
    objective: ObjectiveLike = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return an objective of each position alone, and its gradient there.

    J_ij and ∂J_ij/∂A_ij. The logits of one position do not depend on another position, so that one backward pass for
    the sum gives the gradient of each.

    Args:
        model: any module that takes x alone and returns logits (N, C); it is left as it was.
        x: samples (N, …); they are run as one batch.
        layer: dotted name or module of the layer whose feature maps are averaged.
        objective: what is differentiated, see :data:`~tutorial_lib.gradients.objectives.ObjectiveLike`. A row that is
            bound to an image holds for all its positions; None is the logit of the class that is predicted for the
            *image*.

    Returns:
        Activation A (N, K, h, w), values J_ij (N, h, w), and gradients like A, signed, all without a graph.

    Raises:
        ValueError: the layer has no local logits (see :func:`spatial_logits`), or the objective does not fit.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
        >>> A, J, g = spatial_gradients(model, torch.rand(2, 3, 8, 8), "0", 1)
        >>> torch.allclose(g[0, :, 2, 3], model[3].weight[1])
        True
    """
    bound = as_objective(objective, x)
    A, z, local = spatial_logits(model, x, layer)
    N, C, h, w = local.shape
    image_of_position = torch.arange(N, device=z.device).repeat_interleave(h * w)
    with preserve_model(model, x):
        J = (
            bound.resolve(z, needs_gradient=True)
            .select(image_of_position)(local.movedim(1, -1).reshape(-1, C))
            .view(N, h, w)
        )
        return A.detach(), J.detach(), differentiate(J.sum(), A)


def _run_head(model: nn.Module, x: Tensor, layer: Layer, cells: Tensor, name: str) -> Tensor:
    """The rest of the network on other activations; to reach the layer, a pass over one image is enough."""
    module = find_layer(model, layer)
    with (
        restore_model(model, freeze=True),
        module.register_forward_hook(lambda *_: cells.clone()),
        translate_errors(
            lambda: (
                f"what follows layer {name!r} cannot be run position by position: take the layer just before the "
                "average pooling; a network that flattens its maps has no local logits"
            )
        ),
    ):
        local = model(detach_for_autograd(x).clone())
    if not isinstance(local, Tensor) or local.dim() != 2 or len(local) != len(cells):
        raise ValueError(f"what follows layer {name!r} mixes positions: take the layer just before the average pooling")
    return local
