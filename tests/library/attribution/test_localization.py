"""The pointing game with a tolerance."""

import pytest
import torch

from tutorial_lib.attribution import pointing_game


def naive_pointing_game(maps, masks, tolerance):
    """Return the share of the maxima of each map that lie within the tolerance of a pixel of its mask."""
    scores = []
    for values, mask in zip(maps, masks):
        maxima, inside = (values == values.max()).nonzero(), mask.nonzero()
        squared = (maxima[:, None] - inside[None]).square().sum(2)
        scores.append((squared <= tolerance**2).any(1).float().mean())
    return torch.stack(scores)


@pytest.mark.parametrize("tolerance", [1, 2, 5, 60])
def test_pointing_game_with_tolerance_matches_naive_distances(tolerance):
    """Distances on the edge of the disc, masks at the border, several maxima, and a mask without a pixel."""
    generator = torch.Generator().manual_seed(0)
    maps, masks = (torch.rand(20, 13, 17, generator=generator) for _ in range(2))
    maps, masks = (8 * maps).floor(), masks > 0.99
    masks[0] = False
    masks[1] = False
    masks[1, 0, 0] = True
    torch.testing.assert_close(
        pointing_game(maps, masks, tolerance=tolerance), naive_pointing_game(maps, masks, tolerance)
    )


def test_pointing_game_accepts_large_tolerance_on_large_maps():
    """A disc of a hundred thousand pixels, which a convolution would need minutes for."""
    maps = torch.rand(2, 512, 512, generator=torch.Generator().manual_seed(0))
    masks = torch.zeros(2, 512, 512, dtype=torch.bool)
    masks[:, 256, 256] = True
    assert pointing_game(maps, masks, tolerance=400).tolist() == [1, 1]
