"""The Mahalanobis distance, point by point, against scikit-learn and pytorch-ood, and what must not change it."""

import warnings

import pytest
import torch
from scipy.stats import spearmanr
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from tutorial_lib.uncertainty import MahalanobisDetector

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pytorch_ood.detector import Mahalanobis as Peer


@pytest.fixture
def labeled_features():
    generator = torch.Generator().manual_seed(0)
    draw = lambda *size: torch.randn(*size, generator=generator, dtype=torch.float64)
    mix, labels = draw(5, 5), torch.arange(120) % 3
    return (3 * draw(3, 5))[labels] + draw(120, 5) @ mix, labels, 4 * draw(30, 5)


def test_mahalanobis_matches_naive_formula(labeled_features):
    h, labels, asked = labeled_features
    means = [h[labels == c].mean(0) for c in range(3)]
    spread = sum(torch.outer(v - means[c], v - means[c]) for v, c in zip(h, labels.tolist(), strict=True)) / len(h)
    inverse = torch.linalg.inv(spread)
    expected = torch.stack([min((v - m) @ inverse @ (v - m) for m in means) for v in asked])
    torch.testing.assert_close(
        MahalanobisDetector(regularization=0).fit(h, labels).score(asked), expected, rtol=1e-9, atol=0
    )
    torch.testing.assert_close(
        MahalanobisDetector().fit(h, labels).score(asked, batch_size=7), expected, rtol=1e-3, atol=0
    )


def test_mahalanobis_matches_sklearn_covariance(labeled_features):
    h, labels, asked = labeled_features
    theirs = LinearDiscriminantAnalysis(solver="lsqr", store_covariance=True).fit(h.numpy(), labels.numpy())
    inverse = torch.linalg.inv(torch.from_numpy(theirs.covariance_))
    apart = asked[:, None] - torch.from_numpy(theirs.means_)
    expected = torch.einsum("ncd,de,nce->nc", apart, inverse, apart).amin(1)
    torch.testing.assert_close(
        MahalanobisDetector(regularization=0).fit(h, labels).score(asked), expected, rtol=1e-8, atol=0
    )


def test_mahalanobis_matches_pytorch_ood_up_to_a_constant_factor(labeled_features):
    h, labels, asked = labeled_features
    theirs = Peer(None).fit_features(h.float(), labels).predict_features(asked.float())
    mine = MahalanobisDetector(regularization=0).fit(h, labels).score(asked)
    assert spearmanr(mine, theirs).statistic == pytest.approx(1)
    # It adds the outer products up where the paper averages them, and halves the square.
    torch.testing.assert_close(mine / (2 * len(h)), theirs.double(), rtol=1e-3, atol=0)


def test_mahalanobis_is_invariant_to_invertible_affine_maps(labeled_features):
    h, labels, asked = labeled_features
    generator = torch.Generator().manual_seed(1)
    warp = torch.randn(5, 5, generator=generator, dtype=torch.float64)
    found = MahalanobisDetector(regularization=0).fit(h @ warp + 3, labels).score(asked @ warp + 3)
    torch.testing.assert_close(
        found, MahalanobisDetector(regularization=0).fit(h, labels).score(asked), rtol=1e-7, atol=0
    )


def test_mahalanobis_is_independent_of_label_values_order_and_batch(labeled_features):
    h, labels, asked = labeled_features
    expected = MahalanobisDetector().fit(h, labels).score(asked)
    order = torch.randperm(len(h), generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(
        MahalanobisDetector().fit(h[order], 7 * labels[order] + 5).score(asked), expected, rtol=1e-9, atol=0
    )
    rows = torch.cat([MahalanobisDetector().fit(h, labels).score(row) for row in asked.split(1)])
    torch.testing.assert_close(rows, expected, rtol=1e-12, atol=0)


def test_mahalanobis_regularization_handles_constant_feature(labeled_features):
    h, labels, asked = labeled_features
    flat = torch.cat([h, torch.full((len(h), 1), 2.0, dtype=h.dtype)], 1)
    with pytest.raises(ValueError, match="never varies.*regularization above zero"):
        MahalanobisDetector(regularization=0).fit(flat, labels)
    fitted = MahalanobisDetector().fit(flat, labels)
    still, moved = (
        fitted.score(torch.cat([asked, torch.full((len(asked), 1), v, dtype=h.dtype)], 1)) for v in (2.0, 3.0)
    )
    torch.testing.assert_close(still, MahalanobisDetector().fit(h, labels).score(asked), rtol=1e-3, atol=0)
    assert (moved > 1e3 * still.median()).all()


def test_mahalanobis_is_accurate_in_float32_far_from_the_origin(labeled_features):
    h, labels, asked = labeled_features
    expected = MahalanobisDetector().fit(h, labels).score(asked)
    fitted = MahalanobisDetector().fit((h + 1000).float(), labels)
    found = fitted.score((asked + 1000).float())
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), expected, rtol=5e-3, atol=5e-3)
    assert fitted.score(asked + 1000).dtype == torch.float64
    with torch.inference_mode():
        torch.testing.assert_close(MahalanobisDetector().fit(h, labels).score(asked), expected)


@pytest.mark.parametrize(
    "broken, message",
    [
        (lambda h, y, a: MahalanobisDetector(regularization=-1.0), "zero or more"),
        (lambda h, y, a: MahalanobisDetector().fit(h[0], y), r"\(n, d\)"),
        (lambda h, y, a: MahalanobisDetector().fit(h, y[1:]), r"\(n, d\)"),
        (lambda h, y, a: MahalanobisDetector().fit(h / 0, y), "not finite"),
        (lambda h, y, a: MahalanobisDetector().score(a), "call fit"),
        (lambda h, y, a: MahalanobisDetector().fit(h, y).score(a[:, :3]), r"fitted on features \(n, 5\)"),
    ],
)
def test_mahalanobis_rejects_invalid_input(labeled_features, broken, message):
    with pytest.raises(ValueError, match=message):
        broken(*labeled_features)
