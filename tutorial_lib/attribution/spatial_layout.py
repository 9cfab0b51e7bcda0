"""What a layer returned, and the gradient there, read as maps: channels first, channels last, or a transformer's tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import isqrt

import torch
from torch import Tensor, nn

from tutorial_lib._batching import batch_slices
from tutorial_lib.gradients import Objective, as_objective, layer_gradient

Grid = tuple[int, int]
Layout = Callable[[Tensor], Tensor]


def spatial_layout(shape: torch.Size | tuple[int, ...], image: tuple[int, int], grid: Grid | None = None) -> Layout:
    """How tensors of a layer's shape are read as maps (…, K, h, w), for a picture of (H, W). The rules, in this order:

    - (N, K, h, w): maps of K channels, as they are; (N, h, w, K) if only so the map has the proportions of the picture;
    - (N, T, K): T tokens, row by row. The map has the proportions of the picture and h·w = T; or h·w = T − 1, and the first, the
      class token, is left out. ``grid`` names (h, w) where that does not hold: then the last h·w tokens are the map.

    Raises:
        ValueError: no rule fits.

    Example:
        >>> lay = spatial_layout((1, 197, 768), (224, 224))
        >>> lay(torch.zeros(1, 197, 768)).shape
        torch.Size([1, 768, 14, 14])
    """
    if len(shape) == 4:
        last = not _has_aspect_ratio(shape[2:], image) and _has_aspect_ratio(shape[1:3], image)
        return lambda t: t.movedim(-1, -3) if last else t
    if len(shape) != 3:
        raise ValueError(
            f"a map needs positions, (N, K, h, w) or tokens (N, T, K), not {tuple(shape)}: take an earlier layer"
        )
    h, w = grid or _infer_grid(shape[1], image)
    if h * w > shape[1]:
        raise ValueError(f"a grid of {h}×{w} needs {h * w} tokens, the layer returns {shape[1]}")
    return lambda t: t[..., shape[1] - h * w :, :].unflatten(-2, (h, w)).movedim(-1, -3)


def spatial_activations_and_gradients(
    model: nn.Module, x: Tensor, layer: str | nn.Module, objective=None, grid: Grid | None = None, batch_size: int = 64
) -> Iterator[tuple[Tensor, Tensor]]:
    """A layer's activation A and the gradient there, ∂J/∂A, both laid out (n, K, h, w), ``batch_size`` pictures at a time.

    Raises:
        ValueError: x is no pictures, the layer has no positions or none that reach the answer, and as
            :func:`tutorial_lib.gradients.layer_gradient` does.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 5))
        >>> [tuple(A.shape) for A, g in spatial_activations_and_gradients(model, torch.rand(3, 3, 8, 8), "0", batch_size=2)]
        [(2, 4, 6, 6), (1, 4, 6, 6)]
    """
    for part, J in iter_batches(x, as_objective(objective, x), batch_size):
        A, g = layer_gradient(model, part, layer, J)
        lay = spatial_layout(A.shape, x.shape[-2:], grid)
        yield lay(A), check_gradient_reaches_map(g, lay)


def iter_batches(x: Tensor, objective: Objective, batch_size: int) -> Iterator[tuple[Tensor, Objective]]:
    """Pictures and what is asked of them, ``batch_size`` at a time; no pictures at all are one part, so that the engine can say so."""
    if x.dim() != 4:
        raise ValueError(f"class activation maps are of pictures (N, C, H, W), not {tuple(x.shape)}")
    for rows in batch_slices(max(1, len(x)), batch_size):
        yield x[rows], objective.select(rows)


def check_gradient_reaches_map(gradient: Tensor, lay: Layout) -> Tensor:
    """The gradient on the map; where all of it is on the class token, the layer was chosen too late."""
    laid = lay(gradient)
    if gradient.any() and not laid.any():
        raise ValueError(
            "of this layer only the class token reaches the answer: take the layer before the last attention, "
            "for torchvision's vit_b_16 'encoder.layers.encoder_layer_11.ln_1'"
        )
    return laid


def _has_aspect_ratio(map: tuple[int, int], image: tuple[int, int]) -> bool:
    """Whether h : w is H : W, as nearly as whole numbers of cells allow."""
    (h, w), (H, W) = map, image
    return abs(h * W - w * H) <= H + W


def _infer_grid(tokens: int, image: tuple[int, int]) -> Grid:
    H, W = image
    for laid in (tokens, tokens - 1):
        h = isqrt(laid * H // W)
        if h and h * h * W == laid * H and laid % h == 0:
            return h, laid // h
    raise ValueError(
        f"{tokens} tokens are no map of the proportions {H}:{W}, with or without a class token: name grid=(h, w)"
    )
