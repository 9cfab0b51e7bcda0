import pytest
import torch

from tutorial_lib.data import ARRAYS, CHANGES, NOVEL, SIGNS, arrays, pairs, render, sample_scenes, twins
from tutorial_lib.data.twins import NEAR, _cells, _whole


def some(change, n=200, **how):
    g = torch.Generator().manual_seed(3)
    labels = torch.randint(len(SIGNS), (n,), generator=g)
    others = (labels + torch.randint(1, len(SIGNS), (n,), generator=g)) % len(SIGNS) if change == "sign" else None
    return labels, others, twins(labels, others, change=change, generator=g, **how)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("world", ["wild", "clean"])
def test_twins_differ_where_they_say_and_nowhere_else(change, world):
    *_, (image, other, difference) = some(change, world=world)
    assert difference.dtype == torch.bool and difference.shape == (200, 1, 48, 48)
    unequal = (image != other).any(1, keepdim=True)
    assert not (unequal & ~difference).any()
    inside = (unequal & difference).sum((1, 2, 3)) / difference.sum((1, 2, 3))
    assert inside.min() >= 0.8, "mask claims pixels that stay the same"


@pytest.mark.parametrize("change", CHANGES)
def test_the_first_twin_is_the_picture_itself(change):
    scene = sample_scenes(5)
    labels, others = [0, 3, 6, 9, 12], [2, 4, 7, 10, 11]
    question = twins(labels, others if change == "sign" else None, change=change, scene=scene)
    assert torch.equal(question.image, render(labels, scene=scene))
    if change == "sign":
        assert torch.equal(question.other, render(others, scene=scene))
    if change == "roll":
        rolled = render(labels, scene=scene.posed(roll=scene.pose.roll + torch.pi / 4), masks=True)
        sign = (rolled.sign > 0.99).expand_as(rolled.images)  # poles differ: in a twin the pole stays where it was
        assert torch.allclose(question.other[sign], rolled.images[sign], atol=1e-6)


def test_near_twins_differ_on_the_digit_alone():
    question = twins(["speed 30"] * 30, "speed 50")
    sign = render(["speed 30"] * 30, masks=True).sign
    assert (question.difference & (sign == 0)).sum() == 0
    assert question.difference.sum() < 0.4 * (sign > 0).sum()


def test_leaves_that_hide_everything_leave_no_difference():
    scene = sample_scenes(1)
    hidden = scene.replace(cover=torch.ones_like(scene.cover))
    question = twins("stop", "yield", scene=hidden)
    assert not question.difference.any() and torch.equal(question.image, question.other)


def test_the_amount_of_a_change_is_honoured_for_each_picture():
    scene = sample_scenes(1, world="clean")
    amounts = torch.tensor([0.0, 0.2, 0.8])
    for change in ("roll", "background", "colour", "texture"):
        image, other, _ = twins(["speed 30"] * 3, change=change, amount=amounts, scene=scene)
        size = (image - other).abs().mean((1, 2, 3))
        assert size[0] < 1e-7 and size[0] < size[1] < size[2], change


def test_red_turns_green_by_a_third_of_the_circle():
    image, other, difference = twins("stop", change="colour", world="clean")
    red, green = (x[0][:, difference[0, 0]].mean(1) for x in (image, other))
    assert red.argmax() == 0 and green.argmax() == 1


def test_bad_twins_are_answered():
    with pytest.raises(ValueError, match="unknown change 'color'; the nearest: 'colour'"):
        twins("stop", change="color")
    with pytest.raises(ValueError, match="name the other signs"):
        twins("stop")
    with pytest.raises(ValueError, match="keeps the sign"):
        twins("stop", "yield", change="roll")
    with pytest.raises(ValueError, match="2 other signs do not fit 3 labels"):
        twins([0, 1, 2], [3, 4])


def test_pairs_hold_two_signs_each_behind_its_mask():
    drawn = pairs(["stop", "yield", "hump"], ["speed 30", "no left", "green go"], size=32)
    assert drawn.images.shape == (3, 3, 32, 64)
    left, right = drawn.left[:, 0], drawn.right[:, 0]
    assert (left[:, :, :32].sum((1, 2)) > 0.9 * left.sum((1, 2))).all() and left.sum() > 100
    assert (right[:, :, 32:].sum((1, 2)) > 0.9 * right.sum((1, 2))).all() and right.sum() > 100
    assert (left * right).max() < 0.5
    with pytest.raises(ValueError, match="a pair needs one of each"):
        pairs(["stop"], ["yield", "hump"])


def test_cells_and_whole_undo_each_other():
    maps = torch.rand(2, 3, 12, 12)
    assert torch.equal(_whole(_cells(maps)), maps)
    assert torch.equal(_cells(maps)[4], maps[0, :, 4:8, 4:8])


@pytest.mark.parametrize("kind", ARRAYS)
def test_arrays_have_one_odd_sign_under_their_mask(kind):
    drawn = arrays(kind, 4, generator=torch.Generator().manual_seed(1))
    assert drawn.images.shape == (4, 3, 144, 144) and drawn.mask.shape == (4, 1, 144, 144)
    cells = _cells(drawn.mask).sum((1, 2, 3)).view(4, 9)
    assert torch.equal(cells.argmax(1), drawn.odd)
    assert ((cells > 0).sum(1) == 1).all()
    others = torch.ones(4, 9, dtype=torch.bool).scatter(1, drawn.odd[:, None], False)
    for labels, mine, rest in zip(drawn.labels, drawn.odd, others, strict=True):
        assert labels[rest].unique().numel() == 1
        assert (labels[mine] != labels[rest][0]).item() == (kind in ("class", "near"))


def test_every_sign_has_a_near_one():
    assert set(NEAR) == set(SIGNS) and all(near in SIGNS and near != sign for sign, near in NEAR.items())
    assert not set(NEAR) & set(NOVEL)


def test_bad_arrays_are_answered():
    with pytest.raises(ValueError, match="unknown kind of array 'colr'; the nearest: 'colour'"):
        arrays("colr")
    with pytest.raises(ValueError, match="3×3 cells"):
        arrays("size", size=100)
    with pytest.raises(ValueError, match="ask for 1 or more"):
        arrays("size", 0)
