"""The fair protocol: what must not stand on both sides, and what happens when it does."""

import pytest
import torch

from tutorial_lib.measures import auroc
from tutorial_lib.uncertainty import PurviewDetector, learning_half, leave_one_family_out, own_family, signed_auroc


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def samples():
    """Sixty normal pictures; forty of them blurred, thirty attacked; fifty strangers of their own."""
    family = torch.tensor([0] * 60 + [1] * 40 + [2] * 30 + [5] * 50)
    picture = torch.cat([torch.arange(60), torch.arange(40), torch.arange(30), 1000 + torch.arange(50)])
    mixed = torch.randperm(len(family), generator=seeded())
    return family[mixed], picture[mixed]


def test_signed_auroc_is_auroc_column_by_column():
    normal, abnormal = torch.randn(30, 4, generator=seeded()), torch.randn(20, 4, generator=seeded(1))
    abnormal += torch.tensor([2.0, -2, 0, 0])
    found = signed_auroc(normal, abnormal)
    assert found.tolist() == [auroc(normal[:, k], abnormal[:, k]) for k in range(4)]
    assert found[0] > 0.85 and found[1] < 0.15
    torch.testing.assert_close(signed_auroc(-normal, -abnormal), 1 - found)
    torch.testing.assert_close(signed_auroc(normal.exp(), abnormal.exp()), found)  # monotone maps change nothing
    with pytest.raises(ValueError, match="same columns"):
        signed_auroc(normal, abnormal[:, :2])


@pytest.mark.parametrize("split", [own_family, leave_one_family_out])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
def test_no_picture_is_on_both_sides(split, share, samples):
    family, picture = samples
    for fold in split(family, picture, share=share, generator=seeded(7)):
        assert not set(picture[fold.train].tolist()) & set(picture[fold.test].tolist())
        assert len(fold.train.unique()) == len(fold.train) and len(fold.test.unique()) == len(fold.test)
        assert (family[fold.train] == 0).any() and set(family[fold.test].tolist()) == {0, fold.family}
        assert abs((family[fold.train] == 0).float().sum() / 60 - share) < 0.2


def test_what_each_protocol_is_shown(samples):
    family, picture = samples
    own, left = own_family(family, picture), leave_one_family_out(family, picture)
    assert [f.family for f in own] == [f.family for f in left] == [1, 2, 5]
    for a, b in zip(own, left, strict=True):
        assert set(family[a.train].tolist()) == {0, a.family}
        assert set(family[b.train].tolist()) == {0, 1, 2, 5} - {b.family}
        assert torch.equal(a.test, b.test)  # the same test for both, so that they can stand side by side
        assert torch.equal(a.train[family[a.train] == 0], b.train[family[b.train] == 0])


def test_a_normal_family_of_another_name_and_seeds(samples):
    family, picture = samples
    renamed = torch.where(family == 0, torch.tensor(9), family)
    for a, b in zip(own_family(renamed, picture, normal=9), own_family(family, picture), strict=True):
        assert torch.equal(a.train, b.train) and torch.equal(a.test, b.test)
    again, other = own_family(family, picture, generator=seeded()), own_family(family, picture, generator=seeded(1))
    assert torch.equal(again[0].train, own_family(family, picture)[0].train) and not torch.equal(
        again[0].train, other[0].train
    )


def test_a_split_by_sample_remembers_the_picture():
    """Pictures differ, damage does not show: nothing is there to be found, yet a split by samples finds it."""
    generator = seeded()
    picture = torch.cat([torch.arange(200), torch.arange(200).repeat_interleave(3)])
    family = torch.tensor([0] * 200 + [1] * 600)
    family[200:][picture[200:] % 2 == 0] = 0  # whoever knows the picture knows the answer, for half of them
    look = torch.randn(200, 60, generator=generator)[picture] + 0.1 * torch.randn(800, 60, generator=generator)

    def reached(train, test):
        a, b = family == 0, family == 1
        on = torch.zeros(800, dtype=torch.bool)
        on[train] = True
        detector = PurviewDetector((40,), log=False, epochs=60).fit(look[on & a], look[on & b])
        out = torch.zeros(800, dtype=torch.bool)
        out[test] = True
        return auroc(detector.score(look[out & a]), detector.score(look[out & b]))

    (fold,) = own_family(family, picture)
    order = torch.randperm(800, generator=generator)
    assert reached(order[:400], order[400:]) > 0.75
    assert reached(fold.train, fold.test) < 0.65


def test_halves_keep_pictures_together():
    picture = torch.tensor([5, 5, 9, 9, 9, 2, 2, 4])
    side = learning_half(picture, generator=seeded(3))
    assert side.sum() and not side.all()
    for p in picture.unique():
        assert len(side[picture == p].unique()) == 1
    assert len(picture[learning_half(picture, share=0.25)].unique()) == 1


@pytest.mark.parametrize(
    "broken, message",
    [
        (lambda f, p: own_family(f, p[1:]), r"for each sample, \(N,\)"),
        (lambda f, p: own_family(f, p, normal=3), "a normal family, 3"),
        (lambda f, p: own_family(torch.zeros_like(f), p), "at least one other"),
        (lambda f, p: own_family(f, p, share=1.0), r"share in \(0, 1\)"),
        (lambda f, p: own_family(f, torch.zeros_like(p)), "a side has no normal or no abnormal"),
        (lambda f, p: leave_one_family_out(f.clamp(max=1), p), "at least two families"),
    ],
)
def test_what_is_refused(broken, message, samples):
    with pytest.raises(ValueError, match=message):
        broken(*samples)
