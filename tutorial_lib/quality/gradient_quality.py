"""Image quality from the reconstruction gradients of an autoencoder: the weight changes that would reduce its loss."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from tutorial_lib._batching import batch_slices, run_in_batches
from tutorial_lib._validation import check_shapes, convert_arguments, promote_to_float32
from tutorial_lib.gradients import per_sample_gradient_norms, per_sample_gradients, reconstruction_mse
from tutorial_lib.gradients.layers import Layer, parameters_by_layer

Layers = Layer | Sequence[Layer] | None


@convert_arguments
def gradient_distance(
    autoencoder: nn.Module, x: Tensor, reference: Tensor, *, layers: Layers = None, batch_size: int = 16
) -> Tensor:
    """Return the distance between the gradients of images and references.

    1/L Σ_l ‖g_l(x) − g_l(r)‖ / ‖g_l(r)‖ with the gradients g_l = ∂L/∂θ_l of the reconstruction error. Each layer is
    measured in units of the reference's gradient, because otherwise the layer with the largest weights would dominate.
    The distance is not symmetric. L is the mean squared error of an image's *own* reconstruction.

    Args:
        autoencoder: maps images to reconstructions of the same shape; it is left as it was.
        x: images (N, C, H, W), floats.
        reference: reference images r, like x.
        layers: one or more layers; a block stands for all layers inside it. None selects every layer.
        batch_size: images per pass. The gradients of all these images and layers are in memory; the result does not
            change.

    Returns:
        Distances (N,), ≥ 0; higher means more distorted, and equal images have 0.

    Raises:
        ValueError: the gradient of a reference is zero in a layer; x and reference have different shapes; an unknown
            layer, BatchNorm or dropout in training mode, or reconstructions of the wrong shape.

    References:
        After Kwon, Prabhushankar, Temel, AlRegib, ICIP 2019, arXiv:1908.09998; the scaling of the layers is our own.

    Example:
        >>> x = torch.rand(2, 3, 8, 8)
        >>> gradient_distance(nn.Conv2d(3, 3, 1), x, x)
        tensor([0., 0.])
    """
    check_shapes(x=(x, "floats N C H W"), reference=(reference, "floats N C H W"))

    def one_batch(x: Tensor, reference: Tensor) -> Tensor:
        g, g_reference = (_layer_gradients(autoencoder, images, layers, batch_size) for images in (x, reference))
        distances = torch.stack([(a - b).norm(dim=1) for a, b in zip(g, g_reference, strict=True)], 1)
        norms = torch.stack([b.norm(dim=1) for b in g_reference], 1)
        if not (norms > 0).all():
            raise ValueError(
                "the gradient of a reference is zero in one of the layers, so the distance has no unit there; "
                "is the reference reconstructed perfectly?"
            )
        return (distances / norms).mean(1).to(x)

    return run_in_batches(one_batch, x, reference, batch_size=batch_size)


@convert_arguments
def reconstruction_gradient_norm(
    autoencoder: nn.Module, x: Tensor, *, layers: Layers = None, batch_size: int = 64
) -> Tensor:
    """Return the norm of the reconstruction gradient of each image, ‖∂L(x)/∂θ‖.

    No reference is needed. Whether a distortion increases this norm depends on the distortion, so measure it before you
    use the norm as a quality. This is our own experiment, not taken from a paper.

    Args:
        autoencoder: maps images to reconstructions of the same shape; it is left as it was.
        x: images (N, C, H, W), floats.
        layers: one or more layers; a block stands for all layers inside it. None selects every layer.
        batch_size: images per pass; it bounds the memory and does not change the result.

    Returns:
        Norms (N,), ≥ 0.

    Raises:
        ValueError: x is empty, an unknown layer, BatchNorm or dropout in training mode, or reconstructions of the wrong
            shape.

    Example:
        >>> reconstruction_gradient_norm(nn.Conv2d(3, 3, 1), torch.rand(2, 3, 8, 8)).shape
        torch.Size([2])
    """
    return per_sample_gradient_norms(autoencoder, x, reconstruction_mse(x), layers=layers, batch_size=batch_size).norm(
        dim=1
    )


@convert_arguments
def mean_reconstruction_gradient(
    autoencoder: nn.Module, pristine: Tensor, *, layers: Layers = None, batch_size: int = 16
) -> dict[str, Tensor]:
    """Return the mean reconstruction gradient of undistorted images, ḡ = mean ∂L/∂θ.

    Args:
        autoencoder: maps images to reconstructions of the same shape; it is left as it was.
        pristine: undistorted images (N, C, H, W), floats, N ≥ 1.
        layers: one or more layers; a block stands for all layers inside it. None selects every layer.
        batch_size: images per pass; it bounds the memory and does not change the result.

    Returns:
        Parameter name -> mean gradient, shaped like the parameter, signed.

    Raises:
        ValueError: no images, an unknown layer, BatchNorm or dropout in training mode, or reconstructions of the wrong
            shape.

    Example:
        >>> mean_reconstruction_gradient(nn.Conv2d(3, 3, 1), torch.rand(4, 3, 8, 8))["bias"].shape
        torch.Size([3])
    """
    total: dict[str, Tensor] = {}
    for rows in batch_slices(max(1, len(pristine)), batch_size):
        batch = pristine[rows]
        for name, g in per_sample_gradients(
            autoencoder, batch, reconstruction_mse(batch), layers=layers, batch_size=batch_size
        ).items():
            total[name] = total.get(name, 0) + g.sum(0, dtype=promote_to_float32(g))
    return {name: (g / len(pristine)).to(pristine) for name, g in total.items()}


@convert_arguments
def gradient_alignment(
    autoencoder: nn.Module, x: Tensor, mean: dict[str, Tensor], *, layers: Layers = None, batch_size: int = 16
) -> Tensor:
    """Return the cosine similarity of each image's gradient to a mean gradient.

    1/L Σ_l cos(g_l(x), ḡ_l) with the gradients g_l = ∂L/∂θ_l of the reconstruction error and the mean gradient ḡ of
    undistorted images. No reference is needed. This is our own experiment, not taken from a paper.

    Args:
        autoencoder: maps images to reconstructions of the same shape; it is left as it was.
        x: images (N, C, H, W), floats.
        mean: ḡ, parameter name -> tensor, from :func:`mean_reconstruction_gradient` with the same ``layers``.
        layers: one or more layers; a block stands for all layers inside it. None selects every layer.
        batch_size: images per pass; it bounds the memory and does not change the result.

    Returns:
        Mean cosines (N,) in [−1, 1]; higher means more similar to the undistorted images.

    Raises:
        ValueError: an unknown layer, BatchNorm or dropout in training mode, or reconstructions of the wrong shape.

    Example:
        >>> model, x = nn.Conv2d(3, 3, 1), torch.rand(1, 3, 8, 8)
        >>> gradient_alignment(model, x, mean_reconstruction_gradient(model, x)).round(decimals=4)
        tensor([1.])
    """
    mean_by_layer = _concat_by_layer(autoencoder, {name: g[None] for name, g in mean.items()}, layers)

    def one_batch(x: Tensor) -> Tensor:
        pairs = zip(_layer_gradients(autoencoder, x, layers, batch_size), mean_by_layer, strict=True)
        return torch.stack([_cosine(a, b) for a, b in pairs]).mean(0).to(x)

    return run_in_batches(one_batch, x, batch_size=batch_size)


def _layer_gradients(autoencoder: nn.Module, x: Tensor, layers: Layers, batch_size: int) -> list[Tensor]:
    """The reconstruction gradients of each layer, (N, d) each."""
    gradients = per_sample_gradients(autoencoder, x, reconstruction_mse(x), layers=layers, batch_size=batch_size)
    return _concat_by_layer(autoencoder, gradients, layers)


def _concat_by_layer(autoencoder: nn.Module, gradients: dict[str, Tensor], layers: Layers) -> list[Tensor]:
    """The gradients of all parameters of each layer as one vector per image, (N, d) each."""
    by_layer = parameters_by_layer(autoencoder, layers).values()
    # In half precision the sums of squares would overflow or lose most of their digits.
    layers_of_rows = (torch.cat([gradients[name].flatten(1) for name in names], 1) for names in by_layer)
    return [rows.to(promote_to_float32(rows)) for rows in layers_of_rows]


def _cosine(a: Tensor, b: Tensor) -> Tensor:
    """The cosine (N,) of the angle between the rows of a and b; 0 if a row is zero."""
    return (normalize(a, dim=1, eps=1e-30) * normalize(b, dim=1, eps=1e-30)).sum(1)
