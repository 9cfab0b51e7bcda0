"""Means and proportions with intervals, compared with their definitions."""

import pytest
import torch

from tutorial_course.findings.ch2 import Interval, mean_interval, proportion_interval


def test_interval_format_applies_to_all_three_numbers():
    assert f"{Interval(0.031, -0.013, 0.085):+.1%}" == "+3.1% (-1.3% to +8.5%)"


def test_proportion_interval_matches_wilson_formula():
    # Solves |share - p| = z sqrt(p (1 - p) / n) for p, which is the definition of the interval.
    successes = torch.arange(40) < 31
    share, low, high = proportion_interval(successes)
    assert share == 31 / 40
    for end in (low, high):
        assert abs(share - end) == pytest.approx(1.959964 * (end * (1 - end) / 40) ** 0.5)
    assert low < share < high


@pytest.mark.parametrize("all_equal", [True, False])
def test_proportion_interval_of_equal_outcomes_has_positive_width(all_equal):
    share, low, high = proportion_interval(torch.full((60,), all_equal))
    # At the boundary the interval ends at z² / (n + z²).
    width = 1.959964**2 / (60 + 1.959964**2)
    assert share == float(all_equal) and high - low == pytest.approx(width)


def test_mean_interval_covers_mean_with_width_of_standard_error():
    values = torch.randn(400, generator=torch.Generator().manual_seed(0))
    mean, low, high = mean_interval(values)
    assert mean == pytest.approx(values.double().mean().item())
    assert high - low == pytest.approx(2 * 1.96 * values.std().item() / 20, rel=0.15)
