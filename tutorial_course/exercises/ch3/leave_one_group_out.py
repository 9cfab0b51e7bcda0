"""Exercise 4: a leave-one-group-out split without leakage."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tutorial_course.exercises import Exercise

TrainTestMasks = tuple[Tensor, Tensor]


def reference_split(
    group: Tensor, image: Tensor, score: Tensor, left_out: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the masks of a leave-one-group-out split, the standardized score and a threshold.

    The training set consists of the samples with an even image number, normal or of any group but the one that is left
    out; the test set of those with an odd image number, normal or of the group that is left out.

    Args:
        group: group of each sample (N,); 0 is normal, the others are kinds of anomaly.
        image: number of the image that each sample was made from (N,).
        score: score of each sample (N,).
        left_out: the group that is left out of the training set.

    Returns:
        The masks of the training set and of the test set, bool (N,); the score standardized with the mean and the
        standard deviation of the training set (N,); and as the threshold the largest standardized score of a normal
        sample in the training set, ().
    """
    return _parametrized_split(group, image, score, left_out)


def _even_images(group: Tensor, image: Tensor) -> Tensor:
    """The samples that may be in the training set."""
    return image % 2 == 0


def _split_masks(group: Tensor, train_side: Tensor, left_out: int) -> TrainTestMasks:
    """The masks of the training set and of the test set."""
    return train_side & (group != left_out), ~train_side & ((group == 0) | (group == left_out))


def _standardize_by_train(score: Tensor, train: Tensor, test: Tensor) -> Tensor:
    """The score standardized with the statistics of the training set."""
    return _standardize(score, score[train])


def _standardize(score: Tensor, reference: Tensor) -> Tensor:
    """The score standardized with the mean and the standard deviation of a reference."""
    return (score - reference.mean()) / reference.std()


def _parametrized_split(
    group: Tensor,
    image: Tensor,
    score: Tensor,
    left_out: int,
    *,
    train_side: Callable[[Tensor, Tensor], Tensor] = _even_images,
    divide: Callable[[Tensor, Tensor, int], TrainTestMasks] = _split_masks,
    scale: Callable[[Tensor, Tensor, Tensor], Tensor] = _standardize_by_train,
    normal: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda group, train, test: train & (group == 0),
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The solution, with its frequent mistakes as parameters: the sides, the masks, the scaling, the threshold."""
    train, test = divide(group, train_side(group, image), left_out)
    scaled = scale(score, train, test)
    return train, test, scaled, scaled[normal(group, train, test)].max()


def _mistake(**changed) -> Callable[..., tuple[Tensor, Tensor, Tensor, Tensor]]:
    """The solution with other parameters."""
    return lambda *arguments: _parametrized_split(*arguments, **changed)


def _mistake_normal_on_both_sides(in_train: bool, in_test: bool) -> Callable[[Tensor, Tensor, int], TrainTestMasks]:
    """All normal samples in the training set, in the test set, or in both."""

    def divide(group: Tensor, train_side: Tensor, left_out: int) -> TrainTestMasks:
        train, test = _split_masks(group, train_side, left_out)
        normal = group == 0
        return (train | normal if in_train else train), (test | normal if in_test else test)

    return divide


def _mistake_group_missing_in_test(normal_only: bool) -> Callable[[Tensor, Tensor, int], TrainTestMasks]:
    """The group that is left out is not in the test set either."""

    def divide(group: Tensor, train_side: Tensor, left_out: int) -> TrainTestMasks:
        train, _ = _split_masks(group, train_side, left_out)
        return train, ~train_side & ((group == 0) if normal_only else (group != left_out))

    return divide


def _mistake_standardize_separately(score: Tensor, train: Tensor, test: Tensor) -> Tensor:
    """The scores of each set standardized with the statistics of that set."""
    return torch.where(test, _standardize(score, score[test]), _standardize(score, score[train]))


def _make_case(n_images: int, n_groups: int, left_out: int, missing: float) -> Callable[[torch.Generator], tuple]:
    """A case: images and a changed copy of each per group in random order, some of them missing, with scores."""

    def make(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, int]:
        group = torch.arange(n_groups + 1).repeat_interleave(n_images)
        image = torch.arange(n_images).repeat(n_groups + 1)
        present = (torch.rand(len(group), generator=generator) >= missing) | (group == 0)
        order = torch.randperm(int(present.sum()), generator=generator)
        group, image = group[present][order], image[present][order]
        score = torch.randn(len(group), generator=generator, dtype=torch.float64) + 0.8 * group
        return group, image, score, left_out

    return make


leave_one_group_out = Exercise(
    name="leave_one_group_out",
    reference=reference_split,
    outputs=("train", "test", "scaled", "threshold"),
    cases=(
        _make_case(8, n_groups=2, left_out=1, missing=0.0),
        _make_case(11, n_groups=3, left_out=2, missing=0.2),
        _make_case(14, n_groups=4, left_out=4, missing=0.3),
        _make_case(9, n_groups=3, left_out=1, missing=0.2),
    ),
    known_mistakes={
        "An image and its attacked copy are in different sets. A detector trained on the copy knows the image: which "
        "number must decide about the set?": (
            _mistake(train_side=lambda group, image: torch.arange(len(image)) % 2 == 0),
            _mistake(train_side=lambda group, image: torch.arange(len(image)) < len(image) // 2),
        ),
        "The scores are standardized with test samples. Mean and standard deviation are estimated too: from which "
        "samples may you estimate them?": (
            _mistake(scale=lambda score, train, test: _standardize(score, score)),
            _mistake(scale=lambda score, train, test: _standardize(score, score[train | test])),
            _mistake(scale=lambda score, train, test: _standardize(score, score[test])),
            _mistake(scale=_mistake_standardize_separately),
        ),
        "Some normal images are in both sets. A detector that has memorized them would succeed: take one half of them "
        "for each set; which half?": tuple(
            _mistake(divide=_mistake_normal_on_both_sides(*which))
            for which in ((True, True), (True, False), (False, True))
        ),
        "The group that is left out is missing from the test set as well. Then the test has no new kind of anomaly: "
        "which samples does it need in addition to the normal ones?": (
            _mistake(divide=_mistake_group_missing_in_test(False)),
            _mistake(divide=_mistake_group_missing_in_test(True)),
        ),
        "The threshold is chosen on the test set. It is then the best one for these images only: the scores of which "
        "set may you use to choose it?": (
            _mistake(normal=lambda group, train, test: test & (group == 0)),
            _mistake(normal=lambda group, train, test: (train | test) & (group == 0)),
        ),
        "The group that is left out is in the training set. That measures the performance on known anomalies: which "
        "copies have to be removed from the training set?": _mistake(
            divide=lambda group, train_side, left_out: (train_side, _split_masks(group, train_side, left_out)[1])
        ),
    },
    fallback_hint="print group and image of both sets in two short tables, and look for a number that is in both",
    success_message="Nothing in the test set was used before: no image, no group, no mean and no threshold.",
)
