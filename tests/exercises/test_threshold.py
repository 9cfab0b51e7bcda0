"""The exercises of chapter 5: the references against witnesses and the library, and answers found in other ways."""

import numpy as np
import pytest
import torch

from tutorial_lib import uncertainty
from tutorial_lib.exercises import conclusion as exercises
from tutorial_lib.instruments import check


def arguments(exercise):
    return [tuple(exercise.arguments(i).values()) for i in range(len(exercise.cases))]


# A threshold you may publish.


def by_the_library(score, stranger, aside):
    threshold = uncertainty.threshold_of_normal(score[aside & ~stranger])
    passes = score <= threshold
    return threshold, passes[~aside & ~stranger].float().mean(), 1 - passes[~aside & stranger].float().mean()


def by_a_loop(score, stranger, aside):
    chosen = [s for s, who, a in zip(score.tolist(), stranger.tolist(), aside.tolist(), strict=True) if a and not who]
    threshold = min(t for t in chosen if sum(s <= t for s in chosen) >= 0.95 * len(chosen))
    kept = [s <= threshold for s, who, a in zip(score, stranger, aside, strict=True) if not a and not who]
    caught = [s > threshold for s, who, a in zip(score, stranger, aside, strict=True) if not a and who]
    return threshold, sum(kept) / len(kept), sum(caught) / len(caught)


def by_numpy(score, stranger, aside):
    score, stranger, aside = (t.numpy() for t in (score, stranger, aside))
    threshold = np.quantile(score[aside & ~stranger], 0.95, method="inverted_cdf")
    return threshold, np.mean(score[~aside & ~stranger] <= threshold), np.mean(score[~aside & stranger] > threshold)


@pytest.mark.parametrize("answer", [by_the_library, by_a_loop, by_numpy])
def test_a_threshold_may_be_found_in_other_ways(answer):
    verdict = check(answer, exercises.publishable)
    assert verdict.passed and verdict.hint is None


@pytest.mark.parametrize(
    "wrong, said",
    [
        (lambda s, who, a: (t := torch.quantile(s[a & ~who], 0.95), *by_numpy_at(s, who, a, t)), "between two scores"),
        (
            lambda s, who, a: (
                t := s[~who].sort().values[int(np.ceil(0.95 * int((~who).sum()) - 1e-9)) - 1],
                *by_numpy_at(s, who, a, t),
            ),
            "judged by",
        ),
        (
            lambda s, who, a: (*by_numpy(s, who, a)[:2], ((s > by_numpy(s, who, a)[0]) == who)[~a].float().mean()),
            "Accuracy stands",
        ),
    ],
)
def test_slips_in_other_words_are_recognised(wrong, said):
    assert said in check(wrong, exercises.publishable).hint


def by_numpy_at(score, stranger, aside, threshold):
    return (score[~aside & ~stranger] <= threshold).float().mean(), (
        score[~aside & stranger] > threshold
    ).float().mean()


def test_the_threshold_keeps_its_promise_on_what_it_was_chosen_on_and_nearly_on_the_rest():
    for score, stranger, aside in arguments(exercises.publishable):
        threshold, kept, caught = exercises.publishable.reference(score, stranger, aside)
        own = score[aside & ~stranger]
        assert (own <= threshold).double().mean() >= 0.95 > (own < threshold).double().mean()
        assert 0.8 <= kept <= 1 and 0 < caught < 1


def test_strangers_among_the_pictures_set_aside_raise_the_threshold():
    _, mixed = next((hint, wrong) for hint, wrong in exercises.publishable.mistakes() if "strangers in hand" in hint)
    for case in arguments(exercises.publishable):
        fair, flattered = exercises.publishable.reference(*case), mixed(*case)
        assert flattered[0] > fair[0] and flattered[2] <= fair[2]
