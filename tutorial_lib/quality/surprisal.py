"""Image quality from stochastic surprisal: the weight change of a sparse autoencoder for an assumed outcome."""

import math

import torch
from torch import Tensor, nn

from tutorial_lib._batching import run_in_batches, scale_by_power_of_two
from tutorial_lib._validation import check_shapes, convert_arguments
from tutorial_lib.gradients import per_sample_gradients, reconstruction_mse
from tutorial_lib.quality.sparse_coding import UNIQUEQuality, spearman_power_similarity


@convert_arguments
def surprisal(quality: UNIQUEQuality, x: Tensor, reference: Tensor, *, batch_size: int = 16) -> Tensor:
    """Return the full-reference quality from the weight change for the *reference*.

    The assumed outcome is the reconstruction of the reference r, and G = ∂L(r)/∂W is the gradient of the decoder's
    weights for this outcome. The patches of both images are projected, y = Gᵀ patch; the features are |log(y/(1 − y))|
    and the phase of this logarithm, and the quality is |ρ|^{10} with Spearman's rank correlation ρ of the two images'
    features. The quality is not symmetric, because only one image defines G.

    This is the quantity of the released code, which also rounds the colors to 8 bits. The rounding changes the quality
    by at most 0.07 on 20 images of LIVE, because the gradient is the small remainder of a trained autoencoder's errors.
    The text of the paper describes the difference of two gradients instead, see
    :func:`tutorial_lib.quality.gradient_distance`. The other application of the method, recognition, uses the gradients
    of all classes as features, see :func:`tutorial_lib.attribution.introspective_features`.

    Args:
        quality: a fitted :class:`~tutorial_lib.quality.UNIQUEQuality`, whose patches and autoencoder are used; it is
            left as it was.
        x: color images (N, 3, H, W), floats.
        reference: reference images r, like x.
        batch_size: images per pass; it bounds the memory and does not change the result.

    Returns:
        Qualities (N,) in [0, 1]; higher is better, and equal images have 1.

    Raises:
        ValueError: ``quality`` is not fitted; x and reference have different shapes, are not color images of floats,
            are empty or not finite, or are too small for two patches.

    References:
        Prabhushankar and AlRegib, Frontiers in Neuroscience 17, 2023, arXiv:2302.05776; Kwon et al., ICIP 2019.

    Example:
        >>> quality = UNIQUEQuality(hidden=16, patch=4).fit(torch.rand(4, 3, 16, 16), patches=64, n_steps=3)
        >>> x = torch.rand(1, 3, 32, 32)
        >>> surprisal(quality, x, x)
        tensor([1.])
    """
    check_shapes(x=(x, "floats N C H W"), reference=(reference, "floats N C H W"))
    coder = quality.check_fitted()

    def one_batch(x: Tensor, reference: Tensor) -> Tensor:
        patches, reference_patches = (
            quality.patches(images.detach()).to(coder.encoder.weight) for images in (x, reference)
        )
        G = decoder_weight_gradient(coder, reference_patches)
        weights = kurtosis_weights(G)
        return spearman_power_similarity(
            *(_log_odds_features(side @ G, weights) for side in (patches, reference_patches))
        ).to(x)

    return run_in_batches(one_batch, x, reference, batch_size=batch_size)


def decoder_weight_gradient(coder: nn.Module, patches: Tensor) -> Tensor:
    """Return the gradient of each image's reconstruction error for the decoder's weights.

    G = 1/m Σ δ aᵀ over an image's m patches, with the error δ = x̂ − x and the code a of each patch. One forward and one
    backward pass.

    Args:
        coder: a :class:`~tutorial_lib.quality.SparseAutoencoder`; it is left as it was.
        patches: whitened patches (N, m, D).

    Returns:
        Gradients (N, D, K), signed.

    Example:
        >>> from tutorial_lib.quality.sparse_coding import SparseAutoencoder
        >>> decoder_weight_gradient(SparseAutoencoder(12, 5), torch.rand(2, 7, 12)).shape
        torch.Size([2, 12, 5])
    """
    gradients = per_sample_gradients(coder, patches, reconstruction_mse(patches), layers="decoder")
    # Our objective is a mean over all values, the paper's is ½ Σ over a patch: their gradients differ by D / 2.
    return gradients["decoder.weight"] * patches.shape[-1] / 2


def kurtosis_weights(G: Tensor) -> Tensor:
    """Return weight 2 for hidden units whose luma gradients are heavy-tailed, else 1.

    A unit is heavy-tailed if the kurtosis of its gradients in the luma channel, with the usual correction for a small
    sample, is above 3. As in the released code, the gradients of each pixel are first divided by their largest absolute
    value over all units.

    Args:
        G: gradients of the decoder's weights (N, D, K); the first third of D belongs to luma.

    Returns:
        Weights (N, 1, K), 1 or 2.
    """
    luma = G[:, : G.shape[1] // 3].mT  # (N, K, n): a row per unit
    luma = luma - luma.mean((1, 2), keepdim=True)
    luma = luma / luma.abs().amax(1, keepdim=True).clamp(min=1e-30)
    luma = luma - luma.mean(2, keepdim=True)
    # The kurtosis does not depend on the scale, but the fourth powers of small numbers would underflow.
    luma, _ = scale_by_power_of_two(luma.flatten(0, 1))
    n = luma.shape[1]
    kurtosis = luma.pow(4).mean(1) / luma.square().mean(1).square().clamp(min=1e-30)
    if n > 3:
        kurtosis = 3 + (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * kurtosis - 3 * (n - 1))
    return 1 + (kurtosis > 3).to(G).view(len(G), 1, -1)


def _log_odds_features(y: Tensor, weights: Tensor) -> Tensor:
    """The weighted modulus and phase of log(y/(1 − y)), complex for real y; values below 0.025 are set to zero."""
    odds = y / (1 - y)
    real, imaginary = odds.abs().clamp(min=1e-30, max=1e30).log(), torch.where(odds < 0, math.pi, 0.0).to(y)
    features = torch.cat([torch.hypot(real, imaginary) * weights, torch.atan2(imaginary, real) * weights], 1)
    return torch.where(features < 0.025, 0, features)
