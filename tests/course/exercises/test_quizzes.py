"""The two self-tests: answers are correct, feedback names sections, and no question repeats a chapter's quiz."""

import importlib
import json
import pkgutil
import re
from collections import Counter
from difflib import SequenceMatcher
from pathlib import Path

import pytest

from tools import repo_url
from tutorial_course import exercises
from tutorial_course.exercises import final_quiz, prerequisites_quiz
from tutorial_course.results.claims import CONFIRMED_IN_PAPER_SETTING, CONTROL_AS_GOOD, load_claims
from tutorial_course.widgets.section_links import SECTION_TITLES

CHAPTERS = Path(__file__).parents[3] / "chapters"
QUIZZES = [
    importlib.import_module(f"{exercises.__name__}.{m.name}").QUIZ
    for m in pkgutil.iter_modules(exercises.__path__)
    if m.ispkg
]
FINAL_QUIZ = final_quiz.FACT_QUESTIONS + final_quiz.JUDGEMENT_QUESTIONS
# What the lines of the page return, computed by hand.
HAND_COMPUTED_ANSWERS = [
    "`(8, 3)`",
    "`[2.0, 4.0, 6.0]`",
    "`[4.0, 8.0, 12.0]`",
    "24",
    "One that decreases the first weight and increases the second.",
    "Nothing changes: 0.67, 0.24, 0.09.",
]
HAND_COMPUTED_ANSWERS += [
    "the network assigns a small probability to y.",
    "about ninety correct predictions, if its confidence is calibrated.",
    "432",
    "`[0.0, 1.0]`",
]


def all_questions(name):
    """Return the quizzes of a page, filled in as the page itself does."""
    cells = json.loads((CHAPTERS / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code" and not repo_url.is_setup(cell)]
    space, quizzes = {"device": "cpu"}, []
    for source in sources:
        before, is_quiz, rest = source.rpartition("\nquiz(")
        exec(before if is_quiz else source.removesuffix("quiz(whole.JUDGEMENT)"), space)
        if is_quiz:
            quizzes.append(eval(f"quiz({rest}", space))
    return quizzes


def nearest_question(text, others):
    """Return the most similar question and its similarity, which is 1 for the same words."""
    return max(
        (SequenceMatcher(None, text.lower().split(), other.lower().split(), autojunk=False).ratio(), other)
        for other in others
    )


def test_prerequisites_quiz_answers_match_hand_computed_values():
    (page,) = all_questions("prerequisites")
    assert [list(question.options)[question.correct] for question in page.questions] == HAND_COMPUTED_ANSWERS


def test_final_quiz_fact_answers_match_computed_numbers():
    # The page itself raises an error if its numbers contradict an answer.
    (page,) = all_questions("self-test")
    correct_options = [list(question.options.values())[question.correct] for question in page.questions]
    assert len(correct_options) == len(final_quiz.FACT_QUESTIONS) and "{" not in "".join(correct_options)
    first, second = map(
        int, re.search(r"total positive value, (\d+)% .*, compared with (\d+)%", correct_options[2]).groups()
    )
    assert first > second
    border, times = re.search(
        r"here ([\d.]+)\. After \d+ steps, the steep coordinate is (\d+) times", correct_options[5]
    ).groups()
    assert float(border) == 0.5 and abs(float(times) / abs(1 - 0.6 * 4) ** 20 - 1) < 0.01


@pytest.mark.parametrize("questions", [prerequisites_quiz.QUIZ, FINAL_QUIZ], ids=["prerequisites", "final"])
class TestSelfTestQuizzes:
    def test_self_test_quiz_has_expected_number_of_questions(self, questions):
        assert len(questions) == (10 if questions is prerequisites_quiz.QUIZ else 20)
        assert [len(question.options) for question in questions] == [4] * len(questions)

    def test_self_test_quiz_correct_positions_are_balanced(self, questions):
        assert max(Counter(question.correct for question in questions).values()) <= len(questions) / 2

    def test_self_test_quiz_feedback_names_existing_sections(self, questions):
        named = [
            number
            for question in questions
            for feedback in question.options.values()
            for number in re.findall(r"[Ss]ections? (\S+\w)", feedback)
        ]
        assert named and [number for number in named if number not in SECTION_TITLES] == []

    def test_self_test_quiz_repeats_no_chapter_question(self, questions):
        theirs = [question.text for quiz in QUIZZES for question in quiz]
        near = {question.text: nearest_question(question.text, theirs) for question in questions}
        assert [(text, *match) for text, match in near.items() if match[0] > 0.6] == []


def test_nearest_question_detects_repeated_question():
    theirs = [question.text for question in QUIZZES[0]]
    assert (
        nearest_question(theirs[0].replace("simply ", ""), theirs)[0]
        > 0.6
        > nearest_question("What does this cost?", theirs)[0]
    )


@pytest.mark.parametrize("question", FINAL_QUIZ, ids=range(len(FINAL_QUIZ)))
def test_final_quiz_feedback_names_a_section(question):
    assert any(re.search(r"[Ss]ection \d\.\w", feedback) for feedback in question.options.values())


def test_self_test_quizzes_cover_every_topic():
    assert {question.topic for question in prerequisites_quiz.QUIZ} == {
        prerequisites_quiz.TOPIC_PYTHON,
        prerequisites_quiz.TOPIC_CALCULUS,
        prerequisites_quiz.TOPIC_PROBABILITY,
        prerequisites_quiz.TOPIC_NETWORKS,
    }
    counts = Counter(question.topic for question in FINAL_QUIZ)
    assert set(counts) == {f"chapter {number}" for number in range(1, 6)} and min(counts.values()) >= 3


def test_final_quiz_verdicts_match_ledger():
    row = {claim.id: claim for claim in load_claims()}
    (verdict,) = [question for question in FINAL_QUIZ if row["detected"].claim in question.text]
    assert (
        list(verdict.options)[verdict.correct].rstrip(".").lower() == CONTROL_AS_GOOD
        and row["detected"].verdict == CONTROL_AS_GOOD
        and len(row["detected"].differs) == 5
    )
    (identity,) = [question for question in FINAL_QUIZ if row["fisher"].claim.lower() in question.text.lower()]
    assert (
        row["fisher"].identity
        and row["fisher"].verdict == CONFIRMED_IN_PAPER_SETTING
        and CONFIRMED_IN_PAPER_SETTING in identity.text
    )
