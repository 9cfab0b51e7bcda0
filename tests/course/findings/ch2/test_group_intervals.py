"""The interval that resamples groups of images."""

import pytest
import torch

from tutorial_course.findings.ch2 import interval_over_groups, mean_interval


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
