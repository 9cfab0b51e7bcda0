"""Tests of the hue rotation of the experiment on rotated and corrupted photographs."""

import colorsys

import pytest
import torch

from experiments.cifar_rotation_hue import rotate_hue
from tutorial_lib.data import render

IMAGES = render(["stop", "turn right", "priority"]).double()


def test_rotate_hue_preserves_mean_and_saturation_and_is_invertible():
    muted = 0.3 * IMAGES + 0.35  # far from the faces of the RGB cube, where colors would be clamped
    turned = rotate_hue(muted, 0.7)
    assert torch.allclose(turned.mean(1), muted.mean(1))
    spread = [(x - x.mean(1, keepdim=True)).square().sum(1) for x in (turned, muted)]
    assert torch.allclose(*spread)
    assert torch.allclose(rotate_hue(turned, -0.7), muted)


@pytest.mark.parametrize("third", [0, 1, 2, 3])
def test_rotate_hue_by_thirds_of_a_circle_matches_hsv(third):
    color = (0.7, 0.3, 0.4)
    hue, saturation, value = colorsys.rgb_to_hsv(*color)
    expected = colorsys.hsv_to_rgb((hue + third / 3) % 1, saturation, value)
    turned = rotate_hue(torch.tensor(color, dtype=torch.float64).view(1, 3, 1, 1), 2 * torch.pi * third / 3)
    assert turned.flatten().tolist() == pytest.approx(expected)
