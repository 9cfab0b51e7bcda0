"""Upsampling, channel reduction and normalization of maps, and the spatial layout of activations."""

import pytest
import torch
from captum.attr import LayerAttribution

from tutorial_lib import attribution as i
from tutorial_lib.attribution.spatial_layout import spatial_layout


@pytest.fixture
def maps():
    return torch.randn(4, 5, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_upsample_is_bilinear_between_cell_centers(maps):
    upsampled = i.upsample(maps, (10, 21))
    assert upsampled.shape == (4, 10, 21)
    for row, column in ((0, 0), (3, 8), (9, 20), (5, 13)):
        y, x = (row + 0.5) / 2 - 0.5, (column + 0.5) / 3 - 0.5
        y, x = min(max(y, 0), 4), min(max(x, 0), 6)
        top, left = int(y), int(x)
        bottom, right = min(top + 1, 4), min(left + 1, 6)
        dy, dx = y - top, x - left
        expected = (1 - dy) * ((1 - dx) * maps[:, top, left] + dx * maps[:, top, right])
        expected = expected + dy * ((1 - dx) * maps[:, bottom, left] + dx * maps[:, bottom, right])
        torch.testing.assert_close(upsampled[:, row, column], expected, rtol=1e-12, atol=1e-14)


def test_upsample_matches_captum(maps):
    theirs = LayerAttribution.interpolate(maps[:, None], (10, 20), "bilinear")[:, 0]
    torch.testing.assert_close(i.upsample(maps, (10, 20)), theirs, rtol=1e-12, atol=1e-14)
    many = torch.stack([maps, 2 * maps], 1)
    assert torch.equal(i.upsample(many, 14)[:, 1], 2 * i.upsample(maps, 14))
    with pytest.raises(ValueError, match="maps must be floats"):
        i.upsample(maps[0], 14)


def test_reduce_channels_matches_definition(maps):
    gradient = torch.stack([maps, -3 * maps, maps.flip(0)], 1)
    stacked = torch.stack([maps.abs(), 3 * maps.abs(), maps.flip(0).abs()])
    assert torch.equal(i.reduce_channels(gradient), stacked.amax(0))
    assert torch.equal(i.reduce_channels(maps), maps.abs())
    with pytest.raises(ValueError, match="maps must be floats"):
        i.reduce_channels(maps[0])


def test_normalize_maps_preserves_zeros_and_signs(maps):
    normalized = i.normalize_maps(maps)
    torch.testing.assert_close(normalized.abs().amax((1, 2)), torch.ones(4, dtype=torch.float64))
    assert torch.equal(normalized.sign(), maps.sign())
    torch.testing.assert_close(i.normalize_maps(1e3 * maps), normalized)
    torch.testing.assert_close(i.normalize_maps(maps[2:3]), normalized[2:3])
    gradient = torch.stack([maps, 2 * maps], 1)
    torch.testing.assert_close(i.normalize_maps(gradient)[:, 1], normalized, rtol=1e-12, atol=0)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_normalize_maps_does_not_amplify_rounding_errors(dtype):
    # The exact result is zero; terms of order one cancel except for rounding errors.
    left = torch.rand(4, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)
    rounding_errors = (left + 3) - 3 - left
    assert rounding_errors.any() and i.normalize_maps(rounding_errors).abs().max() < 0.6
    assert not i.normalize_maps(torch.zeros(2, 3, 3, dtype=dtype)).any()
    # The scale is continuous: maps below the threshold stay faint, and maps above it are scaled to one.
    threshold = 8 * torch.finfo(dtype).eps
    for share in (0.25, 0.5, 1.0, 4.0):
        normalized = i.normalize_maps(torch.full((1, 2, 2), share * threshold, dtype=dtype))
        torch.testing.assert_close(normalized, torch.full_like(normalized, min(share, 1)))


def test_normalize_maps_does_not_amplify_faint_maps(maps):
    assert i.normalize_maps(1e-30 * maps).abs().max() < 1e-10


def test_normalize_maps_accepts_a_common_scale(maps):
    peaks = maps.abs().amax((1, 2))[:, None, None]
    faint = 1e-4 * maps.flip(1)
    torch.testing.assert_close(i.normalize_maps(faint, scale=maps), faint / peaks)
    torch.testing.assert_close(i.normalize_maps(faint, scale=i.upsample(maps, 30)).sign(), faint.sign())
    with pytest.raises(ValueError, match="one map for each of the 4 maps"):
        i.normalize_maps(maps, scale=maps[:2])
    with pytest.raises(ValueError, match="not finite"):
        i.normalize_maps(maps / 0)


def test_l1_ratio_matches_definition(maps):
    expected = torch.stack([m.relu().abs().sum() / m.abs().sum() for m in maps])
    torch.testing.assert_close(i.l1_ratio(maps.relu(), maps), expected)
    assert i.l1_ratio(0 * maps, 0 * maps).tolist() == [0] * 4 and i.l1_ratio(maps, 0 * maps).isinf().all()
    with pytest.raises(ValueError, match="the same shape"):
        i.l1_ratio(maps, i.upsample(maps, 9))


def test_spatial_layout_keeps_channels_first_activations():
    A = torch.rand(2, 6, 7, 7)
    assert torch.equal(spatial_layout(A.shape, (224, 224))(A), A)
    A = torch.rand(2, 6, 8, 10)
    assert torch.equal(spatial_layout(A.shape, (225, 300))(A), A)
    # A text network that keeps the width and pools the height: no other layout fits better than channels first.
    A = torch.rand(2, 64, 8, 100)
    assert torch.equal(spatial_layout(A.shape, (32, 100))(A), A)


@pytest.mark.parametrize(
    "shape, image", [((2, 7, 7, 768), (224, 224)), ((2, 56, 56, 96), (224, 224)), ((2, 7, 10, 96), (224, 320))]
)
def test_spatial_layout_detects_channels_last_by_aspect_ratio(shape, image):
    A = torch.rand(shape)
    assert torch.equal(spatial_layout(A.shape, image)(A), A.permute(0, 3, 1, 2))


@pytest.mark.parametrize(
    "tokens, image, grid",
    [
        (196, (224, 224), (14, 14)),
        (197, (224, 224), (14, 14)),
        (36, (64, 144), (4, 9)),
        (281, (224, 320), (14, 20)),
        (50, (224, 224), (7, 7)),
    ],
)
def test_spatial_layout_arranges_tokens_row_by_row(tokens, image, grid):
    A = torch.rand(2, tokens, 5)
    grid_maps = spatial_layout(A.shape, image)(A)
    assert grid_maps.shape == (2, 5, *grid)
    first = tokens - grid[0] * grid[1]
    for row, column in ((0, 0), (1, 2), (grid[0] - 1, grid[1] - 1)):
        assert torch.equal(grid_maps[:, :, row, column], A[:, first + row * grid[1] + column])


def test_spatial_layout_requires_grid_for_ambiguous_token_count():
    A = torch.rand(2, 201, 5)
    with pytest.raises(ValueError, match="201 tokens do not form a map of aspect ratio 224:224"):
        spatial_layout(A.shape, (224, 224))
    # A class token and four registers before 14 × 14 patches.
    assert torch.equal(spatial_layout(A.shape, (224, 224), (14, 14))(A)[0, :, 0, 1], A[0, 6])
    with pytest.raises(ValueError, match="needs 225 tokens, but the layer returns 201"):
        spatial_layout(A.shape, (224, 224), (15, 15))
    with pytest.raises(ValueError, match="needs spatial positions"):
        spatial_layout((2, 512), (224, 224))
