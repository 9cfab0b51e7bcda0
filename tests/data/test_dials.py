import colorsys

import pytest
import torch

from tutorial_lib.data import render, roll, turn_hue

PICTURES = render(["stop", "turn right", "priority"]).double()


def test_a_turn_keeps_luma_and_saturation_and_adds_to_the_hue():
    muted = 0.3 * PICTURES + 0.35  # far from the walls of the cube, where colours would be clamped
    turned = turn_hue(muted, 0.7)
    assert torch.allclose(turned.mean(1), muted.mean(1))
    spread = [(x - x.mean(1, keepdim=True)).square().sum(1) for x in (turned, muted)]
    assert torch.allclose(*spread)
    assert torch.allclose(turn_hue(turned, -0.7), muted)


@pytest.mark.parametrize("third", [0, 1, 2, 3])
def test_thirds_of_the_circle_agree_with_hsv(third):
    colour = (0.7, 0.3, 0.4)
    hue, saturation, value = colorsys.rgb_to_hsv(*colour)
    expected = colorsys.hsv_to_rgb((hue + third / 3) % 1, saturation, value)
    turned = turn_hue(torch.tensor(colour, dtype=torch.float64).view(1, 3, 1, 1), 2 * torch.pi * third / 3)
    assert turned.flatten().tolist() == pytest.approx(expected)


@pytest.mark.parametrize("quarter", [0, 1, 2, 3])
def test_quarters_of_a_roll_are_exact(quarter):
    assert torch.allclose(roll(PICTURES, quarter * torch.pi / 2), torch.rot90(PICTURES, -quarter, (2, 3)), atol=1e-9)


def test_roll_agrees_with_torchvision_inside():
    from torchvision.transforms.functional import InterpolationMode, rotate

    theirs = rotate(PICTURES, -30, InterpolationMode.BILINEAR)
    inside = slice(14, 34)  # theirs fills the corners with black
    assert torch.allclose(roll(PICTURES, torch.pi / 6)[..., inside, inside], theirs[..., inside, inside], atol=1e-6)


def test_an_angle_for_each_picture():
    angles = torch.tensor([0.0, 0.3, -0.5], dtype=torch.float64)
    for turn in (roll, turn_hue):
        each = torch.cat([turn(PICTURES[i : i + 1], float(a)) for i, a in enumerate(angles)])
        assert torch.allclose(turn(PICTURES, angles), each)


def test_wide_pictures_keep_their_proportions():
    wide = torch.zeros(1, 3, 21, 41)
    wide[..., 10, 20:28] = 1  # a stroke of 8 pixels to the right turns into one of 8 pixels downward
    turned = roll(wide, torch.pi / 2)[0, 0]
    assert turned[10:18, 20].min() > 0.99 and turned.sum().item() == pytest.approx(8, abs=0.1)


def test_bad_images_are_answered():
    for turn in (roll, turn_hue):
        with pytest.raises(ValueError, match=r"images lie in \[0, 1\]"):
            turn(PICTURES * 3, 1.0)
