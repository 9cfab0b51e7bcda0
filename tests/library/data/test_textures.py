import pytest
import torch

from tutorial_lib.data import TEXTURES, textures


def seeded(seed):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("kind", TEXTURES)
def test_textures_vary_and_are_seeded(kind):
    images = textures(kind, 6, size=20, generator=seeded(1))
    assert images.shape == (6, 3, 20, 20) and images.dtype == torch.float32 and 0 <= images.min() and images.max() <= 1
    assert torch.equal(images, textures(kind, 6, size=20, generator=seeded(1)))
    assert not torch.equal(images, textures(kind, 6, size=20, generator=seeded(2)))
    assert torch.equal(textures(kind, 2), textures(kind, 2))
    assert all(not torch.equal(a, b) for a, b in zip(images, images[1:]))
    assert images.std((2, 3)).amax(1).min() > 0.005  # no texture has a single color


def test_textures_have_the_structure_of_their_name():
    stripes, cells, clouds = (textures(kind, 40, generator=seeded(0)) for kind in ("stripes", "cells", "clouds"))
    assert all(len(image.flatten(1).T.unique(dim=0)) <= 24 for image in cells)

    # Along one direction stripes do not change: their structure tensor has one axis; clouds have two.
    def flatness(x):
        grey = x.mean(1)
        dy, dx = grey.diff(dim=1)[:, :, :-1], grey.diff(dim=2)[:, :-1]
        a, b, c = (v.mean((1, 2)) for v in (dy * dy, dy * dx, dx * dx))
        return (((a - c).square() + 4 * b.square()).sqrt() / (a + c)).median()

    assert flatness(stripes) > 0.9 > 0.6 > flatness(clouds)


def test_textures_rejects_invalid_input():
    with pytest.raises(ValueError, match="unknown texture 'cloud'; the nearest: 'clouds'"):
        textures("cloud", 2)
    with pytest.raises(ValueError, match="must be a whole number above 0"):
        textures("clouds", 0)
