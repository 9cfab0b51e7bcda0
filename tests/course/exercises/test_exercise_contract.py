"""Properties of every exercise and quiz: the reference passes, and every known mistake gets its own hint."""

import importlib
import itertools
import pkgutil

import pytest
import torch

from tutorial_course import exercises
from tutorial_course.exercises import Exercise, check
from tutorial_course.exercises.comparison import FLOAT32_RTOL, describe_difference

CHAPTERS = [
    importlib.import_module(f"{exercises.__name__}.{module.name}")
    for module in pkgutil.iter_modules(exercises.__path__)
    if module.ispkg
]
ALL = [getattr(chapter, name) for chapter in CHAPTERS for name in chapter.__all__ if name != "QUIZ"]
KNOWN_MISTAKES = [(exercise, hint, wrong) for exercise in ALL for hint, wrong in exercise.iter_known_mistakes()]
# The number of known mistakes of each exercise: those that the numbers reveal, and those that only side effects reveal.
MISTAKE_COUNTS = {
    "backward": (7, 0),
    "hessian_vector_product": (5, 1),
    "largest_step": (5, 0),
    "linearization_radius": (5, 0),
    "minimal_weight_update": (5, 0),
    "counterfactual_cam": (6, 0),
    "completeness_gap": (7, 0),
    "contrast_weights": (4, 1),
    "precision_at_k": (6, 0),
    "randomization_score": (6, 0),
    "introspective_features": (3, 1),
    "auroc": (4, 0),
    "confounding_gradient_norm": (5, 0),
    "pgd": (8, 1),
    "leave_one_group_out": (5, 0),
    "conformal_threshold": (5, 0),
    "rank_correlation": (5, 0),
    "gradient_distance": (5, 0),
    "bin_contrast": (5, 0),
    "local_mismatch": (6, 1),
    "backward_pass_count": (4, 0),
    "place_on_map": (4, 0),
    "verdict": (6, 0),
    "report_at_threshold": (6, 0),
}


def indistinguishable_mistakes(exercise):
    """Return the pairs of hints whose functions agree on all cases in float32; "right" stands for the reference."""
    functions = [("right", exercise.reference), *exercise.iter_known_mistakes()]
    results = [
        (hint, [exercise.answer(function, i) for i in range(len(exercise.cases))]) for hint, function in functions
    ]
    agree = lambda p, q: (
        len(p) == len(q) and not any(describe_difference(a, b, 10 * FLOAT32_RTOL) for a, b in zip(p, q))
    )
    return [(a, b) for (a, p), (b, q) in itertools.combinations(results, 2) if a != b and all(map(agree, p, q))]


def test_indistinguishable_mistakes_lists_equal_pairs():
    doubtful = Exercise(
        "f",
        lambda a: a**2,
        cases=[(1.0,), (2.0,)],
        known_mistakes={"A. a": lambda a: 2 * a, "B. b": lambda a: a + a, "C. c": lambda a: a * a},
    )
    assert indistinguishable_mistakes(doubtful) == [("right", "C. c"), ("A. a", "B. b")]


def test_exercises_are_exported_under_their_own_names():
    assert all(isinstance(exercise, Exercise) for exercise in ALL)
    assert [exercise.name for exercise in ALL] == [n for chapter in CHAPTERS for n in chapter.__all__ if n != "QUIZ"]
    assert {exercise.name for exercise in ALL} == set(MISTAKE_COUNTS)


@pytest.mark.parametrize("exercise", ALL, ids=lambda e: e.name)
class TestExercise:
    def test_exercise_reference_passes(self, exercise):
        verdict = check(exercise.reference, exercise)
        assert verdict.passed and exercise.success_message in repr(verdict)

    def test_exercise_alternatives_pass(self, exercise):
        assert all(check(alternative, exercise).passed for alternative in exercise.alternatives)

    def test_exercise_has_cases_and_all_known_mistakes(self, exercise):
        assert (
            len(exercise.cases) >= 3
            and (len(exercise.known_mistakes), len(exercise.side_effect_checks)) == MISTAKE_COUNTS[exercise.name]
        )

    def test_exercise_known_mistakes_are_distinguishable(self, exercise):
        assert indistinguishable_mistakes(exercise) == []

    def test_exercise_hints_name_problem_and_next_step(self, exercise):
        hints = [*exercise.known_mistakes, *exercise.side_effect_checks]
        assert [hint for hint in hints if not all(hint.partition(". ")) or len(hint) > 220] == []

    @pytest.mark.parametrize("nothing", [None, ...])
    def test_exercise_stub_is_reported_as_not_started(self, exercise, nothing):
        assert check(lambda *_: nothing, exercise).not_started

    def test_exercise_gives_next_step_for_unknown_mistake(self, exercise):
        verdict = check(
            lambda *a: [torch.full(p.shape, 0.123) for p in exercise.answer(exercise.reference, 0)], exercise
        )
        assert not verdict.passed and verdict.hint is None and verdict.next_step


@pytest.mark.parametrize(
    ("exercise", "hint", "wrong"), KNOWN_MISTAKES, ids=[f"{e.name}-{i}" for i, (e, _, _) in enumerate(KNOWN_MISTAKES)]
)
def test_exercise_known_mistake_gets_its_hint(exercise, hint, wrong):
    verdict = check(wrong, exercise)
    assert not verdict.passed and verdict.hint is not None
    assert verdict.hint == hint if "{" not in hint else verdict.hint.startswith(hint.partition("{")[0])


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda c: c.__name__.rpartition(".")[2])
def test_chapter_quiz_has_five_questions_of_four_options(chapter):
    assert [len(question.options) for question in chapter.QUIZ] == [4] * 5


@pytest.mark.parametrize(
    ("chapter", "correct_labels"),
    [
        ("ch1.quiz", [3, 2, 0, 1, 3]),
        ("ch2.quiz", [0, 1, 3, 2, 0]),
        ("ch3.quiz", [3, 1, 2, 0, 3]),
        ("ch4.quiz", [0, 3, 1, 2, 1]),
        ("ch5.quiz", [0, 2, 1, 3, 2]),
    ],
)
def test_chapter_quiz_correct_options_match_plan(chapter, correct_labels):
    quiz = importlib.import_module(f"{exercises.__name__}.{chapter}").QUIZ
    assert [question.correct for question in quiz] == correct_labels


def test_chapter_quizzes_have_balanced_correct_positions():
    right = [question.correct for chapter in CHAPTERS for question in chapter.QUIZ]
    assert len(right) == 25 and max(right.count(place) for place in range(4)) <= 0.4 * len(right)
