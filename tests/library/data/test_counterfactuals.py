import pytest
import torch

from tutorial_lib.data import (
    DEFAULT_FACTOR_CHANGE,
    NOVEL_SIGNS,
    ODD_ONE_OUT_KINDS,
    SIGNS,
    counterfactual_pairs,
    odd_one_out_arrays,
    render,
    sample_scenes,
    two_sign_images,
)
from tutorial_lib.data.counterfactuals import MOST_SIMILAR_SIGN, _join_cells, _split_cells


def sample_pairs(change, n=200, **options):
    g = torch.Generator().manual_seed(3)
    labels = torch.randint(len(SIGNS), (n,), generator=g)
    others = (labels + torch.randint(1, len(SIGNS), (n,), generator=g)) % len(SIGNS) if change == "sign" else None
    return labels, others, counterfactual_pairs(labels, others, factor=change, generator=g, **options)


@pytest.mark.parametrize("change", DEFAULT_FACTOR_CHANGE)
@pytest.mark.parametrize("world", ["wild", "clean"])
def test_counterfactual_pairs_differ_only_inside_the_mask(change, world):
    *_, (image, other, difference) = sample_pairs(change, 100, distribution=world)
    assert difference.dtype == torch.bool and difference.shape == (100, 1, 48, 48)
    unequal = (image != other).any(1, keepdim=True)
    assert not (unequal & ~difference).any()
    inside = (unequal & difference).sum((1, 2, 3)) / difference.sum((1, 2, 3))
    assert inside.min() >= 0.8, "mask claims pixels that stay the same"


@pytest.mark.parametrize("change", DEFAULT_FACTOR_CHANGE)
def test_counterfactual_pairs_match_directly_rendered_images(change):
    scene = sample_scenes(5)
    labels, others = [0, 3, 6, 9, 12], [2, 4, 7, 10, 11]
    pairs = counterfactual_pairs(labels, others if change == "sign" else None, factor=change, scene=scene)
    assert torch.equal(pairs.image, render(labels, scene=scene))
    if change == "sign":
        assert torch.equal(pairs.counterfactual, render(others, scene=scene))
    if change == "roll":
        rolled = render(labels, scene=scene.with_pose(roll=scene.pose.roll + torch.pi / 4), masks=True)
        sign = (rolled.sign_mask > 0.99).expand_as(
            rolled.images
        )  # not the poles: a counterfactual keeps its pole in place
        assert torch.allclose(pairs.counterfactual[sign], rolled.images[sign], atol=1e-6)


def test_counterfactual_pairs_of_speed_limits_differ_only_in_the_digit():
    question = counterfactual_pairs(["speed 30"] * 30, "speed 50")
    sign = render(["speed 30"] * 30, masks=True).sign_mask
    assert (question.difference & (sign == 0)).sum() == 0
    assert question.difference.sum() < 0.4 * (sign > 0).sum()


def test_counterfactual_pairs_are_equal_under_full_occlusion():
    scene = sample_scenes(1)
    hidden = scene.replace(occluder_alpha=torch.ones_like(scene.occluder_alpha))
    question = counterfactual_pairs("stop", "yield", scene=hidden)
    assert not question.difference.any() and torch.equal(question.image, question.counterfactual)


def test_counterfactual_pairs_follow_the_amount_given_per_image():
    scene = sample_scenes(1, distribution="clean")
    amounts = torch.tensor([0.0, 0.2, 0.8])
    for change in ("roll", "background", "colour", "texture"):
        image, other, _ = counterfactual_pairs(["speed 30"] * 3, factor=change, amount=amounts, scene=scene)
        difference = (image - other).abs().mean((1, 2, 3))
        assert difference[0] < 1e-7 and difference[0] < difference[1] < difference[2], change


def test_counterfactual_pairs_color_change_turns_red_to_green():
    image, other, difference = counterfactual_pairs("stop", factor="colour", distribution="clean")
    red, green = (x[0][:, difference[0, 0]].mean(1) for x in (image, other))
    assert red.argmax() == 0 and green.argmax() == 1


def test_counterfactual_pairs_rejects_invalid_input():
    with pytest.raises(ValueError, match="unknown factor 'color'; the nearest: 'colour'"):
        counterfactual_pairs("stop", factor="color")
    with pytest.raises(ValueError, match="give the other signs"):
        counterfactual_pairs("stop")
    with pytest.raises(ValueError, match="keeps the sign"):
        counterfactual_pairs("stop", "yield", factor="roll")
    with pytest.raises(ValueError, match="2 other signs do not fit 3 labels"):
        counterfactual_pairs([0, 1, 2], [3, 4])


def test_two_sign_images_have_separate_masks_for_both_signs():
    result = two_sign_images(["stop", "yield", "hump"], ["speed 30", "no left", "green go"], size=32)
    assert result.images.shape == (3, 3, 32, 64)
    left, right = result.left[:, 0], result.right[:, 0]
    assert (left[:, :, :32].sum((1, 2)) > 0.9 * left.sum((1, 2))).all() and left.sum() > 100
    assert (right[:, :, 32:].sum((1, 2)) > 0.9 * right.sum((1, 2))).all() and right.sum() > 100
    assert (left * right).max() < 0.5
    with pytest.raises(ValueError, match="a pair needs one of each"):
        two_sign_images(["stop"], ["yield", "hump"])


def test_split_cells_and_join_cells_are_inverse():
    maps = torch.rand(2, 3, 12, 12)
    assert torch.equal(_join_cells(_split_cells(maps)), maps)
    assert torch.equal(_split_cells(maps)[4], maps[0, :, 4:8, 4:8])


@pytest.mark.parametrize("kind", ODD_ONE_OUT_KINDS)
def test_odd_one_out_arrays_have_one_odd_sign_under_the_mask(kind):
    arrays = odd_one_out_arrays(kind, 4, generator=torch.Generator().manual_seed(1))
    assert arrays.images.shape == (4, 3, 144, 144) and arrays.mask.shape == (4, 1, 144, 144)
    cells = _split_cells(arrays.mask).sum((1, 2, 3)).view(4, 9)
    assert torch.equal(cells.argmax(1), arrays.odd_index)
    assert ((cells > 0).sum(1) == 1).all()
    others = torch.ones(4, 9, dtype=torch.bool).scatter(1, arrays.odd_index[:, None], False)
    for labels, odd, rest in zip(arrays.labels, arrays.odd_index, others, strict=True):
        assert labels[rest].unique().numel() == 1
        assert (labels[odd] != labels[rest][0]).item() == (kind in ("class", "near"))


def test_most_similar_sign_is_defined_for_every_known_sign():
    assert set(MOST_SIMILAR_SIGN) == set(SIGNS) and all(
        near in SIGNS and near != sign for sign, near in MOST_SIMILAR_SIGN.items()
    )
    assert not set(MOST_SIMILAR_SIGN) & set(NOVEL_SIGNS)


def test_odd_one_out_arrays_rejects_invalid_input():
    with pytest.raises(ValueError, match="unknown kind of array 'colr'; the nearest: 'colour'"):
        odd_one_out_arrays("colr")
    with pytest.raises(ValueError, match="3×3 cells, so its size must be"):
        odd_one_out_arrays("size", size=100)
    with pytest.raises(ValueError, match="n must be a whole number above 0"):
        odd_one_out_arrays("size", 0)
