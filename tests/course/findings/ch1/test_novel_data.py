"""The numbers of section 1.1 on data with known results."""

import pytest
import torch
from scipy.stats import norm

from tutorial_course.findings import ch1 as findings
from tutorial_course.results import load_result


def test_proportion_matches_wilson_formula():
    k, n, z = 61, 140, norm.ppf(0.975)
    center = (k / n + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * (k / n * (1 - k / n) / n + z**2 / (4 * n**2)) ** 0.5
    assert findings.proportion(k, n) == pytest.approx((k / n, center - half, center + half))


def test_proportion_interval_has_positive_width_at_zero_and_one():
    assert findings.proportion(0, 60).high > 0.05 and findings.proportion(60, 60).low < 0.95


def test_mean_estimate_covers_true_mean_in_95_percent_of_samples():
    samples = torch.randn(2000, 50, generator=torch.Generator().manual_seed(0))
    covered = [e.low <= 0 <= e.high for e in map(findings.mean_estimate, samples)]
    assert sum(covered) / len(covered) == pytest.approx(0.94, abs=0.02)  # 1.96 in place of the t quantile


def test_reliability_gap_is_confidence_minus_accuracy():
    correct, confidence = torch.tensor([True, False, True, True]), torch.tensor([0.9, 0.8, 0.7, 1.0])
    measured = findings.reliability(correct, confidence)
    assert measured.accuracy.value == 0.75
    assert measured.gap.value == pytest.approx(measured.confidence.value - measured.accuracy.value)


def test_stored_reliability_reproduces_stored_values():
    for _, row in load_result("cifar_rotation_hue").query("kind == 'roll'").iterrows():
        stored = findings.stored_reliability(row)
        assert stored.accuracy.value == pytest.approx(row["accuracy"], abs=1e-3)
        assert stored.gap.value == pytest.approx(row["confidence"] - row["accuracy"], abs=2e-4)
