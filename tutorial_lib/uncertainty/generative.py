"""Gradient features of one layer of a generative model, and noisy copies as a substitute for abnormal images."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tutorial_lib._batching import run_in_batches
from tutorial_lib._validation import check_nonnegative, check_range, convert_arguments, format_tensor
from tutorial_lib.gradients import Layer, Objective, per_sample_gradients, reconstruction_mse
from tutorial_lib.runtime import default_generator, random_normal
from tutorial_lib.uncertainty.gradcon import without_biases


@convert_arguments
def layer_gradient_features(
    model: nn.Module,
    x: Tensor,
    layer: Layer = "decoder.0",
    objective: Callable[[Tensor], Objective] = reconstruction_mse,
    *,
    batch_size: int = 64,
) -> Tensor:
    """Return each image's gradient of the reconstruction loss with respect to one layer.

    ∂L(x)/∂φ with the weight φ of the layer: its norm measures how much the layer would have to change in order to
    reconstruct the image, and its direction in which way. The divergence of a variational autoencoder from its prior
    does not depend on the decoder, so for a layer of the decoder this is the gradient of the whole evidence lower
    bound.

    Args:
        model: images (N, …) to reconstructions of the same shape; it is left as it was. A variational autoencoder must
            reconstruct deterministically.
        x: images (N, …).
        layer: dotted name or module; the default is the first layer of ``decoder``. A block stands for all layers
            inside it.
        objective: maps images to the objective that is bound to them:
            :func:`~tutorial_lib.gradients.reconstruction_mse` (default) or
            :func:`~tutorial_lib.gradients.bernoulli_nll`.
        batch_size: images per pass; it bounds the memory and does not change the result.

    Returns:
        Features (N, d), signed: the flattened gradient with respect to the weight, d entries. For a parametrized
        weight, as of ``weight_norm``, it is taken with respect to the parameters that the weight is computed from.

    Raises:
        ValueError: an unknown layer, a layer without weights, outputs that are not finite or not of the shape of x,
            BatchNorm or dropout in training mode.

    References:
        Kwon, Prabhushankar, Temel, AlRegib, ICIP 2020, arXiv:2008.06094.

    Example:
        >>> model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 3))
        >>> layer_gradient_features(model, torch.rand(5, 3), "1").shape
        torch.Size([5, 6])
    """

    def one_batch(x: Tensor) -> Tensor:
        gradients = per_sample_gradients(model, x, objective(x), layers=layer, batch_size=batch_size)
        return torch.cat([gradients[name].flatten(1) for name in without_biases(gradients)], 1)

    return run_in_batches(one_batch, x, batch_size=batch_size)


@convert_arguments
def add_gaussian_noise(x: Tensor, *, spread: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Return the images with additive Gaussian noise, clipped to [0, 1].

    Noisy copies can replace abnormal images in training. A detector that is trained to separate normal images from
    their noisy copies has not seen any anomaly of the type that it is tested on.

    Args:
        x: images (N, …) in [0, 1].
        spread: standard deviation of the noise, in the unit of x; with 1 the image is hardly recognizable.
        generator: source of the noise, on the CPU; None is a new one with seed 0.

    Returns:
        Images of the shape, dtype and device of x, in [0, 1].

    References:
        The training protocol of Kwon et al., ICIP 2020, arXiv:2008.06094.

    Example:
        >>> add_gaussian_noise(torch.full((1, 4), 0.5), spread=0.0)
        tensor([[0.5000, 0.5000, 0.5000, 0.5000]])
    """
    if not x.is_floating_point():
        raise ValueError(f"expected images of floats in [0, 1], got {format_tensor(x)}; divide bytes by 255")
    check_nonnegative(spread=spread)
    check_range("x", x, 0, 1, "scale the images to [0, 1], since the noisy ones are clipped there")
    return (x + spread * random_normal(default_generator(generator), *x.shape).to(x)).clamp(0, 1)
