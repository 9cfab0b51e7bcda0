"""The fair protocol: which way a number points before any detector, and what a detector does on a kind it was never shown."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from tutorial_lib.metrics import auroc


def columnwise_auroc(normal: Tensor, abnormal: Tensor) -> Tensor:
    """The AUROC of every column by itself, sign kept: above ½ the abnormal have larger numbers. (N, L), (M, L) -> (L,), float64.

    What to look at before a detector is trained: a detector hides the sign, and a sum over columns mixes them.

    Raises:
        ValueError: columns that differ in number, and as :func:`tutorial_lib.metrics.auroc` does.

    Example:
        >>> columnwise_auroc(torch.tensor([[0., 5.], [1., 6.]]), torch.tensor([[2., 1.]]))
        tensor([1., 0.], dtype=torch.float64)
    """
    if normal.dim() != 2 or abnormal.dim() != 2 or normal.shape[1] != abnormal.shape[1]:
        raise ValueError(
            f"(N, L) and (M, L) of the same columns, not {tuple(normal.shape)} and {tuple(abnormal.shape)}"
        )
    return torch.tensor([auroc(a, b) for a, b in zip(normal.T, abnormal.T, strict=True)], dtype=torch.float64)


class Fold(NamedTuple):
    """``family``: the one tested. ``train``, ``test``: indices of samples, (…,), int64; both hold normal ones."""

    group: int
    train: Tensor
    test: Tensor


def within_group_splits(
    groups: Tensor,
    image_ids: Tensor,
    *,
    normal_group: int = 0,
    train_size: float = 0.5,
    generator: torch.Generator | None = None,
) -> list[Fold]:
    """For every family: learn from it and the normal, test on it and the normal, from pictures that learning never saw.

    Args:
        family: (N,), an int a sample.
        picture: (N,), an int a sample: which picture it was made from. A picture and all its damaged copies are on one side.
        normal: the family that is normal.
        share: of the pictures, for learning.
        generator: source of the halves; without one, a fresh one seeded with 0.

    Raises:
        ValueError: not one family and one picture a sample, no normal or no other family, or a side left empty.

    Example:
        >>> family, image = torch.tensor([0] * 4 + [1] * 4), torch.tensor([0, 1, 2, 3] * 2)
        >>> (fold,) = within_group_splits(family, image)
        >>> learned, asked = image[fold.train].tolist(), image[fold.test].tolist()
        >>> sorted(learned + asked), set(learned) & set(asked)
        ([0, 0, 1, 1, 2, 2, 3, 3], set())
    """
    return _folds(groups, image_ids, normal_group, train_size, generator, lambda f: groups == f)


def leave_one_group_out(
    groups: Tensor,
    image_ids: Tensor,
    *,
    normal_group: int = 0,
    train_size: float = 0.5,
    generator: torch.Generator | None = None,
) -> list[Fold]:
    """For every family: learn from the normal and all *other* families, test on this one and other normal pictures.

    Pictures are split as in :func:`own_family`, with the same halves for the same generator, so that the two can stand side
    by side: no picture, whole or damaged, is on both sides, and the normal pictures of the test were never learned from.

    Raises:
        ValueError: as :func:`own_family` does; only one family besides the normal.

    Example:
        >>> family, image = torch.tensor([0] * 4 + [1] * 4 + [2] * 4), torch.tensor([0, 1, 2, 3] * 3)
        >>> folds = leave_one_group_out(family, image)
        >>> [(fold.group, family[fold.train].unique().tolist(), family[fold.test].unique().tolist()) for fold in folds]
        [(1, [0, 2], [0, 1]), (2, [0, 1], [0, 2])]
    """
    if len(groups.unique()) < 3:
        raise ValueError("at least two families besides the normal: one to learn from, one to leave out")
    return _folds(
        groups, image_ids, normal_group, train_size, generator, lambda f: (groups != f) & (groups != normal_group)
    )


def group_train_mask(image_ids: Tensor, *, train_size: float = 0.5, generator: torch.Generator | None = None) -> Tensor:
    """Which samples are for learning: (N,), bool; all samples of one picture alike. The rest are for the test.

    Raises:
        ValueError: no pictures (N,), or a share outside (0, 1).

    Example:
        >>> side = group_train_mask(torch.tensor([7, 7, 8, 8, 9, 9]), train_size=0.4)
        >>> side.sum(), bool((side[::2] == side[1::2]).all())
        (tensor(2), True)
    """
    if image_ids.dim() != 1 or not len(image_ids) or not 0 < train_size < 1:
        raise ValueError(f"pictures (N,) and a share in (0, 1), not {tuple(image_ids.shape)} and {train_size}")
    generator = generator if generator is not None else torch.Generator().manual_seed(0)
    known, place = image_ids.unique(return_inverse=True)
    chosen = torch.randperm(len(known), generator=generator, device=generator.device)[: round(train_size * len(known))]
    side = torch.zeros(len(known), dtype=torch.bool, device=image_ids.device)
    side[chosen.to(image_ids.device)] = True
    return side[place]


def _folds(groups: Tensor, image_ids: Tensor, normal_group: int, train_size: float, generator, shown) -> list[Fold]:
    if groups.dim() != 1 or groups.shape != image_ids.shape:
        raise ValueError(
            f"a family and a picture for each sample, (N,), not {tuple(groups.shape)} and {tuple(image_ids.shape)}"
        )
    learn = group_train_mask(image_ids, train_size=train_size, generator=generator)
    own = groups == normal_group
    others = [f for f in groups.unique().tolist() if f != normal_group]
    if not own.any() or not others:
        raise ValueError(
            f"a normal family, {normal_group}, and at least one other are needed; found {groups.unique().tolist()}"
        )
    folds = []
    for f in others:
        train, test = learn & (own | shown(f)), ~learn & (own | (groups == f))
        if not (train & own).any() or not (train & ~own).any() or not (test & own).any() or not (test & ~own).any():
            raise ValueError(
                f"family {f}: a side has no normal or no abnormal pictures; take more pictures or another share"
            )
        folds.append(Fold(f, train.nonzero()[:, 0], test.nonzero()[:, 0]))
    return folds
