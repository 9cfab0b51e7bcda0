"""Exercise 4: an honest split."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tutorial_lib.instruments import Exercise

Sides = tuple[Tensor, Tensor]


def one_left_out(
    family: Tensor, picture: Tensor, score: Tensor, left_out: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Learn from even pictures, normal ones (family 0) and of every other family; test on odd ones, normal and left out.

    Returns train and test, masks; the score standardised with mean and standard deviation (torch's) of the training side; and
    the highest such score of a normal picture there, the threshold. Shapes: all (N,), left_out a family ->
    (N,), (N,), (N,), ().
    """
    return split(family, picture, score, left_out)


def halves(family: Tensor, picture: Tensor) -> Tensor:
    return picture % 2 == 0


def sides(family: Tensor, learn: Tensor, left_out: int) -> Sides:
    return learn & (family != left_out), ~learn & ((family == 0) | (family == left_out))


def by_what_was_learned(score: Tensor, train: Tensor, test: Tensor) -> Tensor:
    return standardised(score, score[train])


def standardised(score: Tensor, by: Tensor) -> Tensor:
    return (score - by.mean()) / by.std()


def split(
    family: Tensor,
    picture: Tensor,
    score: Tensor,
    left_out: int,
    *,
    learn: Callable[[Tensor, Tensor], Tensor] = halves,
    divide: Callable[[Tensor, Tensor, int], Sides] = sides,
    scale: Callable[[Tensor, Tensor, Tensor], Tensor] = by_what_was_learned,
    normal: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda family, train, test: train & (family == 0),
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The right lines, with what goes wrong left open: who is learned from, who is tested, by what is scaled, whose threshold."""
    train, test = divide(family, learn(family, picture), left_out)
    scaled = scale(score, train, test)
    return train, test, scaled, scaled[normal(family, train, test)].max()


def slip(**changed) -> Callable[..., tuple[Tensor, Tensor, Tensor, Tensor]]:
    return lambda *arguments: split(*arguments, **changed)


def shared(train_too: bool, test_too: bool) -> Callable[[Tensor, Tensor, int], Sides]:
    """All normal pictures on one side, or on both."""

    def divide(family: Tensor, learn: Tensor, left_out: int) -> Sides:
        train, test = sides(family, learn, left_out)
        own = family == 0
        return (train | own if train_too else train), (test | own if test_too else test)

    return divide


def left_out_twice(normal_only: bool) -> Callable[[Tensor, Tensor, int], Sides]:
    def divide(family: Tensor, learn: Tensor, left_out: int) -> Sides:
        return sides(family, learn, left_out)[0], ~learn & ((family == 0) if normal_only else (family != left_out))

    return divide


def each_by_itself(score: Tensor, train: Tensor, test: Tensor) -> Tensor:
    return torch.where(test, standardised(score, score[test]), standardised(score, score[train]))


def damaged(pictures: int, families: int, left_out: int, lost: float) -> Callable[[torch.Generator], tuple]:
    """A case: pictures and a copy of each for every family, some of them missing, in no order; and a score of each."""

    def make(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, int]:
        family = torch.arange(families + 1).repeat_interleave(pictures)
        picture = torch.arange(pictures).repeat(families + 1)
        kept = (torch.rand(len(family), generator=generator) >= lost) | (family == 0)
        order = torch.randperm(int(kept.sum()), generator=generator)
        family, picture = family[kept][order], picture[kept][order]
        score = torch.randn(len(family), generator=generator, dtype=torch.float64) + 0.8 * family
        return family, picture, score, left_out

    return make


leave_one_family_out = Exercise(
    name="leave_one_family_out",
    reference=one_left_out,
    outputs=("train", "test", "scaled", "threshold"),
    cases=(
        damaged(8, families=2, left_out=1, lost=0.0),
        damaged(11, families=3, left_out=2, lost=0.2),
        damaged(14, families=4, left_out=4, lost=0.3),
        damaged(9, families=3, left_out=1, lost=0.2),
    ),
    slips={
        "A picture and its attacked copy stand on both sides. Whoever learns the copy knows the picture: by which number are the "
        "sides to be told apart?": (
            slip(learn=lambda family, picture: torch.arange(len(picture)) % 2 == 0),
            slip(learn=lambda family, picture: torch.arange(len(picture)) < len(picture) // 2),
        ),
        "The scores are standardised with what the test holds. Mean and spread are learned too: which pictures may they have "
        "seen?": (
            slip(scale=lambda score, train, test: standardised(score, score)),
            slip(scale=lambda score, train, test: standardised(score, score[train | test])),
            slip(scale=lambda score, train, test: standardised(score, score[test])),
            slip(scale=each_by_itself),
        ),
        "Normal pictures stand on both sides. A detector that knows them by heart would pass: take one half of them for each "
        "side; which half?": tuple(
            slip(divide=shared(*which)) for which in ((True, True), (True, False), (False, True))
        ),
        "The family that was left out is missing from the test as well. Then nothing unseen is asked about: what is the test to "
        "hold besides the normal?": (slip(divide=left_out_twice(False)), slip(divide=left_out_twice(True))),
        "The threshold was chosen on the test side. It is then the best for just these pictures: on which side may you look at "
        "scores before you decide?": (
            slip(normal=lambda family, train, test: test & (family == 0)),
            slip(normal=lambda family, train, test: (train | test) & (family == 0)),
        ),
        "The family to be left out is among those that were learned from. That answers another question, how it does on what it "
        "knows: which copies have to go from the training side?": slip(
            divide=lambda family, learn, left_out: (learn, sides(family, learn, left_out)[1])
        ),
    },
    look="print family and picture of both sides in two short tables, and look for a number that stands in both",
    right="Nothing of the test was seen before: no picture, no family, no mean, no threshold.",
)
