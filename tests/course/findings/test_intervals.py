"""Means and proportions with intervals, compared with their definitions."""

import pytest
import torch

from tutorial_course.findings.intervals import Interval, interval_over_groups, mean_interval, proportion_interval


def test_interval_format_applies_to_all_three_numbers():
    assert f"{Interval(0.031, -0.013, 0.085):+.1%}" == "+3.1% (−1.3% to +8.5%)"


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


def test_interval_over_groups_is_wider_than_over_images_if_groups_differ():
    groups = torch.arange(8).repeat_interleave(50)
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(8, generator=generator)[groups] + 0.1 * torch.randn(400, generator=generator)
    by_group, by_image = interval_over_groups(values, groups), mean_interval(values)
    assert by_group.value == pytest.approx(values.mean().item(), abs=1e-6)
    # The standard error over eight groups is √50 times that over 400 images, if a group has one value.
    ratio = (by_group.high - by_group.low) / (by_image.high - by_image.low)
    assert ratio == pytest.approx(50**0.5, rel=0.25)


def test_interval_over_single_group_is_bootstrap_over_its_images():
    values = torch.rand(200, generator=torch.Generator().manual_seed(1))
    one, images = interval_over_groups(values, torch.zeros(200, dtype=torch.long)), mean_interval(values)
    assert one.low == pytest.approx(images.low, abs=0.01) and one.high == pytest.approx(images.high, abs=0.01)


def test_interval_over_groups_covers_the_spread_between_groups_unless_they_are_kept():
    groups = torch.arange(10).repeat_interleave(20)
    values = groups.double()  # the groups differ, and the images of a group are equal
    interval = interval_over_groups(values, groups)
    # The standard error of a mean over ten groups is sqrt(8.25 / 10) = 0.91.
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * (8.25 / 10) ** 0.5, rel=0.15)
    assert interval_over_groups(values, groups, resample_groups=False) == (4.5, 4.5, 4.5)
