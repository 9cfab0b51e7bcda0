"""Stochastic surprisal: assume an outcome, and read the change of the weights that would make it true."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from tutorial_lib._batching import batch_slices
from tutorial_lib.gradients import per_sample_gradients, reconstruction_mse
from tutorial_lib.quality.sparse_coding import UNIQUEQuality, spearman_power_similarity


def surprisal(quality: UNIQUEQuality, x: Tensor, reference: Tensor, *, batch_size: int = 16) -> Tensor:
    """Full-reference quality from the change that the *reference* asks of a sparse coder: in [0, 1], higher = better, 1 for equal.

    The assumed outcome is the reference itself, reconstructed; G = ∂L(r)/∂W of the decoder is what it would change. Patches of
    both pictures are read through it, y = Gᵀ patch; the features are |log(y/(1 − y))| and its phase, and the score is
    |Spearman's ρ|^{10} of the two pictures' features. Not symmetric: only one of them is allowed to surprise.

    This is what the released code of the paper computes. Its text speaks of the difference of two gradients: for that see
    :func:`tutorial_lib.quality.gradient_distance`. Its other use, recognition, takes the gradients of all classes as features:
    :func:`tutorial_lib.attribution.introspective_features`.

    Args:
        quality: a fitted :class:`SparseQuality`; its patches and its coder are borrowed.
        x, reference: (N, 3, H, W) -> (N,).
        chunk: pictures at a time.

    Raises:
        ValueError: the two are not alike in shape; as :meth:`SparseQuality.codes` does.

    Source: Prabhushankar and AlRegib, Frontiers in Neuroscience 17, 2023, arXiv 2302.05776; Kwon et al., ICIP 2019.

    Example:
        >>> quality = UNIQUEQuality(hidden=16, patch=4).fit(torch.rand(4, 3, 16, 16), patches=64, n_steps=3)
        >>> x = torch.rand(1, 3, 32, 32)
        >>> surprisal(quality, x, x)
        tensor([1.])
    """
    if x.shape != reference.shape:
        raise ValueError(
            f"every picture needs its reference: {tuple(x.shape)} and {tuple(reference.shape)} are not alike"
        )
    coder, found = quality.check_fitted(), []
    for rows in batch_slices(max(1, len(x)), batch_size):
        seen, expected = (quality.patches(side[rows].detach()).to(coder.encoder.weight) for side in (x, reference))
        G = decoder_weight_gradient(coder, expected)
        weights = kurtosis_weights(G)
        found.append(
            spearman_power_similarity(*(_log_odds_features(side @ G, weights) for side in (seen, expected))).to(x)
        )
    return torch.cat(found)


def decoder_weight_gradient(coder: nn.Module, patches: Tensor) -> Tensor:
    """G = 1/m Σ δ aᵀ with δ = x̂ − x: the change that a picture asks of the decoder's weights, up to its size.

    patches (N, M, D), whitened -> (N, D, K). One forward and one backward pass.

    Example:
        >>> from tutorial_lib.quality.sparse_coding import SparseAutoencoder
        >>> decoder_weight_gradient(SparseAutoencoder(12, 5), torch.rand(2, 7, 12)).shape
        torch.Size([2, 12, 5])
    """
    gradients = per_sample_gradients(coder, patches, reconstruction_mse(patches), layers="decoder")
    # The objective is a mean over entries, the paper's ½ Σ over the entries of a patch: their gradients differ by D / 2.
    return gradients["decoder.weight"] * patches.shape[-1] / 2


def kurtosis_weights(G: Tensor) -> Tensor:
    """2 for units whose change has heavy tails in brightness (kurtosis above 3), else 1. G (N, D, K) -> (N, 1, K)."""
    light = G[:, : G.shape[1] // 3]
    light = light - light.mean(1, keepdim=True)
    kurtosis = light.pow(4).mean(1) / light.square().mean(1).square().clamp(min=1e-30)
    return 1 + (kurtosis > 3).to(G)[:, None]


def _log_odds_features(y: Tensor, weights: Tensor) -> Tensor:
    """log(y/(1 − y)) of any real y is complex: its modulus and its phase, weighted, and below 0.025 zero."""
    odds = y / (1 - y)
    real, imaginary = odds.abs().clamp(min=1e-30, max=1e30).log(), torch.where(odds < 0, math.pi, 0.0).to(y)
    features = torch.cat([torch.hypot(real, imaginary) * weights, torch.atan2(imaginary, real) * weights], 1)
    return torch.where(features < 0.025, 0, features)
