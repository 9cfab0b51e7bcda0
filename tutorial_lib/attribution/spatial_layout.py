"""The activation of a layer and the gradient there as feature maps: channels first, channels last, or tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import isqrt

from torch import Tensor, nn

from tutorial_lib._batching import batch_slices
from tutorial_lib._validation import check_shapes
from tutorial_lib.gradients import Layer, ObjectiveLike, as_objective, layer_gradient

Grid = tuple[int, int]
Layout = Callable[[Tensor], Tensor]


def spatial_layout(shape: Sequence[int], image_size: Sequence[int], grid: Grid | None = None) -> Layout:
    """Return the function that arranges tensors of a layer's shape as maps (…, K, h, w).

    The rules, in this order:

    - (N, K, h, w) are maps of K channels and stay as they are. (N, h, w, K) is used if only then the map has the aspect
      ratio of the image.
    - (N, T, K) are T tokens, row by row. The map has the aspect ratio of the image, with h·w = T, or with h·w = T − 1
      after the first token, the class token, is dropped. Where neither holds, ``grid`` gives (h, w), and the last h·w
      tokens form the map.

    Args:
        shape: shape of the activation, four axes or three.
        image_size: size (H, W) of the input images.
        grid: size (h, w) of a map of tokens; None is the size with the aspect ratio of the image.

    Returns:
        A function of tensors whose last axes are those of ``shape`` without N: (…, K, h, w), (…, h, w, K) or (…, T, K)
        become (…, K, h, w).

    Raises:
        ValueError: no rule applies, or the grid needs more tokens than there are.

    Example:
        >>> import torch
        >>> to_maps = spatial_layout((1, 197, 768), (224, 224))
        >>> to_maps(torch.zeros(1, 197, 768)).shape
        torch.Size([1, 768, 14, 14])
    """
    if len(shape) == 4:
        channels_last = not _has_aspect_ratio(shape[2:], image_size) and _has_aspect_ratio(shape[1:3], image_size)
        return lambda t: t.movedim(-1, -3) if channels_last else t
    if len(shape) != 3:
        raise ValueError(
            "a map needs spatial positions: expected an activation (N, K, h, w) or tokens (N, T, K), "
            f"got {tuple(shape)}; choose an earlier layer"
        )
    h, w = grid or _infer_grid(shape[1], image_size)
    if h * w > shape[1]:
        raise ValueError(f"a grid of {h}×{w} needs {h * w} tokens, but the layer returns {shape[1]}")
    return lambda t: t[..., shape[1] - h * w :, :].unflatten(-2, (h, w)).movedim(-1, -3)


def spatial_activations_and_gradients(
    model: nn.Module,
    x: Tensor,
    layer: Layer,
    objective: ObjectiveLike = None,
    grid: Grid | None = None,
    batch_size: int = 64,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield a layer's activation A and the gradient ∂J/∂A as maps, batch by batch.

    Args:
        model: classifier that takes x alone and returns one row per image; it is left as it was.
        x: images (N, C, H, W), floats.
        layer: dotted name or module, with an activation (N, K, h, w), (N, h, w, K) or (N, T, K).
        objective: what is differentiated, see :data:`~tutorial_lib.gradients.objectives.ObjectiveLike`; None is the
            logit of the predicted class.
        grid: size (h, w) of a map of tokens; None is the size with the aspect ratio of the images.
        batch_size: images per pass; it bounds the memory and does not change the result.

    Yields:
        Activation and gradient of n ≤ ``batch_size`` images, (n, K, h, w) each, both without a graph.

    Raises:
        ValueError: x is not a batch of images; the layer is unknown, is used twice, has no positions or none that
            affects the outputs; the outputs are not finite, or the objective does not fit.

    Example:
        >>> import torch
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 5))
        >>> batches = spatial_activations_and_gradients(model, torch.rand(3, 3, 8, 8), "0", batch_size=2)
        >>> [tuple(A.shape) for A, g in batches]
        [(2, 4, 6, 6), (1, 4, 6, 6)]
    """
    bound = as_objective(objective, x)
    check_shapes(x=(x, "floats N C H W"))
    # Without images there is one empty batch, so that the engine raises its own error.
    for rows in batch_slices(max(1, len(x)), batch_size):
        A, g = layer_gradient(model, x[rows], layer, bound.select(rows))
        check_layer_rows(A, x[rows])
        to_maps = spatial_layout(A.shape, x.shape[-2:], grid)
        yield to_maps(A), gradient_maps(g, to_maps)


def check_layer_rows(activation: Tensor, x: Tensor) -> None:
    """Raise an error unless the activation of a layer has one row per image.

    Args:
        activation: activation of the layer.
        x: the images (N, C, H, W) that were run.

    Raises:
        ValueError: the layer has more or fewer rows, so that its maps do not belong to the images one by one.

    Example:
        >>> import torch
        >>> check_layer_rows(torch.zeros(2, 5, 4, 4), torch.zeros(2, 3, 8, 8))
    """
    if len(activation) != len(x):
        raise ValueError(
            f"expected an activation with one row for each of {len(x)} images, got {tuple(activation.shape)}: its "
            "first axis holds something else, such as frames or time steps; choose a layer with the batch first"
        )


def gradient_maps(gradient: Tensor, to_maps: Layout) -> Tensor:
    """Return a gradient as maps, unless all of it is at the class token.

    Args:
        gradient: gradient at the layer, of the shape for which ``to_maps`` was made.
        to_maps: the arrangement, from :func:`spatial_layout`.

    Returns:
        Gradient (…, K, h, w).

    Raises:
        ValueError: every nonzero entry is at the class token, so the layer is too late.

    Example:
        >>> import torch
        >>> gradient_maps(torch.ones(1, 5, 2), spatial_layout((1, 5, 2), (8, 8))).shape
        torch.Size([1, 2, 2, 2])
    """
    maps = to_maps(gradient)
    if gradient.any() and not maps.any():
        raise ValueError(
            "only the class token of this layer affects the outputs: choose the layer before the last attention, "
            "for torchvision's vit_b_16 'encoder.layers.encoder_layer_11.ln_1'"
        )
    return maps


def _has_aspect_ratio(map_size: Sequence[int], image_size: Sequence[int]) -> bool:
    """Whether h : w equals H : W, as nearly as whole numbers of positions allow."""
    (h, w), (H, W) = map_size, image_size
    return abs(h * W - w * H) <= H + W


def _infer_grid(n_tokens: int, image_size: Sequence[int]) -> Grid:
    """The size (h, w) of a map of all tokens, or of all but the class token, with the aspect ratio of the image."""
    H, W = image_size
    for n_positions in (n_tokens, n_tokens - 1):
        h = isqrt(n_positions * H // W)
        if h and h * h * W == n_positions * H and n_positions % h == 0:
            return h, n_positions // h
    raise ValueError(
        f"{n_tokens} tokens do not form a map of aspect ratio {H}:{W}, with or without a class token: pass grid=(h, w)"
    )
