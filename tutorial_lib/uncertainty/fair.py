"""The fair protocol: which way a number points before any detector, and what a detector does on a kind it was never shown."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from tutorial_lib.measures import auroc


def signed_auroc(normal: Tensor, abnormal: Tensor) -> Tensor:
    """The AUROC of every column by itself, sign kept: above ½ the abnormal have larger numbers. (N, L), (M, L) -> (L,), float64.

    What to look at before a detector is trained: a detector hides the sign, and a sum over columns mixes them.

    Raises:
        ValueError: columns that differ in number, and as :func:`tutorial_lib.measures.auroc` does.

    Example:
        >>> signed_auroc(torch.tensor([[0., 5.], [1., 6.]]), torch.tensor([[2., 1.]]))
        tensor([1., 0.], dtype=torch.float64)
    """
    if normal.dim() != 2 or abnormal.dim() != 2 or normal.shape[1] != abnormal.shape[1]:
        raise ValueError(
            f"(N, L) and (M, L) of the same columns, not {tuple(normal.shape)} and {tuple(abnormal.shape)}"
        )
    return torch.tensor([auroc(a, b) for a, b in zip(normal.T, abnormal.T, strict=True)], dtype=torch.float64)


class Fold(NamedTuple):
    """``family``: the one tested. ``train``, ``test``: indices of samples, (…,), int64; both hold normal ones."""

    family: int
    train: Tensor
    test: Tensor


def own_family(
    family: Tensor, picture: Tensor, *, normal: int = 0, share: float = 0.5, generator: torch.Generator | None = None
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
        >>> family, picture = torch.tensor([0] * 4 + [1] * 4), torch.tensor([0, 1, 2, 3] * 2)
        >>> (fold,) = own_family(family, picture)
        >>> learned, asked = picture[fold.train].tolist(), picture[fold.test].tolist()
        >>> sorted(learned + asked), set(learned) & set(asked)
        ([0, 0, 1, 1, 2, 2, 3, 3], set())
    """
    return _folds(family, picture, normal, share, generator, lambda f: family == f)


def leave_one_family_out(
    family: Tensor, picture: Tensor, *, normal: int = 0, share: float = 0.5, generator: torch.Generator | None = None
) -> list[Fold]:
    """For every family: learn from the normal and all *other* families, test on this one and other normal pictures.

    Pictures are split as in :func:`own_family`, with the same halves for the same generator, so that the two can stand side
    by side: no picture, whole or damaged, is on both sides, and the normal pictures of the test were never learned from.

    Raises:
        ValueError: as :func:`own_family` does; only one family besides the normal.

    Example:
        >>> family, picture = torch.tensor([0] * 4 + [1] * 4 + [2] * 4), torch.tensor([0, 1, 2, 3] * 3)
        >>> folds = leave_one_family_out(family, picture)
        >>> [(fold.family, family[fold.train].unique().tolist(), family[fold.test].unique().tolist()) for fold in folds]
        [(1, [0, 2], [0, 1]), (2, [0, 1], [0, 2])]
    """
    if len(family.unique()) < 3:
        raise ValueError("at least two families besides the normal: one to learn from, one to leave out")
    return _folds(family, picture, normal, share, generator, lambda f: (family != f) & (family != normal))


def learning_half(picture: Tensor, *, share: float = 0.5, generator: torch.Generator | None = None) -> Tensor:
    """Which samples are for learning: (N,), bool; all samples of one picture alike. The rest are for the test.

    Raises:
        ValueError: no pictures (N,), or a share outside (0, 1).

    Example:
        >>> side = learning_half(torch.tensor([7, 7, 8, 8, 9, 9]), share=0.4)
        >>> side.sum(), bool((side[::2] == side[1::2]).all())
        (tensor(2), True)
    """
    if picture.dim() != 1 or not len(picture) or not 0 < share < 1:
        raise ValueError(f"pictures (N,) and a share in (0, 1), not {tuple(picture.shape)} and {share}")
    generator = generator if generator is not None else torch.Generator().manual_seed(0)
    known, place = picture.unique(return_inverse=True)
    chosen = torch.randperm(len(known), generator=generator, device=generator.device)[: round(share * len(known))]
    side = torch.zeros(len(known), dtype=torch.bool, device=picture.device)
    side[chosen.to(picture.device)] = True
    return side[place]


def _folds(family: Tensor, picture: Tensor, normal: int, share: float, generator, shown) -> list[Fold]:
    if family.dim() != 1 or family.shape != picture.shape:
        raise ValueError(
            f"a family and a picture for each sample, (N,), not {tuple(family.shape)} and {tuple(picture.shape)}"
        )
    learn = learning_half(picture, share=share, generator=generator)
    own = family == normal
    others = [f for f in family.unique().tolist() if f != normal]
    if not own.any() or not others:
        raise ValueError(
            f"a normal family, {normal}, and at least one other are needed; found {family.unique().tolist()}"
        )
    folds = []
    for f in others:
        train, test = learn & (own | shown(f)), ~learn & (own | (family == f))
        if not (train & own).any() or not (train & ~own).any() or not (test & own).any() or not (test & ~own).any():
            raise ValueError(
                f"family {f}: a side has no normal or no abnormal pictures; take more pictures or another share"
            )
        folds.append(Fold(f, train.nonzero()[:, 0], test.nonzero()[:, 0]))
    return folds
