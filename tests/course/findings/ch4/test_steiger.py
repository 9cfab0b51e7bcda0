"""The false-positive rate and power of the Steiger test."""

import pytest
import torch

from tutorial_course.findings.ch4 import steiger_test
from tutorial_lib.metrics import plcc


def sample_correlated_scores(generator, n, noise_a, noise_b, shared):
    t, a, b, c = torch.randn(4, n, generator=generator, dtype=torch.float64)
    return t + noise_a * a + shared * c, t + noise_b * b + shared * c, t


@pytest.mark.parametrize("shared", [0.0, 1.5])
def test_steiger_test_false_positive_rate_matches_level(shared):
    generator = torch.Generator().manual_seed(1)
    p = torch.tensor([steiger_test(*sample_correlated_scores(generator, 60, 1.0, 1.0, shared)).p for _ in range(600)])
    # The standard deviation of the rate is 0.9 percentage points at a level of 5%.
    assert abs((p < 0.05).double().mean() - 0.05) < 0.025 and abs(p.mean() - 0.5) < 0.04


def test_steiger_test_detects_better_metric_and_keeps_sign():
    generator = torch.Generator().manual_seed(2)
    a, b, t = sample_correlated_scores(generator, 200, 0.3, 1.0, 0.3)
    result, swapped = steiger_test(a, b, t), steiger_test(b, a, t)
    assert result.difference == pytest.approx(plcc(a, t) - plcc(b, t)) == -swapped.difference and result.difference > 0
    assert result.p == pytest.approx(swapped.p) and result.p < 1e-6


def test_steiger_test_has_more_power_for_correlated_errors():
    generator = torch.Generator().manual_seed(3)
    together = [steiger_test(*sample_correlated_scores(generator, 60, 0.2, 0.6, 1.0)).p for _ in range(200)]
    apart = [
        steiger_test(*sample_correlated_scores(generator, 60, 1.02, 1.166, 0.0)).p for _ in range(200)
    ]  # the same two correlations
    assert torch.tensor(together).median() < torch.tensor(apart).median()


def test_steiger_test_handles_limiting_cases():
    t = torch.arange(10.0)
    assert steiger_test(t, 2 * t + 1, t.sin()).p == 1
    assert steiger_test(t, -t, t).difference == pytest.approx(2)
    assert 0 <= steiger_test(t, t + t.sin(), t).p <= 1
    with pytest.raises(ValueError, match="at least four images"):
        steiger_test(t[:3], t[:3], t[:3])
