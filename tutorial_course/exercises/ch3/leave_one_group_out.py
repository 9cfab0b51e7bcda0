"""Exercise 4: an honest split."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tutorial_course.exercises import Exercise

TrainTestMasks = tuple[Tensor, Tensor]


def reference_split(
    family: Tensor, image: Tensor, score: Tensor, left_out: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Learn from even pictures, normal ones (family 0) and of every other family; test on odd ones, normal and left out.

    Returns train and test, masks; the score standardised with mean and standard deviation (torch's) of the training side; and
    the highest such score of a normal picture there, the threshold. Shapes: all (N,), left_out a family ->
    (N,), (N,), (N,), ().
    """
    return parametrized_split(family, image, score, left_out)


def even_images(family: Tensor, image: Tensor) -> Tensor:
    return image % 2 == 0


def split_masks(family: Tensor, learn: Tensor, left_out: int) -> TrainTestMasks:
    return learn & (family != left_out), ~learn & ((family == 0) | (family == left_out))


def standardize_by_train(score: Tensor, train: Tensor, test: Tensor) -> Tensor:
    return standardize(score, score[train])


def standardize(score: Tensor, by: Tensor) -> Tensor:
    return (score - by.mean()) / by.std()


def parametrized_split(
    family: Tensor,
    image: Tensor,
    score: Tensor,
    left_out: int,
    *,
    learn: Callable[[Tensor, Tensor], Tensor] = even_images,
    divide: Callable[[Tensor, Tensor, int], TrainTestMasks] = split_masks,
    scale: Callable[[Tensor, Tensor, Tensor], Tensor] = standardize_by_train,
    normal: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda family, train, test: train & (family == 0),
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The right lines, with what goes wrong left open: who is learned from, who is tested, by what is scaled, whose threshold."""
    train, test = divide(family, learn(family, image), left_out)
    scaled = scale(score, train, test)
    return train, test, scaled, scaled[normal(family, train, test)].max()


def mistake(**changed) -> Callable[..., tuple[Tensor, Tensor, Tensor, Tensor]]:
    return lambda *arguments: parametrized_split(*arguments, **changed)


def mistake_normal_on_both_sides(train_too: bool, test_too: bool) -> Callable[[Tensor, Tensor, int], TrainTestMasks]:
    """All normal pictures on one side, or on both."""

    def divide(family: Tensor, learn: Tensor, left_out: int) -> TrainTestMasks:
        train, test = split_masks(family, learn, left_out)
        own = family == 0
        return (train | own if train_too else train), (test | own if test_too else test)

    return divide


def mistake_group_missing_in_test(normal_only: bool) -> Callable[[Tensor, Tensor, int], TrainTestMasks]:
    def divide(family: Tensor, learn: Tensor, left_out: int) -> TrainTestMasks:
        return split_masks(family, learn, left_out)[0], ~learn & (
            (family == 0) if normal_only else (family != left_out)
        )

    return divide


def mistake_standardize_separately(score: Tensor, train: Tensor, test: Tensor) -> Tensor:
    return torch.where(test, standardize(score, score[test]), standardize(score, score[train]))


def make_case(images: int, families: int, left_out: int, lost: float) -> Callable[[torch.Generator], tuple]:
    """A case: pictures and a copy of each for every family, some of them missing, in no order; and a score of each."""

    def make(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, int]:
        family = torch.arange(families + 1).repeat_interleave(images)
        image = torch.arange(images).repeat(families + 1)
        kept = (torch.rand(len(family), generator=generator) >= lost) | (family == 0)
        order = torch.randperm(int(kept.sum()), generator=generator)
        family, image = family[kept][order], image[kept][order]
        score = torch.randn(len(family), generator=generator, dtype=torch.float64) + 0.8 * family
        return family, image, score, left_out

    return make


leave_one_group_out = Exercise(
    name="leave_one_family_out",
    reference=reference_split,
    outputs=("train", "test", "scaled", "threshold"),
    cases=(
        make_case(8, families=2, left_out=1, lost=0.0),
        make_case(11, families=3, left_out=2, lost=0.2),
        make_case(14, families=4, left_out=4, lost=0.3),
        make_case(9, families=3, left_out=1, lost=0.2),
    ),
    known_mistakes={
        "A picture and its attacked copy stand on both sides. Whoever learns the copy knows the picture: by which number are the "
        "sides to be told apart?": (
            mistake(learn=lambda family, image: torch.arange(len(image)) % 2 == 0),
            mistake(learn=lambda family, image: torch.arange(len(image)) < len(image) // 2),
        ),
        "The scores are standardised with what the test holds. Mean and spread are learned too: which pictures may they have "
        "seen?": (
            mistake(scale=lambda score, train, test: standardize(score, score)),
            mistake(scale=lambda score, train, test: standardize(score, score[train | test])),
            mistake(scale=lambda score, train, test: standardize(score, score[test])),
            mistake(scale=mistake_standardize_separately),
        ),
        "Normal pictures stand on both sides. A detector that knows them by heart would pass: take one half of them for each "
        "side; which half?": tuple(
            mistake(divide=mistake_normal_on_both_sides(*which))
            for which in ((True, True), (True, False), (False, True))
        ),
        "The family that was left out is missing from the test as well. Then nothing unseen is asked about: what is the test to "
        "hold besides the normal?": (
            mistake(divide=mistake_group_missing_in_test(False)),
            mistake(divide=mistake_group_missing_in_test(True)),
        ),
        "The threshold was chosen on the test side. It is then the best for just these pictures: on which side may you look at "
        "scores before you decide?": (
            mistake(normal=lambda family, train, test: test & (family == 0)),
            mistake(normal=lambda family, train, test: (train | test) & (family == 0)),
        ),
        "The family to be left out is among those that were learned from. That answers another question, how it does on what it "
        "knows: which copies have to go from the training side?": mistake(
            divide=lambda family, learn, left_out: (learn, split_masks(family, learn, left_out)[1])
        ),
    },
    fallback_hint="print family and picture of both sides in two short tables, and look for a number that stands in both",
    success_message="Nothing of the test was seen before: no picture, no family, no mean, no threshold.",
)
