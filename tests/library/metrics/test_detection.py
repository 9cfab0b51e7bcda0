"""Detection metrics, compared with counts over pairs and thresholds and with scikit-learn, ties included."""

import pytest
import torch
from sklearn.metrics import auc, roc_auc_score

from tutorial_lib.metrics import auroc, average_ranks, bootstrap_interval, oscr, risk_coverage, srcc


def sample_scores(seed, levels=None, n=137, m=61):
    """Return two overlapping sets of scores; ``levels`` rounds them, so that most are tied within and across sets."""
    generator = torch.Generator().manual_seed(seed)
    normal = torch.randn(n, generator=generator, dtype=torch.float64)
    abnormal = 0.7 + torch.randn(m, generator=generator, dtype=torch.float64)
    return (normal, abnormal) if levels is None else tuple((s * levels).round() / levels for s in (normal, abnormal))


def labels_and_scores(normal, abnormal):
    return [0] * len(normal) + [1] * len(abnormal), torch.cat([normal, abnormal]).double().numpy()


CASES = [
    sample_scores(0),
    sample_scores(1, levels=1),
    sample_scores(2, levels=3),
    sample_scores(3, levels=1, n=1),
    sample_scores(4, m=1),
    (torch.zeros(5), torch.zeros(3)),
]
NAMES = ["continuous", "few values", "ties", "one normal", "one abnormal", "one value"]
cases = pytest.mark.parametrize("normal, abnormal", CASES, ids=NAMES)


def fraction(where):
    return where.double().mean().item()


@cases
def test_auroc_matches_pair_count_and_scikit_learn(normal, abnormal):
    pairs = [1.0 if a > n else 0.5 if a == n else 0.0 for a in abnormal for n in normal]
    assert auroc(normal, abnormal) == pytest.approx(sum(pairs) / len(pairs), abs=1e-15)
    assert auroc(normal, abnormal) == pytest.approx(roc_auc_score(*labels_and_scores(normal, abnormal)), abs=1e-12)
    assert auroc(-normal, -abnormal) == pytest.approx(1 - auroc(normal, abnormal), abs=1e-15)


def test_auroc_is_invariant_to_monotonic_transforms():
    normal, abnormal = sample_scores(5, levels=4)
    assert auroc(normal.exp(), abnormal.exp()) == auroc(normal, abnormal)
    # Scores far outside [0, 1] do not saturate.
    assert auroc(1e6 * normal + 1e9, 1e6 * abnormal + 1e9) == auroc(normal, abnormal)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.int64])
def test_auroc_accepts_any_dtype_and_returns_float(dtype):
    normal, abnormal = (s.to(dtype) for s in sample_scores(6, levels=1))
    expected = auroc(normal.double(), abnormal.double())
    if dtype.is_floating_point:
        normal = normal.requires_grad_()
    assert type(auroc(normal, abnormal)) is float and auroc(normal, abnormal) == expected


def test_auroc_handles_infinite_scores_and_signed_zeros():
    inf = torch.inf
    assert auroc(torch.tensor([-inf, 0.0, inf]), torch.tensor([inf, -0.0])) == (3 - 0.5 + 1 + 0.5) / 6


def test_scores_of_whole_numbers_are_exact_or_refused():
    """Times in nanoseconds are whole numbers that float64 rounds."""
    assert auroc(torch.tensor([2**53 - 2]), torch.tensor([2**53 - 1])) == 1.0
    large = torch.tensor([2**60, 2**60 + 1, 2**60 + 2])
    for call in (lambda: auroc(large, large + 1), lambda: srcc(large, large), lambda: average_ranks(large)):
        with pytest.raises(ValueError, match="subtract an offset"):
            call()
    assert srcc(large - 2**60, large - 2**60) == 1.0


def test_auroc_rejects_invalid_input():
    good = torch.ones(3)
    nan = torch.tensor([torch.nan])
    for bad, message in [
        (good[:0], "at least one"),
        (torch.ones(2, 2), "at least one"),
        (["a"], "tensor"),
        (nan, "1 of 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            auroc(good, bad)
        with pytest.raises(ValueError, match=message):
            auroc(bad, good)


@pytest.mark.parametrize("levels", [None, 1, 3])
def test_risk_coverage_matches_average_over_tie_orders(levels):
    score = sample_scores(7, levels)[0]
    correct = torch.rand(len(score), generator=torch.Generator().manual_seed(0)) > 0.3 + 0.2 * score.sign()
    coverage, risk, area = risk_coverage(score, correct)
    assert torch.equal(coverage, torch.arange(1, 138, dtype=torch.float64) / 137)
    assert risk[-1].item() == pytest.approx((~correct).double().mean().item(), abs=1e-15)
    assert area == pytest.approx(risk.mean().item(), abs=1e-15)
    # The naive curve, averaged over many random orders of the tied samples.
    total, rounds, generator = (
        torch.zeros(137, dtype=torch.float64),
        4000 if levels else 1,
        torch.Generator().manual_seed(1),
    )
    for _ in range(rounds):
        mixed = torch.randperm(137, generator=generator)
        order = mixed[score[mixed].argsort(stable=True)]
        total += (~correct[order]).double().cumsum(0) / torch.arange(1, 138)
    torch.testing.assert_close(risk, total / rounds, atol=0.05 if levels else 1e-14, rtol=0)
    turned = torch.randperm(137, generator=generator)
    assert torch.equal(risk_coverage(score[turned], correct[turned]).risk, risk)


def test_risk_coverage_of_perfect_and_constant_scores():
    correct = torch.tensor([True, False, True, True])
    assert risk_coverage((~correct).float(), correct).risk.tolist() == [0, 0, 0, 0.25]
    assert risk_coverage(torch.zeros(4), correct).risk.tolist() == [0.25] * 4
    with pytest.raises(ValueError, match="bool"):
        risk_coverage(torch.zeros(4), correct.float())
    with pytest.raises(ValueError, match="expected score: floats"):
        risk_coverage(torch.zeros(3), correct)


def test_bootstrap_interval_of_mean_matches_theory():
    values = torch.randn(400, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    low, high = bootstrap_interval(lambda v: v.mean(), values, n_resamples=4000)
    mean, error = values.mean().item(), values.std().item() / 20
    assert low == pytest.approx(mean - 1.96 * error, abs=0.15 * error)
    assert high == pytest.approx(mean + 1.96 * error, abs=0.15 * error)
    narrow = bootstrap_interval(lambda v: v.mean(), values, confidence_level=0.5, n_resamples=4000)
    assert (narrow.high - narrow.low) / (high - low) == pytest.approx(0.6745 / 1.96, abs=0.03)


def test_bootstrap_interval_resamples_paired_or_independently():
    a = torch.arange(50.0)
    difference = lambda a, b: (a - b).abs().max()
    assert bootstrap_interval(difference, a, a, paired=True, n_resamples=20) == (0, 0)
    assert bootstrap_interval(difference, a, a, paired=False, n_resamples=20).low > 0
    low, high = bootstrap_interval(auroc, *sample_scores(0), paired=False, n_resamples=200)
    assert low < auroc(*sample_scores(0)) < high


def test_bootstrap_interval_draws_whole_groups():
    # Within a group all values are equal, so that the interval is that of as many values as there are groups.
    of_group = torch.randn(12, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    groups = torch.arange(12).repeat(5)
    values = of_group[groups]
    grouped = bootstrap_interval(torch.mean, values, groups=groups, n_resamples=500)
    assert grouped == pytest.approx(bootstrap_interval(torch.mean, of_group, n_resamples=500))
    single = bootstrap_interval(torch.mean, values, n_resamples=500)
    assert grouped.high - grouped.low > 1.8 * (single.high - single.low)
    both = bootstrap_interval(lambda a, b: (a - b).mean(), values, values, paired=True, groups=groups, n_resamples=20)
    assert both == (0, 0)
    for arguments in ({"groups": groups[:-1]}, {"groups": groups, "paired": False}):
        with pytest.raises(ValueError, match="groups need paired=True and one group per row"):
            bootstrap_interval(lambda a, b: 0.0, values, values, **({"paired": True} | arguments))


def test_bootstrap_interval_is_reproducible_and_keeps_global_rng():
    before, a = torch.get_rng_state(), torch.arange(20.0)
    once = bootstrap_interval(lambda v: v.mean(), a, n_resamples=50)
    assert once == bootstrap_interval(lambda v: v.mean(), a, n_resamples=50)
    assert once != bootstrap_interval(lambda v: v.mean(), a, n_resamples=50, generator=torch.Generator().manual_seed(1))
    assert torch.equal(torch.get_rng_state(), before)


def test_bootstrap_interval_rejects_invalid_input():
    a = torch.ones(3)
    for samples, options, message in [
        ((), {}, "at least one sample"),
        ((torch.ones(0),), {}, "at least one row"),
        ((a, a), {}, "set paired"),
        ((a, torch.ones(2)), {"paired": True}, "same length"),
        ((a,), {"confidence_level": 1}, "level"),
    ]:
        with pytest.raises(ValueError, match=message):
            bootstrap_interval(lambda *v: 0.0, *samples, **options)


def test_detection_metrics_on_gpu_match_cpu(accelerator):
    normal, abnormal = sample_scores(2, levels=3)
    correct = normal > 0
    there, abnormal_there, correct_there = (t.to(accelerator) for t in (normal, abnormal.float(), correct))
    assert auroc(there, abnormal_there) == auroc(normal, abnormal.float())
    assert torch.equal(risk_coverage(there, correct_there).risk, risk_coverage(normal, correct).risk)
    interval = bootstrap_interval(auroc, there, abnormal, paired=False, n_resamples=20)
    assert interval == bootstrap_interval(auroc, normal, abnormal, paired=False, n_resamples=20)


@pytest.mark.filterwarnings("error")
def test_auroc_accepts_non_contiguous_columns_without_warning():
    normal, abnormal = (
        torch.randn(n, 3, generator=torch.Generator().manual_seed(n), dtype=torch.float64) for n in (40, 30)
    )
    for k in range(3):
        assert auroc(normal[:, k], abnormal[:, k]) == auroc(normal[:, k].clone(), abnormal[:, k].clone())


@cases
def test_oscr_matches_pair_count_and_area_of_swept_curve(normal, abnormal):
    correct = torch.rand(len(normal), generator=torch.Generator().manual_seed(1)) > 0.3
    correct[0] = True
    pairs = [c * (1.0 if u > k else 0.5 if u == k else 0.0) for k, c in zip(normal, correct) for u in abnormal]
    assert oscr(normal, correct, abnormal) == pytest.approx(float(sum(pairs)) / len(pairs), abs=1e-14)
    # The curve of the paper: sweep the threshold, and integrate with the trapezoidal rule.
    thresholds = [-torch.inf, *sorted(set(torch.cat([normal, abnormal]).tolist()))]
    rate = [fraction((normal <= t) & correct) for t in thresholds]
    area = auc([fraction(abnormal <= t) for t in thresholds], rate)
    assert oscr(normal, correct, abnormal) == pytest.approx(area, abs=1e-14)


def test_oscr_of_perfect_scores_is_the_accuracy_and_of_wrong_predictions_zero():
    known, unknown = torch.tensor([0.0, 0.1, 0.2, 0.3]), torch.tensor([1.0, 2.0])
    correct = torch.tensor([True, False, True, True])
    assert oscr(known, correct, unknown) == 0.75
    assert oscr(torch.zeros(4), correct, torch.zeros(2)) == 0.75 / 2
    assert oscr(known, torch.zeros(4, dtype=torch.bool), unknown) == 0
    with pytest.raises(ValueError, match="bool"):
        oscr(known, correct.float(), unknown)
    with pytest.raises(ValueError, match="correct"):
        oscr(known, correct[:3], unknown)
