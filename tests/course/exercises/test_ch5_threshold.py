"""The threshold exercise of chapter 5: the reference compared with the library, and alternative solutions."""

import numpy as np
import pytest
import torch

from tutorial_course.exercises import ch5 as exercises
from tutorial_course.exercises import check
from tutorial_lib import uncertainty


def arguments(exercise):
    return [tuple(exercise.arguments(i).values()) for i in range(len(exercise.cases))]


# A threshold from the normal samples that are set aside.


def by_the_library(score, abnormal, calibration):
    threshold = uncertainty.threshold_at_tpr(score[calibration & ~abnormal])
    accepted = score <= threshold
    return (
        threshold,
        accepted[~calibration & ~abnormal].float().mean(),
        1 - accepted[~calibration & abnormal].float().mean(),
    )


def by_a_loop(score, abnormal, calibration):
    chosen = [
        s
        for s, is_abnormal, a in zip(score.tolist(), abnormal.tolist(), calibration.tolist(), strict=True)
        if a and not is_abnormal
    ]
    threshold = min(t for t in chosen if sum(s <= t for s in chosen) >= 0.95 * len(chosen))
    accepted = [
        s <= threshold
        for s, is_abnormal, a in zip(score, abnormal, calibration, strict=True)
        if not a and not is_abnormal
    ]
    detected = [
        s > threshold for s, is_abnormal, a in zip(score, abnormal, calibration, strict=True) if not a and is_abnormal
    ]
    return threshold, sum(accepted) / len(accepted), sum(detected) / len(detected)


def by_numpy(score, abnormal, calibration):
    score, abnormal, calibration = (t.numpy() for t in (score, abnormal, calibration))
    threshold = np.quantile(score[calibration & ~abnormal], 0.95, method="inverted_cdf")
    return (
        threshold,
        np.mean(score[~calibration & ~abnormal] <= threshold),
        np.mean(score[~calibration & abnormal] > threshold),
    )


@pytest.mark.parametrize("solution", [by_the_library, by_a_loop, by_numpy])
def test_report_at_threshold_exercise_accepts_alternative_solutions(solution):
    verdict = check(solution, exercises.report_at_threshold)
    assert verdict.passed and verdict.hint is None


@pytest.mark.parametrize(
    "function, message",
    [
        (lambda s, ood, a: (t := torch.quantile(s[a & ~ood], 0.95), *by_numpy_at(s, ood, a, t)), "between two scores"),
        (
            lambda s, ood, a: (
                t := s[~ood].sort().values[int(np.ceil(0.95 * int((~ood).sum()) - 1e-9)) - 1],
                *by_numpy_at(s, ood, a, t),
            ),
            "images on which it was chosen",
        ),
        (
            lambda s, ood, a: (*by_numpy(s, ood, a)[:2], ((s > by_numpy(s, ood, a)[0]) == ood)[~a].float().mean()),
            "the accuracy instead of the detection rate",
        ),
    ],
)
def test_report_at_threshold_exercise_recognizes_mistake_variants(function, message):
    assert message in check(function, exercises.report_at_threshold).hint


def by_numpy_at(score, abnormal, calibration, threshold):
    return (score[~calibration & ~abnormal] <= threshold).float().mean(), (
        score[~calibration & abnormal] > threshold
    ).float().mean()


def test_report_at_threshold_exercise_reference_keeps_pass_rate():
    for score, abnormal, calibration in arguments(exercises.report_at_threshold):
        threshold, accepted, detected = exercises.report_at_threshold.reference(score, abnormal, calibration)
        calibration_scores = score[calibration & ~abnormal]
        assert (
            (calibration_scores <= threshold).double().mean() >= 0.95 > (calibration_scores < threshold).double().mean()
        )
        assert 0.8 <= accepted <= 1 and 0 < detected < 1


def test_report_at_threshold_exercise_held_out_ood_raises_threshold():
    _, mixed = next(
        (hint, wrong)
        for hint, wrong in exercises.report_at_threshold.iter_known_mistakes()
        if "the threshold with OOD images" in hint
    )
    for case in arguments(exercises.report_at_threshold):
        correct, biased = exercises.report_at_threshold.reference(*case), mixed(*case)
        assert biased[0] > correct[0] and biased[2] <= correct[2]
