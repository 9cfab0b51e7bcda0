"""Group splits: which samples must not be on both sides, and the leakage that occurs otherwise."""

import pytest
import torch

from tutorial_lib.metrics import auroc
from tutorial_lib.uncertainty import (
    PurviewDetector,
    columnwise_auroc,
    group_train_mask,
    leave_one_group_out,
    within_group_splits,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def samples():
    """Sixty normal images, forty of them blurred and thirty attacked, and fifty separate out-of-distribution images."""
    family = torch.tensor([0] * 60 + [1] * 40 + [2] * 30 + [5] * 50)
    image = torch.cat([torch.arange(60), torch.arange(40), torch.arange(30), 1000 + torch.arange(50)])
    mixed = torch.randperm(len(family), generator=seeded())
    return family[mixed], image[mixed]


def test_columnwise_auroc_matches_auroc_per_column():
    normal, abnormal = torch.randn(30, 4, generator=seeded()), torch.randn(20, 4, generator=seeded(1))
    abnormal += torch.tensor([2.0, -2, 0, 0])
    areas = columnwise_auroc(normal, abnormal)
    assert areas.tolist() == [auroc(normal[:, k], abnormal[:, k]) for k in range(4)]
    assert areas[0] > 0.85 and areas[1] < 0.15
    torch.testing.assert_close(columnwise_auroc(-normal, -abnormal), 1 - areas)
    torch.testing.assert_close(columnwise_auroc(normal.exp(), abnormal.exp()), areas)  # monotone maps change nothing
    with pytest.raises(ValueError, match=r"expected normal: floats \(n, L\)"):
        columnwise_auroc(normal, abnormal[:, :2])


@pytest.mark.parametrize("split", [within_group_splits, leave_one_group_out])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
def test_group_splits_share_no_image_between_train_and_test(split, share, samples):
    family, image = samples
    for fold in split(family, image, train_size=share, generator=seeded(7)):
        assert not set(image[fold.train].tolist()) & set(image[fold.test].tolist())
        assert len(fold.train.unique()) == len(fold.train) and len(fold.test.unique()) == len(fold.test)
        assert (family[fold.train] == 0).any() and set(family[fold.test].tolist()) == {0, fold.group}
        assert abs((family[fold.train] == 0).float().sum() / 60 - share) < 0.2


def test_group_splits_contain_expected_groups_and_equal_test_sets(samples):
    family, image = samples
    own, left = within_group_splits(family, image), leave_one_group_out(family, image)
    assert [f.group for f in own] == [f.group for f in left] == [1, 2, 5]
    for a, b in zip(own, left, strict=True):
        assert set(family[a.train].tolist()) == {0, a.group}
        assert set(family[b.train].tolist()) == {0, 1, 2, 5} - {b.group}
        assert torch.equal(a.test, b.test)  # the same test set for both, so that they can be compared
        assert torch.equal(a.train[family[a.train] == 0], b.train[family[b.train] == 0])


def test_group_splits_accept_any_normal_group_and_are_seeded(samples):
    family, image = samples
    renamed = torch.where(family == 0, torch.tensor(9), family)
    for a, b in zip(
        within_group_splits(renamed, image, normal_group=9), within_group_splits(family, image), strict=True
    ):
        assert torch.equal(a.train, b.train) and torch.equal(a.test, b.test)
    again, other = (
        within_group_splits(family, image, generator=seeded()),
        within_group_splits(family, image, generator=seeded(1)),
    )
    assert torch.equal(again[0].train, within_group_splits(family, image)[0].train) and not torch.equal(
        again[0].train, other[0].train
    )


def test_within_group_splits_prevent_leakage_of_image_identity():
    """The distortion is invisible, so that nothing can be detected, but a split by samples reports a high AUROC."""
    generator = seeded()
    image = torch.cat([torch.arange(200), torch.arange(200).repeat_interleave(3)])
    family = torch.tensor([0] * 200 + [1] * 600)
    family[200:][image[200:] % 2 == 0] = 0  # for half of the images, the identity determines the label
    features = torch.randn(200, 60, generator=generator)[image] + 0.1 * torch.randn(800, 60, generator=generator)

    def held_out_auroc(train, test):
        a, b = family == 0, family == 1
        on = torch.zeros(800, dtype=torch.bool)
        on[train] = True
        detector = PurviewDetector((40,), log=False, epochs=60).fit(features[on & a], features[on & b])
        out = torch.zeros(800, dtype=torch.bool)
        out[test] = True
        return auroc(detector.score(features[out & a]), detector.score(features[out & b]))

    (fold,) = within_group_splits(family, image)
    order = torch.randperm(800, generator=generator)
    assert held_out_auroc(order[:400], order[400:]) > 0.75
    assert held_out_auroc(fold.train, fold.test) < 0.65


def test_group_train_mask_keeps_samples_of_an_image_together():
    image = torch.tensor([5, 5, 9, 9, 9, 2, 2, 4])
    side = group_train_mask(image, generator=seeded(3))
    assert side.sum() and not side.all()
    for p in image.unique():
        assert len(side[image == p].unique()) == 1
    assert len(image[group_train_mask(image, train_size=0.25)].unique()) == 1


@pytest.mark.parametrize(
    "broken, message",
    [
        (lambda f, p: within_group_splits(f, p[1:]), r"for each sample, \(N,\)"),
        (lambda f, p: within_group_splits(f, p, normal_group=3), "the normal group 3"),
        (lambda f, p: within_group_splits(torch.zeros_like(f), p), "at least one other"),
        (lambda f, p: within_group_splits(f, p, train_size=1.0), r"train_size in \(0, 1\)"),
        (lambda f, p: within_group_splits(f, torch.zeros_like(p)), "a side has no normal or no abnormal"),
        (lambda f, p: leave_one_group_out(f.clamp(max=1), p), "more groups"),
    ],
)
def test_group_splits_reject_invalid_input(broken, message, samples):
    with pytest.raises(ValueError, match=message):
        broken(*samples)
