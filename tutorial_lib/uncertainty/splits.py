"""Train-test splits by image and by type of anomaly, and the AUROC of each feature before any detector is trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from tutorial_lib._validation import check_shapes, convert_arguments
from tutorial_lib.metrics import auroc
from tutorial_lib.runtime import default_generator, random_permutation


@convert_arguments
def columnwise_auroc(normal: Tensor, abnormal: Tensor) -> Tensor:
    """Return the AUROC of each column by itself, with its direction.

    Compute it before you train a detector: a detector does not show whether a feature is larger or smaller for abnormal
    samples, and a sum over columns mixes features of both directions.

    Args:
        normal: features (N, L) of normal samples.
        abnormal: features (M, L) of abnormal samples.

    Returns:
        AUROC (L,) in [0, 1], float64; above ½, the abnormal samples have the larger values.

    Raises:
        ValueError: the two do not have the same number of columns, one has no samples, or a value is NaN.

    Example:
        >>> columnwise_auroc(torch.tensor([[0., 5.], [1., 6.]]), torch.tensor([[2., 1.]]))
        tensor([1., 0.], dtype=torch.float64)
    """
    check_shapes(normal=(normal, "floats n L"), abnormal=(abnormal, "floats m L"))
    scores = [auroc(a, b) for a, b in zip(normal.T, abnormal.T, strict=True)]
    return torch.tensor(scores, dtype=torch.float64, device="cpu")


class Fold(NamedTuple):
    """The indices of one train-test split. Both sides contain normal samples.

    Attributes:
        group: the group of abnormal samples that is tested.
        train: indices (n,) of the training samples, int64.
        test: indices (m,) of the test samples, int64.
    """

    group: int
    train: Tensor
    test: Tensor


@convert_arguments
def within_group_splits(
    groups: Tensor,
    image_ids: Tensor,
    *,
    normal_group: int = 0,
    train_size: float = 0.5,
    generator: torch.Generator | None = None,
) -> list[Fold]:
    """Return one train-test split per group, with this group on both sides.

    Both sides contain normal samples and samples of the group. An image and all of its corrupted copies are on the same
    side, so that no image of the test takes part in training.

    Args:
        groups: group of each sample (N,), integers: normal, or the type of anomaly.
        image_ids: identifier of the image that each sample was made from (N,), integers.
        normal_group: the group of normal samples.
        train_size: fraction of the images that are for training, in (0, 1).
        generator: source of the random split; None is a new one with seed 0.

    Returns:
        One fold for each group other than the normal one, in increasing order.

    Raises:
        ValueError: ``groups`` and ``image_ids`` are not both (N,), the normal group or any other group is missing, or
            a side has no normal or no abnormal samples.

    Example:
        >>> groups, image_ids = torch.tensor([0] * 4 + [1] * 4), torch.tensor([0, 1, 2, 3] * 2)
        >>> (fold,) = within_group_splits(groups, image_ids)
        >>> train, test = image_ids[fold.train].tolist(), image_ids[fold.test].tolist()
        >>> sorted(train + test), set(train) & set(test)
        ([0, 0, 1, 1, 2, 2, 3, 3], set())
    """
    return _folds(groups, image_ids, normal_group, train_size, generator, lambda group: groups == group)


@convert_arguments
def leave_one_group_out(
    groups: Tensor,
    image_ids: Tensor,
    *,
    normal_group: int = 0,
    train_size: float = 0.5,
    generator: torch.Generator | None = None,
) -> list[Fold]:
    """Return one train-test split per group, with this group in the test only.

    The training set contains normal samples and all *other* groups, the test set normal samples and this group. The
    images are split as by :func:`within_group_splits` with the same generator, and the test sets are equal, so that the
    results of the two can be compared. No image, uncorrupted or corrupted, is on both sides, and no normal image of the
    test takes part in training.

    Args:
        groups: group of each sample (N,), integers: normal, or the type of anomaly.
        image_ids: identifier of the image that each sample was made from (N,), integers.
        normal_group: the group of normal samples.
        train_size: fraction of the images that are for training, in (0, 1).
        generator: source of the random split; None is a new one with seed 0.

    Returns:
        One fold for each group other than the normal one, in increasing order.

    Raises:
        ValueError: ``groups`` and ``image_ids`` are not both (N,), the normal group is missing, there are fewer than
            two others, or a side has no normal or no abnormal samples.

    Example:
        >>> groups, image_ids = torch.tensor([0] * 4 + [1] * 4 + [2] * 4), torch.tensor([0, 1, 2, 3] * 3)
        >>> folds = leave_one_group_out(groups, image_ids)
        >>> [(fold.group, groups[fold.train].unique().tolist(), groups[fold.test].unique().tolist()) for fold in folds]
        [(1, [0, 2], [0, 1]), (2, [0, 1], [0, 2])]
    """
    return _folds(
        groups,
        image_ids,
        normal_group,
        train_size,
        generator,
        lambda group: (groups != group) & (groups != normal_group),
    )


@convert_arguments
def group_train_mask(image_ids: Tensor, *, train_size: float = 0.5, generator: torch.Generator | None = None) -> Tensor:
    """Return a mask of the samples for training.

    All samples of one image are on the same side.

    Args:
        image_ids: identifier of the image that each sample was made from (N,), integers.
        train_size: fraction of the images that are for training, in (0, 1).
        generator: source of the random split; None is a new one with seed 0.

    Returns:
        Mask (N,) of bools: True for training, False for the test.

    Raises:
        ValueError: ``image_ids`` is empty or not (N,), or ``train_size`` lies outside (0, 1).

    Example:
        >>> mask = group_train_mask(torch.tensor([7, 7, 8, 8, 9, 9]), train_size=0.4)
        >>> mask.sum(), bool((mask[::2] == mask[1::2]).all())
        (tensor(2), True)
    """
    if image_ids.dim() != 1 or not len(image_ids) or not 0 < train_size < 1:
        raise ValueError(
            f"expected image_ids (N,) and train_size in (0, 1), not {tuple(image_ids.shape)} and {train_size}"
        )
    generator = default_generator(generator)
    images, positions = image_ids.unique(return_inverse=True)
    order = random_permutation(generator, len(images))
    mask = torch.zeros(len(images), dtype=torch.bool, device=image_ids.device)
    mask[order[: round(train_size * len(images))].to(image_ids.device)] = True
    return mask[positions]


def _folds(
    groups: Tensor,
    image_ids: Tensor,
    normal_group: int,
    train_size: float,
    generator: torch.Generator | None,
    trained_on: Callable[[int], Tensor],
) -> list[Fold]:
    """One fold per abnormal group; ``trained_on(group)`` masks the abnormal samples that its training may use."""
    if groups.dim() != 1 or groups.shape != image_ids.shape:
        raise ValueError(
            "expected a group and an image identifier for each sample, (N,), "
            f"not {tuple(groups.shape)} and {tuple(image_ids.shape)}"
        )
    in_train = group_train_mask(image_ids, train_size=train_size, generator=generator)
    normal = groups == normal_group
    abnormal_groups = [group for group in groups.unique().tolist() if group != normal_group]
    if not normal.any() or not abnormal_groups:
        raise ValueError(
            f"expected the normal group {normal_group} and at least one other, not {groups.unique().tolist()}"
        )
    folds = []
    for group in abnormal_groups:
        train, test = in_train & (normal | trained_on(group)), ~in_train & (normal | (groups == group))
        if not all((side & part).any() for side in (train, test) for part in (normal, ~normal)):
            raise ValueError(
                f"group {group}: a side has no normal or no abnormal samples; use more images, more groups or "
                "another train_size"
            )
        folds.append(Fold(group, train.nonzero()[:, 0], test.nonzero()[:, 0]))
    return folds
