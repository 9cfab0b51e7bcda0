"""The exercises of chapter 5: the references against witnesses and the library, and answers found in other ways."""

import numpy as np
import pytest
import torch

from tutorial_course.exercises import ch5 as exercises
from tutorial_course.exercises import check
from tutorial_lib import uncertainty


def arguments(exercise):
    return [tuple(exercise.arguments(i).values()) for i in range(len(exercise.cases))]


# A threshold you may publish.


def by_the_library(score, stranger, aside):
    threshold = uncertainty.threshold_at_tpr(score[aside & ~stranger])
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
def test_report_at_threshold_exercise_accepts_alternative_solutions(answer):
    verdict = check(answer, exercises.report_at_threshold)
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
def test_report_at_threshold_exercise_recognizes_mistake_variants(wrong, said):
    assert said in check(wrong, exercises.report_at_threshold).hint


def by_numpy_at(score, stranger, aside, threshold):
    return (score[~aside & ~stranger] <= threshold).float().mean(), (
        score[~aside & stranger] > threshold
    ).float().mean()


def test_report_at_threshold_exercise_reference_keeps_pass_rate():
    for score, stranger, aside in arguments(exercises.report_at_threshold):
        threshold, kept, caught = exercises.report_at_threshold.reference(score, stranger, aside)
        own = score[aside & ~stranger]
        assert (own <= threshold).double().mean() >= 0.95 > (own < threshold).double().mean()
        assert 0.8 <= kept <= 1 and 0 < caught < 1


def test_report_at_threshold_exercise_held_out_ood_raises_threshold():
    _, mixed = next(
        (hint, wrong)
        for hint, wrong in exercises.report_at_threshold.iter_known_mistakes()
        if "strangers in hand" in hint
    )
    for case in arguments(exercises.report_at_threshold):
        fair, flattered = exercises.report_at_threshold.reference(*case), mixed(*case)
        assert flattered[0] > fair[0] and flattered[2] <= fair[2]
