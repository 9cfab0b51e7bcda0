"""Trust scores: a naive loop, scikit-learn's trees, invariances, and separating correct from wrong predictions."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KDTree

from tutorial_lib.foundations import TrustScore


def trust_score_by_loop(stored, labels, h, predictions, *, k=10, alpha=0.0):
    """Return the trust scores by the formula, point by point."""
    sets = {}
    for c in sorted(set(labels.tolist())):
        points = stored[labels == c]
        if alpha:
            radii = [
                sorted((points - p).square().sum(1).sqrt().tolist())[k] for p in points
            ]  # index 0 is the point itself
            points = points[np.array(radii) <= np.percentile(radii, 100 * (1 - alpha))]
        sets[c] = points
    scores = []
    for x, P in zip(h, predictions.tolist(), strict=True):
        nearest = {c: min((points - x).square().sum(1).sqrt().tolist()) for c, points in sets.items()}
        scores.append(min(d for c, d in nearest.items() if c != P) / nearest[P])
    return torch.tensor(scores, dtype=h.dtype)


@pytest.fixture
def samples_and_predictions():
    generator = torch.Generator().manual_seed(0)
    centres = 2 * torch.randn(3, 5, generator=generator, dtype=torch.float64)
    labels = torch.arange(90) % 3
    stored = centres[labels] + torch.randn(90, 5, generator=generator, dtype=torch.float64)
    h = 2 * torch.randn(40, 5, generator=generator, dtype=torch.float64)
    return stored, labels, h, torch.randint(3, (40,), generator=generator)


@pytest.mark.parametrize("options", [{}, {"alpha": 0.2, "k": 4}, {"alpha": 0.1, "k": 2}])
def test_trust_score_matches_naive_loop(samples_and_predictions, options):
    stored, labels, h, predictions = samples_and_predictions
    scores = TrustScore(**options).fit(stored, labels).score(h, predictions, batch_size=7)
    torch.testing.assert_close(
        scores, trust_score_by_loop(stored, labels, h, predictions, **options), rtol=1e-9, atol=0
    )


def test_trust_score_distances_match_scikit_learn_trees(samples_and_predictions):
    stored, labels, h, _ = samples_and_predictions
    distances = TrustScore().fit(stored, labels).distances(h)
    trees = [KDTree(stored[labels == c].numpy()).query(h.numpy())[0][:, 0] for c in range(3)]
    np.testing.assert_allclose(distances.numpy(), np.stack(trees, 1), rtol=1e-9)


@pytest.mark.parametrize("change", ["rotated", "moved", "scaled"])
@pytest.mark.parametrize("alpha", [0.0, 0.2])
def test_trust_score_is_invariant_to_rotation_translation_and_scale(samples_and_predictions, change, alpha):
    stored, labels, h, predictions = samples_and_predictions
    turn = torch.linalg.qr(torch.randn(5, 5, generator=torch.Generator().manual_seed(1), dtype=h.dtype)).Q
    move = {"rotated": lambda v: v @ turn, "moved": lambda v: v + 100, "scaled": lambda v: 1e3 * v}[change]
    before = TrustScore(k=3, alpha=alpha).fit(stored, labels).score(h, predictions)
    after = TrustScore(k=3, alpha=alpha).fit(move(stored), labels).score(move(h), predictions)
    torch.testing.assert_close(after, before, rtol=1e-8, atol=0)


def test_trust_score_is_accurate_in_float32_far_from_origin(samples_and_predictions):
    stored, labels, h, predictions = samples_and_predictions
    expected = TrustScore().fit(stored, labels).score(h, predictions)
    scores = TrustScore().fit((stored + 1000).float(), labels).score((h + 1000).float(), predictions)
    torch.testing.assert_close(scores.double(), expected, rtol=2e-3, atol=0)


def test_trust_score_exceeds_one_iff_nearest_neighbor_agrees(samples_and_predictions):
    stored, labels, h, predictions = samples_and_predictions
    nearest = labels[torch.cdist(h, stored).argmin(1)]
    trust = TrustScore().fit(stored, labels).score(h, predictions)
    assert torch.equal(trust > 1, nearest == predictions)


def test_trust_score_alpha_removes_isolated_samples_per_class():
    cluster = torch.randn(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    outlier = torch.tensor([[30.0, 0.0]], dtype=cluster.dtype)
    stored, labels = torch.cat([cluster, outlier, cluster + 100]), torch.tensor([0] * 51 + [1] * 50)
    class_samples = TrustScore(k=5, alpha=0.1).fit(stored, labels).class_samples
    assert len(class_samples[0]) == 46 and len(class_samples[1]) == 45
    nearby = torch.tensor([[30.5, 0.0]], dtype=cluster.dtype)
    with_outlier, without = (TrustScore(k=5, alpha=a).fit(stored, labels).distances(nearby)[0, 0] for a in (0.0, 0.1))
    assert with_outlier == pytest.approx(0.5) and without > 25
    # Without alpha, k has no effect, because it only defines the density.
    one, other = (TrustScore(k=k).fit(stored, labels).distances(nearby) for k in (1, 20))
    assert torch.equal(one, other)


def test_trust_score_separates_correct_from_wrong_predictions():
    generator = torch.Generator().manual_seed(2)
    labels = torch.arange(600) % 2
    points = torch.randn(600, 2, generator=generator) + 3.0 * labels[:, None]
    predicted = torch.where(torch.rand(600, generator=generator) < 0.3, 1 - labels, labels)[300:]
    trust = TrustScore(alpha=0.05).fit(points[:300], labels[:300]).score(points[300:], predicted)
    assert roc_auc_score(predicted == labels[300:], trust) > 0.9
    assert (
        roc_auc_score(predicted == labels[300:], torch.rand(300, generator=generator)) < 0.7
    )  # random scores do not reach the threshold


def test_trust_score_increases_toward_predicted_class():
    score = TrustScore().fit(torch.tensor([[0.0], [10.0]]), torch.tensor([0, 1]))
    trust = score.score(torch.linspace(9, 1, 9)[:, None], torch.zeros(9, dtype=torch.long))
    assert (trust.diff() > 0).all()


def test_trust_score_of_fitted_samples_and_ties():
    stored, labels = torch.tensor([[0.0], [1.0], [0.0]]), torch.tensor([0, 1, 2])
    trust = TrustScore().fit(stored, labels).score(torch.tensor([[1.0], [1.0], [0.0]]), torch.tensor([1, 0, 0]))
    assert trust.tolist() == [float("inf"), 0.0, 1.0]


def test_trust_score_accepts_arbitrary_integer_labels(samples_and_predictions):
    stored, labels, h, predictions = samples_and_predictions
    expected = TrustScore().fit(stored, labels).score(h, predictions)
    assert torch.equal(TrustScore().fit(stored, 7 * labels + 5).score(h, 7 * predictions + 5), expected)


@pytest.mark.parametrize(
    "broken, message",
    [
        (lambda s, y, h, p: TrustScore(k=0), "starts at 1"),
        (lambda s, y, h, p: TrustScore(alpha=1.0), "alpha"),
        (lambda s, y, h, p: TrustScore().fit(s[:, :, None], y), r"expected features: floats \(n, d\)"),
        (lambda s, y, h, p: TrustScore().fit(s, 0 * y), "two classes"),
        (lambda s, y, h, p: TrustScore(alpha=0.1, k=50).fit(s, y), "at least 51"),
        (lambda s, y, h, p: TrustScore().score(h, p), "fit"),
        (lambda s, y, h, p: TrustScore().fit(s, y).score(h[:, :3], p), "expected features: floats"),
        (lambda s, y, h, p: TrustScore().fit(s, y).score(h, p + 9), "among the fitted"),
        (lambda s, y, h, p: TrustScore().fit(s, y).score(h, p[:4]), "predictions"),
    ],
)
def test_trust_score_rejects_invalid_input(samples_and_predictions, broken, message):
    with pytest.raises(ValueError, match=message):
        broken(*samples_and_predictions)
