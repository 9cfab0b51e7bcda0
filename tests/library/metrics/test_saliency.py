"""Saliency metrics, compared with loops, and the changes of a map to which each of them is invariant."""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from sklearn.metrics import roc_auc_score

from tutorial_lib import metrics as M

H, W = 9, 12


@pytest.fixture
def map():
    """A map with ties, because it has few distinct values."""
    return torch.randint(0, 7, (H, W), generator=torch.Generator().manual_seed(0)).double() + 1


@pytest.fixture
def smooth():
    return torch.rand(H, W, generator=torch.Generator().manual_seed(1), dtype=torch.float64) + 0.1


@pytest.fixture
def points():
    """Fixations, one of which occurs three times."""
    return torch.tensor([[0, 0], [8, 11], [4, 5], [4, 5], [4, 5], [2, 7], [6, 1]])


# The formulas, in loops.


def nss_by_loop(map, points):
    values = [v for row in map.tolist() for v in row]
    mean = sum(values) / len(values)
    spread = math.sqrt(sum((v - mean) ** 2 for v in values) / len(values))
    return sum((map[r, c].item() - mean) / spread for r, c in points.tolist()) / len(points)


def auc_by_pairs(values, others):
    won = sum(1.0 if a > b else 0.5 if a == b else 0.0 for a in values for b in others)
    return won / (len(values) * len(others))


def auc_judd_by_loop(map, points):
    fixated = {tuple(p) for p in points.tolist()}
    free = [map[r, c].item() for r in range(H) for c in range(W) if (r, c) not in fixated]
    return auc_by_pairs([map[r, c].item() for r, c in points.tolist()], free)


def auc_by_thresholds(map, points):
    """Return the AUC as the benchmark computes it: thresholds at the fixations, linear interpolation between them."""
    at = sorted((map[r, c].item() for r, c in points.tolist()), reverse=True)
    fixated = {tuple(p) for p in points.tolist()}
    free = np.array([map[r, c].item() for r in range(H) for c in range(W) if (r, c) not in fixated])
    tp, fp = [0.0], [0.0]
    for i, threshold in enumerate(at):
        tp.append((i + 1) / len(at))
        fp.append((free >= threshold).mean())
    return torch.trapezoid(
        torch.tensor([*tp, 1.0], dtype=torch.float64), torch.tensor([*fp, 1.0], dtype=torch.float64)
    ).item()


def sum_over_pixels(map, density, each):
    P, Q = map / map.sum(), density / density.sum()
    return sum(each(p, q) for p, q in zip(P.flatten().tolist(), Q.flatten().tolist(), strict=True))


def test_nss_matches_loop(map, points):
    assert M.nss(map, points) == pytest.approx(nss_by_loop(map, points), abs=1e-12)


def test_cc_matches_numpy(map, smooth):
    assert M.cc(map, smooth) == pytest.approx(np.corrcoef(map.flatten(), smooth.flatten())[0, 1], abs=1e-12)


def test_sim_matches_loop(map, smooth):
    assert M.sim(map, smooth) == pytest.approx(sum_over_pixels(map, smooth, min), abs=1e-12)


def test_kl_divergence_matches_loop(map, smooth):
    eps = np.finfo(float).eps
    assert M.kl_divergence(map, smooth) == pytest.approx(
        sum_over_pixels(map, smooth, lambda p, q: q * math.log(eps + q / (eps + p))), abs=1e-12
    )


def test_auc_judd_matches_loop_and_threshold_curve(map, smooth, points):
    for m in (map, smooth):
        assert M.auc_judd(m, points) == pytest.approx(auc_judd_by_loop(m, points), abs=1e-12)
    # The usual code agrees to within half a fixation; without ties it is never lower.
    distinct = torch.tensor([[0, 0], [8, 11], [4, 5], [2, 7], [6, 1]])
    exact, usual = M.auc_judd(smooth, distinct), auc_by_thresholds(smooth, distinct)
    assert exact <= usual <= exact + 1 / (2 * len(distinct)) + 1e-12


def test_shuffled_auc_matches_loop_and_scikit_learn(map, points):
    others = torch.tensor([[1, 1], [4, 5], [8, 11], [7, 7]])
    at = lambda p: [map[r, c].item() for r, c in p.tolist()]
    assert M.shuffled_auc(map, points, others) == pytest.approx(auc_by_pairs(at(points), at(others)), abs=1e-12)
    labels = [1] * len(points) + [0] * len(others)
    assert M.shuffled_auc(map, points, others) == pytest.approx(roc_auc_score(labels, at(points) + at(others)))


def test_information_gain_matches_loop(map, smooth, points):
    P, B = map / map.sum(), smooth / smooth.sum()
    expected = sum(math.log2(P[r, c]) - math.log2(B[r, c]) for r, c in points.tolist()) / len(points)
    assert M.information_gain(map, points, smooth) == pytest.approx(expected, abs=1e-10)
    assert M.information_gain(smooth, points, smooth) == 0
    assert (
        M.information_gain(
            torch.zeros(H, W).index_put((torch.tensor([0]), torch.tensor([3])), torch.tensor(1.0)), points, smooth
        )
        < -30
    )


# Invariances.


def test_saliency_metrics_have_expected_scale_and_offset_invariance(map, smooth, points):
    moved = 3.5 * map + 2
    assert M.nss(moved, points) == pytest.approx(M.nss(map, points), abs=1e-12)
    assert M.cc(moved, smooth) == pytest.approx(M.cc(map, smooth), abs=1e-12)
    assert M.nss(-map, points) == pytest.approx(-M.nss(map, points), abs=1e-12)
    for f in (M.sim, M.kl_divergence):
        assert f(3.5 * map, smooth) == pytest.approx(f(map, smooth), abs=1e-12)
        assert abs(f(map + 2, smooth) - f(map, smooth)) > 1e-3


def test_saliency_auc_metrics_are_invariant_to_monotonic_transforms(map, smooth, points):
    others = torch.tensor([[1, 1], [3, 9]])
    for change in (torch.exp, lambda m: m**3, lambda m: 5 * m - 1):
        assert M.auc_judd(change(map), points) == M.auc_judd(map, points)
        assert M.shuffled_auc(change(map), points, others) == M.shuffled_auc(map, points, others)
    assert abs(M.nss(map.exp(), points) - M.nss(map, points)) > 1e-3
    assert abs(M.cc(map.exp(), smooth) - M.cc(map, smooth)) > 1e-3


def test_cc_sim_and_kl_divergence_are_optimal_for_identical_maps(smooth):
    assert M.cc(smooth, smooth) == pytest.approx(1) and M.sim(smooth, smooth) == pytest.approx(1)
    assert M.kl_divergence(smooth, smooth) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.3, 7.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_saliency_metrics_of_constant_map_are_at_chance_level(value, dtype, smooth, points):
    flat = torch.full((H, W), value, dtype=dtype)
    rounded = M.gaussian_smooth(flat, 2.0)  # constant up to rounding errors, which must not be ranked
    for m in (flat, rounded):
        assert M.nss(m, points) == 0 and M.cc(m, smooth) == 0
        assert M.auc_judd(m, points) == 0.5 and M.shuffled_auc(m, points, points[:2]) == 0.5


def test_auc_judd_counts_ties_half():
    map = torch.tensor([[1.0, 1.0], [1.0, 0.0]])
    assert M.auc_judd(map, torch.tensor([[0, 0]])) == pytest.approx((0.5 + 0.5 + 1) / 3)


def test_shuffled_auc_gives_no_credit_for_center_bias():
    generator = torch.Generator().manual_seed(0)
    everyone = [
        (torch.randn(60, 2, generator=generator) * torch.tensor([8.0, 10.0]) + torch.tensor([30.0, 40.0]))
        .round()
        .long()
        for _ in range(8)
    ]
    everyone = [torch.stack([p[:, 0].clamp(0, 59), p[:, 1].clamp(0, 79)], 1) for p in everyone]
    blob = M.center_bias_map(torch.zeros(60, 80))
    judd = [M.auc_judd(blob, p) for p in everyone]
    shuffled = [M.shuffled_auc(blob, p, torch.cat([q for q in everyone if q is not p])) for p in everyone]
    assert min(judd) > 0.8 and abs(sum(shuffled) / 8 - 0.5) < 0.03


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64])
def test_saliency_metrics_accept_any_dtype(dtype, map, points):
    assert M.nss(map.to(dtype), points) == pytest.approx(M.nss(map, points), abs=1e-12)
    assert isinstance(M.auc_judd(map.to(dtype), points.int()), float)


# Densities and blur.


def test_fixation_density_matches_scipy_gaussian_filter(points):
    counts = np.zeros((60, 80))
    middle = points + torch.tensor([24, 32])
    for r, c in middle.tolist():
        counts[r, c] += 1
    density = M.fixation_density(middle, (60, 80), blur=3.0)
    np.testing.assert_allclose(
        density, gaussian_filter(counts / len(points), 3.0, mode="constant", truncate=12), atol=1e-12
    )


def test_fixation_density_sums_to_one_at_the_border(points):
    for blur in (0, 0.5, 4.0):
        density = M.fixation_density(points, (H, W), blur=blur)
        assert density.sum() == pytest.approx(1, abs=1e-12) and density.min() >= 0
    assert torch.equal(
        (M.fixation_density(points, (H, W), blur=0) * 7).round()[4, 5], torch.tensor(3.0, dtype=torch.float64)
    )


def test_gaussian_smooth_is_a_normalized_weighted_mean(smooth):
    smoothed = M.gaussian_smooth(smooth, 1.5)
    r, c = 0, 11
    weights = torch.tensor(
        [[math.exp(-((i - r) ** 2 + (j - c) ** 2) / 4.5) for j in range(W)] for i in range(H)], dtype=torch.float64
    )
    assert smoothed[r, c] == pytest.approx((weights * smooth).sum().item() / weights.sum().item(), abs=1e-12)
    torch.testing.assert_close(M.gaussian_smooth(smooth.expand(2, 3, H, W), 1.5)[1, 2], smoothed)
    torch.testing.assert_close(M.gaussian_smooth(smooth, 0), smooth)
    assert M.gaussian_smooth(smooth.float(), 2).dtype == torch.float32


# Errors.


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda m, p: M.nss(m[None], p), r"expected one map, \(H, W\), not \(1, 9, 12\)"),
        (lambda m, p: M.nss(m / 0, p), "the map is not finite"),
        (lambda m, p: M.nss(m, p[:0]), "expected fixations: whole numbers"),
        (lambda m, p: M.nss(m, p.double()), r"expected fixations: whole numbers \(K, axes\); got float64"),
        (
            lambda m, p: M.nss(m, torch.ones(H, W, dtype=torch.bool)),
            r"expected fixations: whole numbers \(K, axes\); got bool",
        ),
        (lambda m, p: M.auc_judd(m, p + 1), "a fixation lies outside the map of 9 × 12"),
        (lambda m, p: M.auc_judd(m, -p), "outside the map"),
        (lambda m, p: M.auc_judd(m, torch.ones(H, W).nonzero()), "every pixel has a fixation"),
        (lambda m, p: M.cc(m, m[1:]), "maps must have the same size"),
        (lambda m, p: M.sim(m - 3, m), "a map must be non-negative and not zero everywhere"),
        (lambda m, p: M.kl_divergence(0 * m, m), "a map must be non-negative and not zero everywhere"),
        (lambda m, p: M.information_gain(-m, p, m), "a map must be non-negative"),
        (lambda m, p: M.fixation_density(p, (4, 4), blur=1), "outside the map of 4 × 4"),
        (lambda m, p: M.gaussian_smooth(m, -1), "blur must be a finite number of at least 0"),
        (lambda m, p: M.gaussian_smooth(m.long(), 1), "a map of floats"),
    ],
)
def test_saliency_metrics_reject_invalid_input(call, message, map, points):
    with pytest.raises(ValueError, match=message):
        call(map, points)
