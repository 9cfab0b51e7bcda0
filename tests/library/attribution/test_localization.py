"""The pointing game with a tolerance, and the precision at k."""

import pytest
import torch

from tutorial_lib.attribution import pointing_game, precision_at_k


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


def test_precision_at_k_counts_the_highest_pixels_of_untied_maps():
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(20, 13, 17, generator=generator, dtype=torch.float64)
    masks = torch.rand(20, 13, 17, generator=generator) > 0.7
    for values, mask, score in zip(maps, masks, precision_at_k(maps, masks)):
        k = int(mask.sum())
        highest = sorted(zip(values.flatten().tolist(), mask.flatten().tolist()), reverse=True)[:k]
        assert score.item() == pytest.approx(sum(inside for _, inside in highest) / k, abs=1e-12)
    # Only the ranking counts: a sharper map has the same score.
    torch.testing.assert_close(precision_at_k(maps.exp() ** 5, masks), precision_at_k(maps, masks))


def test_precision_at_k_of_tied_pixels_is_the_mean_over_random_choices():
    maps = torch.tensor([[[3.0, 1, 1, 1, 0]]]).double()
    mask = torch.tensor([[[True, True, False, False, True]]])  # k = 3: the first pixel, and two of the three ties
    assert precision_at_k(maps, mask).item() == pytest.approx((1 + 2 * 1 / 3) / 3)
    noise = 1e-6 * torch.rand(4000, 1, 5, generator=torch.Generator().manual_seed(0)).double()
    assert precision_at_k(maps + noise, mask.expand(4000, 1, 5)).mean().item() == pytest.approx(5 / 9, abs=0.01)
    masks = torch.stack([torch.zeros(1, 5), torch.ones(1, 5)]).bool()
    assert precision_at_k(maps.expand(2, 1, 5), masks).tolist() == [0, 1]
