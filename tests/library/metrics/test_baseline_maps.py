"""Baseline maps, which ignore both network and image."""

import math

import pytest
import torch

from tutorial_lib.metrics import center_bias_map, random_map, uniform_map

LIKE = torch.zeros(3, 6, 9)


@pytest.mark.parametrize("baseline", [random_map, center_bias_map, uniform_map])
def test_baseline_maps_match_shape_dtype_and_device(baseline):
    for like in (LIKE, LIKE.double(), LIKE.bfloat16(), torch.zeros(2, 3, 4, 4), torch.zeros(5, 5).requires_grad_()):
        maps = baseline(like)
        assert (maps.shape, maps.dtype, maps.device) == (
            like.shape,
            like.dtype,
            like.device,
        ) and not maps.requires_grad
        assert maps.min() >= 0 and maps.max() <= 1
    for bad in (torch.zeros(3), torch.zeros(2, 0, 3), torch.zeros(2, 3, dtype=torch.int64)):
        with pytest.raises(ValueError, match="a map of floats"):
            baseline(bad)


def test_random_map_is_uniform_and_reproducible():
    before = torch.get_rng_state()
    assert torch.equal(random_map(LIKE), random_map(LIKE + 1))
    assert not torch.equal(random_map(LIKE), random_map(LIKE, generator=torch.Generator().manual_seed(1)))
    assert torch.equal(torch.get_rng_state(), before)
    many = random_map(torch.zeros(50, 50, 50))
    assert abs(many.mean() - 0.5) < 0.005 and abs(many.std() - math.sqrt(1 / 12)) < 0.005


def test_center_bias_map_matches_formula():
    maps = center_bias_map(LIKE.double(), spread=0.3)
    for i in range(6):
        for j in range(9):
            y, x = ((i + 0.5) / 6 - 0.5) / 0.3, ((j + 0.5) / 9 - 0.5) / 0.3
            assert maps[1, i, j].item() == pytest.approx(math.exp(-(y * y + x * x) / 2), abs=1e-14)
    torch.testing.assert_close(maps, maps.flip(-1, -2))
    with pytest.raises(ValueError, match="spread"):
        center_bias_map(LIKE, spread=0)


def test_center_bias_map_does_not_share_memory_across_batch():
    maps = center_bias_map(LIKE)
    maps[0] = 0
    assert maps[1].max() > 0


def test_uniform_map_is_one_everywhere():
    assert torch.equal(uniform_map(LIKE), torch.ones(3, 6, 9))
