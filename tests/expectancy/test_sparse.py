"""The sparse coder after UNIQUE and surprisal: the formulas by hand, what must hold of any quality, and what is refused."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from tutorial_lib import data
from tutorial_lib import expectancy as e
from tutorial_lib.expectancy.sparse import CHANNELS, agreement
from tutorial_lib.expectancy.surprisal import asked_of_decoder, sharpness


@pytest.fixture(scope="module")
def pictures():
    return data.render(torch.arange(14), size=48, generator=torch.Generator().manual_seed(31))


@pytest.fixture(scope="module")
def quality(pictures):
    return e.SparseQuality(hidden=48, patch=6, halve=False).fit(pictures[:8], patches=1500, steps=40)


def test_training_reconstructs_and_is_sparse(quality, pictures):
    assert quality.history[-1] < quality.history[0] / 4
    codes = quality.network.code(quality.patches(pictures[8:]))
    assert codes.mean() < 0.15  # of units that began at one half
    left = (quality.network(quality.patches(pictures[8:])) - quality.patches(pictures[8:])).square().mean()
    assert left < quality.patches(pictures[8:]).square().mean()


def test_the_loss_is_the_formula(quality, pictures):
    X = quality.patches(pictures[8:9])[0]
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


def test_patches_are_cut_side_by_side_and_whitened_by_the_picture_itself(quality, pictures):
    x = pictures[9:10, :, :30, :24].double()
    found = quality.patches(x)[0]
    colours = torch.einsum("dc,chw->dhw", torch.tensor(CHANNELS, dtype=torch.float64), x[0])
    cut = torch.stack([colours[:, i : i + 6, j : j + 6].flatten() for i in range(0, 30, 6) for j in range(0, 24, 6)])
    cut = cut - cut.mean(0)
    U, S, _ = torch.linalg.svd(cut.T @ cut / len(cut))
    torch.testing.assert_close(found, cut @ (U @ torch.diag(1 / (S + 0.1).sqrt()) @ U.T), rtol=1e-6, atol=1e-9)


def test_the_score_is_a_power_of_spearman(quality, pictures):
    r = pictures[8:11]
    x = data.challenge(r, "noise", 2)
    a, b = (torch.where((c := quality.network.code(quality.patches(side))) < 0.025, 0, c) for side in (x, r))
    for found, one, other in zip(quality.score(x, r), a, b, strict=True):
        rho = stats.spearmanr(one.flatten(), other.flatten()).statistic
        assert found.item() == pytest.approx(abs(rho) ** 10, abs=1e-4)
    torch.testing.assert_close(quality.score(r, x), quality.score(x, r))


def test_agreement_of_what_is_constant():
    flat, rising = torch.zeros(1, 4), torch.arange(4.0)[None]
    assert agreement(flat, flat) == 1 and agreement(flat, rising) == 0 and agreement(rising, -rising) == 1


@pytest.mark.parametrize("name", ["score", "surprisal"])
@pytest.mark.parametrize("kind", ["gaussian blur", "noise"])
def test_one_for_equal_pictures_and_monotone_in_damage(name, kind, quality, pictures):
    f = quality.score if name == "score" else lambda x, r: e.surprisal(quality, x, r)
    r = pictures[8:]
    levels = torch.stack([f(r, r), *(f(data.challenge(r, kind, level), r) for level in (1, 2, 3, 4, 5))])
    assert (levels[0] == 1).all() and (levels >= 0).all() and (levels <= 1).all()
    falls = levels.mean(1).diff()
    assert (falls < 0).all(), levels.mean(1)


def test_seeded_and_borrowing_nothing(pictures):
    before = torch.get_rng_state()
    with torch.no_grad():
        fits = [
            e.SparseQuality(8, 6).fit(pictures[:2], patches=64, steps=3, generator=torch.Generator().manual_seed(s))
            for s in (0, 0, 1)
        ]
    assert torch.equal(before, torch.get_rng_state())
    a, b, c = (fit.network.encoder.weight for fit in fits)
    assert torch.equal(a, b) and not torch.equal(a, c) and not a.requires_grad and a.grad is None
    assert fits[0].history == fits[1].history and not fits[0].network.training


def test_large_pictures_are_halved_first(quality, pictures):
    halving = e.SparseQuality(48, 6)
    halving.network = quality.network
    assert halving.patches(pictures[:1]).shape == (1, 16, 108) and quality.patches(pictures[:1]).shape == (1, 64, 108)


def test_surprisal_as_the_released_code_computes_it(quality, pictures):
    r, coder = pictures[8:9], quality.network
    x = data.challenge(r, "gaussian blur", 2)
    P, D = (quality.patches(side)[0].double().numpy() for side in (r, x))
    W1, b1, W2, b2 = (
        t.double().numpy() for t in (coder.encoder.weight, coder.encoder.bias, coder.decoder.weight, coder.decoder.bias)
    )
    a = 1 / (1 + np.exp(-(P @ W1.T + b1)))
    G = (a @ W2.T + b2 - P).T @ a / len(P)
    np.testing.assert_allclose(asked_of_decoder(coder, quality.patches(r))[0], G, rtol=1e-3, atol=1e-5)
    light = G[: len(G) // 3]
    weights = np.where(stats.kurtosis(light, axis=0, fisher=False) > 3, 2, 1)

    def features(patches):
        y = (patches @ G).astype(complex)
        l = np.log(y / (1 - y))
        both = np.concatenate([np.abs(l) * weights, np.angle(l) * weights])
        return np.where(both < 0.025, 0, both)

    rho = stats.spearmanr(features(D).ravel(), features(P).ravel()).statistic
    assert e.surprisal(quality, x, r).item() == pytest.approx(abs(rho) ** 10, abs=1e-3)
    assert set(sharpness(asked_of_decoder(coder, quality.patches(r))).unique().tolist()) <= {1.0, 2.0}
    assert e.surprisal(quality, r, x).item() != pytest.approx(
        abs(rho) ** 10, abs=1e-6
    )  # only one of the two may surprise


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda q, x: e.SparseQuality().score(x, x), "call fit first"),
        (lambda q, x: e.surprisal(e.SparseQuality(), x, x), "call fit first"),
        (lambda q, x: q.score(x, x[:1]), "every picture needs its reference"),
        (lambda q, x: e.surprisal(q, x, x[:1]), "every picture needs its reference"),
        (lambda q, x: q.score(x[:, :1], x[:, :1]), "coloured pictures"),
        (lambda q, x: q.score(x[..., :6, :6], x[..., :6, :6]), "two patches of 6×6"),
        (lambda q, x: q.score(x * torch.nan, x), "finite"),
        (lambda q, x: e.SparseQuality(8, 6).fit(x[..., :4, :4]), "at least 6×6"),
        (lambda q, x: e.SparseQuality(8, 6).fit(x[:0]), "at least one"),
    ],
)
def test_what_is_refused(act, said, quality, pictures):
    with pytest.raises(ValueError, match=said):
        act(quality, pictures[:2])


def test_grey_pictures_with_fewer_patches_than_pixels_in_one():
    """Two thirds of the variances are zero, twice over."""
    quality = e.SparseQuality(16).fit(data.photographs(64, names=("camera", "brick")), patches=300, steps=5)
    r = data.photographs(144, names=("camera", "brick"))
    found = quality.score(data.challenge(r, "codec error", 1), r)
    assert ((0 < found) & (found < 1)).all()
