"""What holds for every exercise and quiz of every chapter: the reference passes, every slip gets its own hint."""

import importlib
import pkgutil

import pytest
import torch

from tutorial_lib import exercises
from tutorial_lib.instruments import Exercise, check

CHAPTERS = [
    importlib.import_module(f"{exercises.__name__}.{module.name}")
    for module in pkgutil.iter_modules(exercises.__path__)
    if module.ispkg
]
ALL = [getattr(chapter, name) for chapter in CHAPTERS for name in chapter.__all__ if name != "QUIZ"]
SLIPS = [(exercise, hint, wrong) for exercise in ALL for hint, wrong in exercise.mistakes()]
# How many slips each exercise knows by name: those that numbers show, and those that they do not.
NAMED = {
    "backward": (7, 0),
    "largest_step": (6, 0),
    "validity_radius": (5, 0),
    "smallest_change": (5, 0),
    "counterfactual_cam": (6, 0),
    "contrast_weights": (4, 1),
    "randomisation_score": (5, 0),
    "introspective_features": (3, 1),
    "auroc": (4, 0),
    "confounding_norm": (5, 0),
    "pgd": (7, 1),
    "leave_one_family_out": (6, 0),
    "rank_correlation": (5, 0),
    "gradient_distance": (5, 0),
    "bin_contrast": (5, 0),
    "local_mismatch": (6, 1),
    "backward_passes": (4, 0),
    "place": (4, 0),
    "verdict": (4, 0),
    "publishable": (6, 0),
}


def test_every_exercise_is_here_under_its_own_name():
    assert all(isinstance(exercise, Exercise) for exercise in ALL)
    assert [exercise.name for exercise in ALL] == [n for chapter in CHAPTERS for n in chapter.__all__ if n != "QUIZ"]
    assert {exercise.name for exercise in ALL} == set(NAMED)


@pytest.mark.parametrize("exercise", ALL, ids=lambda e: e.name)
class TestEvery:
    def test_the_reference_passes(self, exercise):
        verdict = check(exercise.reference, exercise)
        assert verdict.passed and exercise.right in repr(verdict)

    def test_there_are_cases_and_all_named_slips(self, exercise):
        assert len(exercise.cases) >= 3 and (len(exercise.slips), len(exercise.beside)) == NAMED[exercise.name]

    def test_no_two_slips_look_alike(self, exercise):
        assert exercise.confused() == []

    def test_every_hint_names_what_is_off_and_says_what_to_look_at(self, exercise):
        hints = [*exercise.slips, *exercise.beside]
        assert [hint for hint in hints if not all(hint.partition(". ")) or len(hint) > 220] == []

    @pytest.mark.parametrize("nothing", [None, ...])
    def test_the_stub_is_answered_politely(self, exercise, nothing):
        assert check(lambda *_: nothing, exercise).untouched

    def test_an_unknown_mistake_is_told_what_to_look_at(self, exercise):
        verdict = check(
            lambda *a: [torch.full(p.value.shape, 0.123) for p in exercise.answer(exercise.reference, 0)], exercise
        )
        assert not verdict.passed and verdict.hint is None and verdict.look


@pytest.mark.parametrize(
    ("exercise", "hint", "wrong"), SLIPS, ids=[f"{e.name}-{i}" for i, (e, _, _) in enumerate(SLIPS)]
)
def test_every_slip_gets_its_hint(exercise, hint, wrong):
    verdict = check(wrong, exercise)
    assert not verdict.passed and verdict.hint is not None
    assert verdict.hint == hint if "{" not in hint else verdict.hint.startswith(hint.partition("{")[0])


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda c: c.__name__.rpartition(".")[2])
def test_a_quiz_has_five_questions_of_four_options(chapter):
    assert [len(question.options) for question in chapter.QUIZ] == [4] * 5


@pytest.mark.parametrize(
    ("chapter", "right"),
    [
        ("gradients", [3, 2, 0, 1, 3]),
        ("information", [0, 1, 3, 2, 0]),
        ("uncertainty", [3, 1, 2, 0, 3]),
        ("expectancy", [0, 3, 1, 2, 1]),
        ("conclusion", [0, 2, 1, 2, 3]),
    ],
)
def test_the_right_options_are_those_of_the_plan(chapter, right):
    quiz = importlib.import_module(f"{exercises.__name__}.{chapter}").QUIZ
    assert [question.right for question in quiz] == right


def test_no_letter_gives_the_quizzes_away():
    right = [question.right for chapter in CHAPTERS for question in chapter.QUIZ]
    assert len(right) == 25 and max(right.count(place) for place in range(4)) <= 0.4 * len(right)
