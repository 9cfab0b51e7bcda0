"""UNIQUE and surprisal: formulas written naively, properties that every quality score has, and rejected input."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from tutorial_lib import data
from tutorial_lib import quality as e
from tutorial_lib.quality.sparse_coding import OPPONENT_COLOR_MATRIX, spearman_power_similarity
from tutorial_lib.quality.surprisal import decoder_weight_gradient, kurtosis_weights


@pytest.fixture(scope="module")
def images():
    return data.render(torch.arange(14), size=48, generator=torch.Generator().manual_seed(31))


@pytest.fixture(scope="module")
def quality(images):
    return e.UNIQUEQuality(hidden=48, patch=6, downsample=False).fit(images[:8], patches=1500, n_steps=40)


def test_sparse_autoencoder_reconstructs_with_sparse_codes(quality, images):
    assert quality.history[-1] < quality.history[0] / 4
    codes = quality.network.encode(quality.patches(images[8:]))
    assert codes.mean() < 0.15  # before training, the mean is about one half
    left = (quality.network(quality.patches(images[8:])) - quality.patches(images[8:])).square().mean()
    assert left < quality.patches(images[8:]).square().mean()


def test_unique_quality_loss_matches_formula(quality, images):
    X = quality.patches(images[8:9])[0]
    coder = quality.network
    W1, b1, W2, b2 = (
        t.double().numpy() for t in (coder.encoder.weight, coder.encoder.bias, coder.decoder.weight, coder.decoder.bias)
    )
    total, used = 0.0, np.zeros(len(b1))
    for row in X.double().numpy():
        a = 1 / (1 + np.exp(-(W1 @ row + b1)))
        used += a / len(X)
        total += ((W2 @ a + b2 - row) ** 2).sum() / (2 * len(X))
    sparse = sum(0.035 * math.log(0.035 / u) + 0.965 * math.log(0.965 / (1 - u)) for u in used)
    expected = total + 5 * sparse + 0.003 / 2 * ((W1**2).sum() + (W2**2).sum())
    assert quality.loss(coder, X).item() == pytest.approx(expected, rel=1e-4)


def test_unique_quality_patches_are_tiled_and_whitened_per_image(quality, images):
    x = images[9:10, :, :30, :24].double()
    patches = quality.patches(x)[0]
    colors = torch.einsum("dc,chw->dhw", torch.tensor(OPPONENT_COLOR_MATRIX, dtype=torch.float64), x[0])
    cut = torch.stack([colors[:, i : i + 6, j : j + 6].flatten() for i in range(0, 30, 6) for j in range(0, 24, 6)])
    cut = cut - cut.mean(0)
    U, S, _ = torch.linalg.svd(cut.T @ cut / len(cut))
    torch.testing.assert_close(patches, cut @ (U @ torch.diag(1 / (S + 0.1).sqrt()) @ U.T), rtol=1e-6, atol=1e-9)


def test_unique_quality_score_is_a_power_of_spearman_correlation(quality, images):
    r = images[8:11]
    x = data.corrupt(r, "noise", 2)
    a, b = (torch.where((c := quality.network.encode(quality.patches(side))) < 0.025, 0, c) for side in (x, r))
    for score, one, other in zip(quality.score(x, r), a, b, strict=True):
        rho = stats.spearmanr(one.flatten(), other.flatten()).statistic
        assert score.item() == pytest.approx(abs(rho) ** 10, abs=1e-4)
    torch.testing.assert_close(quality.score(r, x), quality.score(x, r))


def test_spearman_power_similarity_of_constant_codes():
    flat, rising = torch.zeros(1, 4), torch.arange(4.0)[None]
    assert (
        spearman_power_similarity(flat, flat) == 1
        and spearman_power_similarity(flat, rising) == 0
        and spearman_power_similarity(rising, -rising) == 1
    )


@pytest.mark.parametrize("name", ["score", "surprisal"])
@pytest.mark.parametrize("kind", ["gaussian blur", "noise"])
def test_unique_quality_and_surprisal_fall_with_distortion_severity(name, kind, quality, images):
    f = quality.score if name == "score" else lambda x, r: e.surprisal(quality, x, r)
    r = images[8:]
    levels = torch.stack([f(r, r), *(f(data.corrupt(r, kind, level), r) for level in (1, 2, 3, 4, 5))])
    assert (levels[0] == 1).all() and (levels >= 0).all() and (levels <= 1).all()
    falls = levels.mean(1).diff()
    assert (falls < 0).all(), levels.mean(1)


def test_unique_quality_fit_is_reproducible_and_keeps_global_rng(images):
    before = torch.get_rng_state()
    with torch.no_grad():
        fits = [
            e.UNIQUEQuality(8, 6).fit(images[:2], patches=64, n_steps=3, generator=torch.Generator().manual_seed(s))
            for s in (0, 0, 1)
        ]
    assert torch.equal(before, torch.get_rng_state())
    a, b, c = (fit.network.encoder.weight for fit in fits)
    assert torch.equal(a, b) and not torch.equal(a, c) and not a.requires_grad and a.grad is None
    assert fits[0].history == fits[1].history and not fits[0].network.training


def test_unique_quality_downsample_halves_images_before_patching(quality, images):
    halving = e.UNIQUEQuality(48, 6)
    halving.network = quality.network
    assert halving.patches(images[:1]).shape == (1, 16, 108) and quality.patches(images[:1]).shape == (1, 64, 108)


def test_surprisal_matches_released_code(quality, images):
    r, coder = images[8:9], quality.network
    x = data.corrupt(r, "gaussian blur", 2)
    P, D = (quality.patches(side)[0].double().numpy() for side in (r, x))
    W1, b1, W2, b2 = (
        t.double().numpy() for t in (coder.encoder.weight, coder.encoder.bias, coder.decoder.weight, coder.decoder.bias)
    )
    a = 1 / (1 + np.exp(-(P @ W1.T + b1)))
    G = (a @ W2.T + b2 - P).T @ a / len(P)
    np.testing.assert_allclose(decoder_weight_gradient(coder, quality.patches(r))[0], G, rtol=1e-3, atol=1e-5)
    light = G[: len(G) // 3] - G[: len(G) // 3].mean()
    light = light / np.abs(light).max(1, keepdims=True)  # each pixel by its largest unit
    weights = np.where(stats.kurtosis(light, axis=0, fisher=False, bias=False) > 3, 2, 1)

    def features(patches):
        y = (patches @ G).astype(complex)
        l = np.log(y / (1 - y))
        both = np.concatenate([np.abs(l) * weights, np.angle(l) * weights])
        return np.where(both < 0.025, 0, both)

    rho = stats.spearmanr(features(D).ravel(), features(P).ravel()).statistic
    assert e.surprisal(quality, x, r).item() == pytest.approx(abs(rho) ** 10, abs=1e-3)
    assert kurtosis_weights(decoder_weight_gradient(coder, quality.patches(r))).flatten().tolist() == weights.tolist()
    assert set(weights) == {1, 2}
    assert e.surprisal(quality, r, x).item() != pytest.approx(
        abs(rho) ** 10, abs=1e-6
    )  # the gradient comes from the reference only, so the score is not symmetric


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda q, x: e.UNIQUEQuality().score(x, x), "call fit first"),
        (lambda q, x: e.surprisal(e.UNIQUEQuality(), x, x), "call fit first"),
        (lambda q, x: q.score(x, x[:1]), r"expected x: floats \(N, C, H, W\), reference"),
        (lambda q, x: e.surprisal(q, x, x[:1]), r"expected x: floats \(N, C, H, W\), reference"),
        (lambda q, x: q.score(x[:, :1], x[:, :1]), "color image"),
        (lambda q, x: q.score(x[..., :6, :6], x[..., :6, :6]), "at least two patches of 6×6"),
        (lambda q, x: q.score(x * torch.nan, x), "finite"),
        (lambda q, x: e.UNIQUEQuality(8, 6).fit(x[..., :4, :4]), "at least 6×6"),
        (lambda q, x: e.UNIQUEQuality(8, 6).fit(x[:0]), "expected x: floats"),
    ],
)
def test_unique_quality_and_surprisal_reject_invalid_input(call, message, quality, images):
    with pytest.raises(ValueError, match=message):
        call(quality, images[:2])


def test_unique_quality_handles_gray_images_with_few_patches():
    """Two thirds of the variances are zero, for the training images and for the scored ones."""
    quality = e.UNIQUEQuality(16).fit(data.skimage_photos(64, names=("camera", "brick")), patches=300, n_steps=5)
    r = data.skimage_photos(144, names=("camera", "brick"))
    scores = quality.score(data.corrupt(r, "codec error", 1), r)
    assert ((0 < scores) & (scores < 1)).all()
