import pytest
import torch

from tutorial_lib.data import render, rotate

IMAGES = render(["stop", "turn right", "priority"]).double()


@pytest.mark.parametrize("quarter", [0, 1, 2, 3])
def test_rotate_by_quarter_turns_matches_rot90(quarter):
    assert torch.allclose(rotate(IMAGES, quarter * torch.pi / 2), torch.rot90(IMAGES, -quarter, (2, 3)), atol=1e-9)


def test_rotate_matches_torchvision_away_from_the_border():
    from torchvision.transforms.functional import InterpolationMode
    from torchvision.transforms.functional import rotate as torchvision_rotate

    theirs = torchvision_rotate(IMAGES, -30, InterpolationMode.BILINEAR)
    inside = slice(14, 34)  # torchvision fills the corners with black
    assert torch.allclose(rotate(IMAGES, torch.pi / 6)[..., inside, inside], theirs[..., inside, inside], atol=1e-6)


def test_rotate_preserves_proportions_of_wide_images():
    wide = torch.zeros(1, 3, 21, 41)
    wide[..., 10, 20:28] = 1  # a stroke of 8 pixels to the right turns into one of 8 pixels downward
    turned = rotate(wide, torch.pi / 2)[0, 0]
    assert turned[10:18, 20].min() > 0.99 and turned.sum().item() == pytest.approx(8, abs=0.1)


def test_rotate_rejects_out_of_range_images():
    with pytest.raises(ValueError, match=r"expected images to lie in \[0, 1\]"):
        rotate(IMAGES * 3, 1.0)
