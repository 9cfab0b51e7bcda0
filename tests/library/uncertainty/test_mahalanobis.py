"""The Mahalanobis score, compared with its formula, scikit-learn and pytorch-ood, and its invariances."""

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
    h, labels, queries = labeled_features
    means = [h[labels == c].mean(0) for c in range(3)]
    covariance = sum(torch.outer(v - means[c], v - means[c]) for v, c in zip(h, labels.tolist(), strict=True)) / len(h)
    inverse = torch.linalg.inv(covariance)
    expected = torch.stack([min((v - m) @ inverse @ (v - m) for m in means) for v in queries])
    torch.testing.assert_close(
        MahalanobisDetector(regularization=0).fit(h, labels).score(queries), expected, rtol=1e-9, atol=0
    )
    torch.testing.assert_close(
        MahalanobisDetector().fit(h, labels).score(queries, batch_size=7), expected, rtol=1e-3, atol=0
    )


def test_mahalanobis_matches_sklearn_covariance(labeled_features):
    h, labels, queries = labeled_features
    theirs = LinearDiscriminantAnalysis(solver="lsqr", store_covariance=True).fit(h.numpy(), labels.numpy())
    inverse = torch.linalg.inv(torch.from_numpy(theirs.covariance_))
    differences = queries[:, None] - torch.from_numpy(theirs.means_)
    expected = torch.einsum("ncd,de,nce->nc", differences, inverse, differences).amin(1)
    torch.testing.assert_close(
        MahalanobisDetector(regularization=0).fit(h, labels).score(queries), expected, rtol=1e-8, atol=0
    )


def test_mahalanobis_matches_pytorch_ood_up_to_a_constant_factor(labeled_features):
    h, labels, queries = labeled_features
    theirs = Peer(None).fit_features(h.float(), labels).predict_features(queries.float())
    mine = MahalanobisDetector(regularization=0).fit(h, labels).score(queries)
    assert spearmanr(mine, theirs).statistic == pytest.approx(1)
    # pytorch-ood sums the outer products, where the paper averages them, and halves the squared distance.
    torch.testing.assert_close(mine / (2 * len(h)), theirs.double(), rtol=1e-3, atol=0)


def test_mahalanobis_is_invariant_to_invertible_affine_maps(labeled_features):
    h, labels, queries = labeled_features
    generator = torch.Generator().manual_seed(1)
    warp = torch.randn(5, 5, generator=generator, dtype=torch.float64)
    scores = MahalanobisDetector(regularization=0).fit(h @ warp + 3, labels).score(queries @ warp + 3)
    torch.testing.assert_close(
        scores, MahalanobisDetector(regularization=0).fit(h, labels).score(queries), rtol=1e-7, atol=0
    )


def test_mahalanobis_is_independent_of_label_values_order_and_batch(labeled_features):
    h, labels, queries = labeled_features
    expected = MahalanobisDetector().fit(h, labels).score(queries)
    order = torch.randperm(len(h), generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(
        MahalanobisDetector().fit(h[order], 7 * labels[order] + 5).score(queries), expected, rtol=1e-9, atol=0
    )
    rows = torch.cat([MahalanobisDetector().fit(h, labels).score(row) for row in queries.split(1)])
    torch.testing.assert_close(rows, expected, rtol=1e-12, atol=0)


def test_mahalanobis_regularization_handles_constant_feature(labeled_features):
    h, labels, queries = labeled_features
    flat = torch.cat([h, torch.full((len(h), 1), 2.0, dtype=h.dtype)], 1)
    with pytest.raises(ValueError, match="never varies.*regularization above zero"):
        MahalanobisDetector(regularization=0).fit(flat, labels)
    fitted = MahalanobisDetector().fit(flat, labels)
    still, moved = (
        fitted.score(torch.cat([queries, torch.full((len(queries), 1), v, dtype=h.dtype)], 1)) for v in (2.0, 3.0)
    )
    torch.testing.assert_close(still, MahalanobisDetector().fit(h, labels).score(queries), rtol=1e-3, atol=0)
    assert (moved > 1e3 * still.median()).all()


def test_mahalanobis_is_accurate_in_float32_far_from_the_origin(labeled_features):
    h, labels, queries = labeled_features
    expected = MahalanobisDetector().fit(h, labels).score(queries)
    fitted = MahalanobisDetector().fit((h + 1000).float(), labels)
    scores = fitted.score((queries + 1000).float())
    assert scores.dtype == torch.float32
    torch.testing.assert_close(scores.double(), expected, rtol=5e-3, atol=5e-3)
    assert fitted.score(queries + 1000).dtype == torch.float64
    with torch.inference_mode():
        torch.testing.assert_close(MahalanobisDetector().fit(h, labels).score(queries), expected)


@pytest.mark.parametrize(
    "broken, message",
    [
        (
            lambda h, y, a: MahalanobisDetector(regularization=-1.0),
            "regularization must be a finite number of at least 0",
        ),
        (lambda h, y, a: MahalanobisDetector().fit(h[0], y), r"\(n, d\)"),
        (lambda h, y, a: MahalanobisDetector().fit(h, y[1:]), r"\(n, d\)"),
        (lambda h, y, a: MahalanobisDetector().fit(h / 0, y), "not finite"),
        (lambda h, y, a: MahalanobisDetector().score(a), "call fit"),
        (lambda h, y, a: MahalanobisDetector().fit(h, y).score(a[:, :3]), "expected features: floats"),
    ],
)
def test_mahalanobis_rejects_invalid_input(labeled_features, broken, message):
    with pytest.raises(ValueError, match=message):
        broken(*labeled_features)
