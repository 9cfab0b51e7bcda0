"""Size, magnitude and scale of maps, and how a layer is read as a map."""

import pytest
import torch
from captum.attr import LayerAttribution

from tutorial_lib import information as i
from tutorial_lib.information.positions import layout


@pytest.fixture
def maps():
    return torch.randn(4, 5, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_upsample_is_linear_between_the_centres_of_cells(maps):
    found = i.upsample(maps, (10, 21))
    assert found.shape == (4, 10, 21)
    for row, column in ((0, 0), (3, 8), (9, 20), (5, 13)):
        y, x = (row + 0.5) / 2 - 0.5, (column + 0.5) / 3 - 0.5
        y, x = min(max(y, 0), 4), min(max(x, 0), 6)
        top, left = int(y), int(x)
        bottom, right = min(top + 1, 4), min(left + 1, 6)
        dy, dx = y - top, x - left
        expected = (1 - dy) * ((1 - dx) * maps[:, top, left] + dx * maps[:, top, right])
        expected = expected + dy * ((1 - dx) * maps[:, bottom, left] + dx * maps[:, bottom, right])
        torch.testing.assert_close(found[:, row, column], expected, rtol=1e-12, atol=1e-14)


def test_upsample_as_captum_does(maps):
    for mode in ("bilinear", "nearest"):
        theirs = LayerAttribution.interpolate(maps[:, None], (10, 20), mode)[:, 0]
        torch.testing.assert_close(i.upsample(maps, (10, 20), mode), theirs, rtol=1e-12, atol=1e-14)
    many = torch.stack([maps, 2 * maps], 1)
    assert torch.equal(i.upsample(many, 14)[:, 1], 2 * i.upsample(maps, 14))
    with pytest.raises(ValueError, match="unknown mode"):
        i.upsample(maps, 14, "cubic")
    with pytest.raises(ValueError, match="maps are"):
        i.upsample(maps[0], 14)


def test_magnitude(maps):
    gradient = torch.stack([maps, -3 * maps, maps.flip(0)], 1)
    stacked = torch.stack([maps.abs(), 3 * maps.abs(), maps.flip(0).abs()])
    assert torch.equal(i.magnitude(gradient), stacked.amax(0))
    torch.testing.assert_close(i.magnitude(gradient, "sum"), stacked.sum(0))
    torch.testing.assert_close(i.magnitude(gradient, "norm"), stacked.square().sum(0).sqrt())
    assert torch.equal(i.magnitude(maps), maps.abs())
    with pytest.raises(ValueError, match="unknown reading 'mean'"):
        i.magnitude(gradient, "mean")
    with pytest.raises(ValueError, match="maps are"):
        i.magnitude(maps[0])


def test_normalise_keeps_zero_and_sign(maps):
    found = i.normalise(maps)
    torch.testing.assert_close(found.abs().amax((1, 2)), torch.ones(4, dtype=torch.float64))
    assert torch.equal(found.sign(), maps.sign())
    torch.testing.assert_close(i.normalise(1e3 * maps), found)
    torch.testing.assert_close(i.normalise(maps[2:3]), found[2:3])
    gradient = torch.stack([maps, 2 * maps], 1)
    torch.testing.assert_close(i.normalise(gradient)[:, 1], found, rtol=1e-12, atol=0)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_rounding_is_not_stretched(dtype):
    # What ought to be zero: terms of order one that cancel but for their last digits.
    left = torch.rand(4, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)
    nothing = (left + 3) - 3 - left
    assert nothing.any() and i.normalise(nothing).abs().max() < 0.6
    assert not i.normalise(torch.zeros(2, 3, 3, dtype=dtype)).any()
    # It is continuous: nothing is blanked out, faint stays faint, and what is above the floor has its own scale.
    floor = 8 * torch.finfo(dtype).eps
    for share in (0.25, 0.5, 1.0, 4.0):
        shown = i.normalise(torch.full((1, 2, 2), share * floor, dtype=dtype))
        torch.testing.assert_close(shown, torch.full_like(shown, min(share, 1)))


def test_a_faint_map_can_be_shown_on_purpose(maps):
    torch.testing.assert_close(i.normalise(1e-30 * maps, floor=0), i.normalise(maps))
    assert not i.normalise(0 * maps, floor=0).any()
    assert i.normalise(1e-30 * maps).abs().max() < 1e-10


def test_normalise_on_a_common_scale(maps):
    peaks = maps.abs().amax((1, 2))[:, None, None]
    faint = 1e-4 * maps.flip(1)
    torch.testing.assert_close(i.normalise(faint, scale=maps), faint / peaks)
    torch.testing.assert_close(i.normalise(faint, scale=i.upsample(maps, 30)).sign(), faint.sign())
    torch.testing.assert_close(i.normalise(maps, scale=2.0), maps / 2)
    with pytest.raises(ValueError, match="one row for each of the 4 maps"):
        i.normalise(maps, scale=maps[:2])
    with pytest.raises(ValueError, match="not finite"):
        i.normalise(maps / 0)
    with pytest.raises(ValueError, match="floor must be"):
        i.normalise(maps, floor=-1)


def test_mass_ratio(maps):
    expected = torch.stack([m.relu().abs().sum() / m.abs().sum() for m in maps])
    torch.testing.assert_close(i.mass_ratio(maps.relu(), maps), expected)
    assert i.mass_ratio(0 * maps, 0 * maps).tolist() == [0] * 4 and i.mass_ratio(maps, 0 * maps).isinf().all()
    with pytest.raises(ValueError, match="at one size"):
        i.mass_ratio(maps, i.upsample(maps, 9))


def test_maps_as_they_are():
    A = torch.rand(2, 6, 7, 7)
    assert torch.equal(layout(A.shape, (224, 224))(A), A)
    A = torch.rand(2, 6, 8, 10)
    assert torch.equal(layout(A.shape, (225, 300))(A), A)
    # A network that keeps the length of a line of text and pools its height: no rule fits better than the usual one.
    A = torch.rand(2, 64, 8, 100)
    assert torch.equal(layout(A.shape, (32, 100))(A), A)


@pytest.mark.parametrize(
    "shape, picture", [((2, 7, 7, 768), (224, 224)), ((2, 56, 56, 96), (224, 224)), ((2, 7, 10, 96), (224, 320))]
)
def test_channels_last_are_seen_by_the_proportions(shape, picture):
    A = torch.rand(shape)
    assert torch.equal(layout(A.shape, picture)(A), A.permute(0, 3, 1, 2))


@pytest.mark.parametrize(
    "tokens, picture, grid",
    [
        (196, (224, 224), (14, 14)),
        (197, (224, 224), (14, 14)),
        (36, (64, 144), (4, 9)),
        (281, (224, 320), (14, 20)),
        (50, (224, 224), (7, 7)),
    ],
)
def test_tokens_are_laid_out_row_by_row(tokens, picture, grid):
    A = torch.rand(2, tokens, 5)
    found = layout(A.shape, picture)(A)
    assert found.shape == (2, 5, *grid)
    first = tokens - grid[0] * grid[1]
    for row, column in ((0, 0), (1, 2), (grid[0] - 1, grid[1] - 1)):
        assert torch.equal(found[:, :, row, column], A[:, first + row * grid[1] + column])


def test_tokens_without_the_proportions_need_a_name():
    A = torch.rand(2, 201, 5)
    with pytest.raises(ValueError, match="201 tokens are no map of the proportions 224:224"):
        layout(A.shape, (224, 224))
    # A class token and four registers before 14 × 14 patches.
    assert torch.equal(layout(A.shape, (224, 224), (14, 14))(A)[0, :, 0, 1], A[0, 6])
    with pytest.raises(ValueError, match="needs 225 tokens, the layer returns 201"):
        layout(A.shape, (224, 224), (15, 15))
    with pytest.raises(ValueError, match="needs positions"):
        layout((2, 512), (224, 224))
