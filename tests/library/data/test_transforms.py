import colorsys

import pytest
import torch

from tutorial_lib.data import render, rotate, rotate_hue

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


@pytest.mark.parametrize("quarter", [0, 1, 2, 3])
def test_rotate_by_quarter_turns_matches_rot90(quarter):
    assert torch.allclose(rotate(IMAGES, quarter * torch.pi / 2), torch.rot90(IMAGES, -quarter, (2, 3)), atol=1e-9)


def test_rotate_matches_torchvision_away_from_the_border():
    from torchvision.transforms.functional import InterpolationMode
    from torchvision.transforms.functional import rotate as torchvision_rotate

    theirs = torchvision_rotate(IMAGES, -30, InterpolationMode.BILINEAR)
    inside = slice(14, 34)  # torchvision fills the corners with black
    assert torch.allclose(rotate(IMAGES, torch.pi / 6)[..., inside, inside], theirs[..., inside, inside], atol=1e-6)


def test_rotate_and_rotate_hue_accept_one_angle_per_image():
    angles = torch.tensor([0.0, 0.3, -0.5], dtype=torch.float64)
    for turn in (rotate, rotate_hue):
        each = torch.cat([turn(IMAGES[i : i + 1], float(a)) for i, a in enumerate(angles)])
        assert torch.allclose(turn(IMAGES, angles), each)


def test_rotate_preserves_proportions_of_wide_images():
    wide = torch.zeros(1, 3, 21, 41)
    wide[..., 10, 20:28] = 1  # a stroke of 8 pixels to the right turns into one of 8 pixels downward
    turned = rotate(wide, torch.pi / 2)[0, 0]
    assert turned[10:18, 20].min() > 0.99 and turned.sum().item() == pytest.approx(8, abs=0.1)


def test_rotate_and_rotate_hue_reject_out_of_range_images():
    for turn in (rotate, rotate_hue):
        with pytest.raises(ValueError, match=r"expected images to lie in \[0, 1\]"):
            turn(IMAGES * 3, 1.0)
