"""The two tests of oneself: their right answers are right, they point somewhere, and they ask what no chapter's quiz asks."""

import importlib
import json
import pkgutil
import re
from collections import Counter
from difflib import SequenceMatcher
from pathlib import Path

import pytest
import repository

from tutorial_lib import exercises
from tutorial_lib.exercises import ready, whole
from tutorial_lib.instruments.sections import TITLES
from tutorial_lib.results.ledger import CONTROL, SEEN, claims

CHAPTERS = Path(__file__).parents[2] / "chapters"
QUIZZES = [
    importlib.import_module(f"{exercises.__name__}.{m.name}").QUIZ
    for m in pkgutil.iter_modules(exercises.__path__)
    if m.ispkg
]
WHOLE = whole.EVIDENCE + whole.JUDGEMENT
# What the lines of the page return, worked out by hand.
BY_HAND = [
    "`(8, 3)`",
    "`[2.0, 4.0, 6.0]`",
    "`[4.0, 8.0, 12.0]`",
    "24",
    "lowers the first weight and raises the second.",
    "Nothing changes: 0.67, 0.24, 0.09.",
]
BY_HAND += [
    "the network gave y little probability.",
    "about ninety right answers, if its confidence is calibrated.",
    "432",
    "`[0.0, 1.0]`",
]


def asked(name):
    """The quizzes of a page, as the page itself fills them in."""
    cells = json.loads((CHAPTERS / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    sources = [
        "".join(cell["source"]) for cell in cells if cell["cell_type"] == "code" and not repository.is_setup(cell)
    ]
    space, found = {"device": "cpu"}, []
    for source in sources:
        before, called, rest = source.rpartition("\nquiz(")
        exec(before if called else source.removesuffix("quiz(whole.JUDGEMENT)"), space)
        if called:
            found.append(eval(f"quiz({rest}", space))
    return found


def alike(text, others):
    """The other question that comes nearest, and how near: 1 for the same words."""
    return max(
        (SequenceMatcher(None, text.lower().split(), other.lower().split(), autojunk=False).ratio(), other)
        for other in others
    )


def test_what_the_lines_return_is_what_the_page_calls_right():
    (page,) = asked("ready")
    assert [list(question.options)[question.right] for question in page.questions] == BY_HAND


def test_the_evidence_is_what_the_page_calls_right():
    # The page itself stops where its numbers do not bear out an answer.
    (page,) = asked("self-test")
    said = [list(question.options.values())[question.right] for question in page.questions]
    assert len(said) == len(whole.EVIDENCE) and "{" not in "".join(said)
    first, second = map(int, re.search(r"(\d+)% of its mass .*, against (\d+)%", said[2]).groups())
    assert first > second
    border, times = re.search(r"here ([\d.]+)\. After \d+ steps it is (\d+) times", said[5]).groups()
    assert float(border) == 0.5 and abs(float(times) / abs(1 - 0.6 * 4) ** 20 - 1) < 0.01


@pytest.mark.parametrize("questions", [ready.QUIZ, WHOLE], ids=["ready", "whole"])
class TestBoth:
    def test_they_are_as_many_as_the_page_says(self, questions):
        assert len(questions) == (10 if questions is ready.QUIZ else 20)
        assert [len(question.options) for question in questions] == [4] * len(questions)

    def test_the_right_option_has_no_favourite_place(self, questions):
        assert max(Counter(question.right for question in questions).values()) <= len(questions) / 2

    def test_every_section_that_is_named_exists(self, questions):
        named = [
            number
            for question in questions
            for said in question.options.values()
            for number in re.findall(r"[Ss]ections? (\S+\w)", said)
        ]
        assert named and [number for number in named if number not in TITLES] == []

    def test_no_question_is_one_of_a_chapter(self, questions):
        theirs = [question.text for quiz in QUIZZES for question in quiz]
        near = {question.text: alike(question.text, theirs) for question in questions}
        assert [(text, *found) for text, found in near.items() if found[0] > 0.6] == []


def test_a_repeated_question_is_seen():
    theirs = [question.text for question in QUIZZES[0]]
    assert alike(theirs[0].replace("simply ", ""), theirs)[0] > 0.6 > alike("What does this cost?", theirs)[0]


@pytest.mark.parametrize("question", WHOLE, ids=range(len(WHOLE)))
def test_every_question_of_the_second_says_where_to_read(question):
    assert any(re.search(r"[Ss]ection \d\.\w", said) for said in question.options.values())


def test_no_chapter_is_left_out():
    assert {question.topic for question in ready.QUIZ} == {ready.PYTHON, ready.SLOPES, ready.CHANCE, ready.NETWORKS}
    found = Counter(question.topic for question in WHOLE)
    assert set(found) == {f"chapter {number}" for number in range(1, 6)} and min(found.values()) >= 3


def test_verdicts_are_those_of_the_ledger():
    row = {claim.id: claim for claim in claims()}
    (verdict,) = [question for question in WHOLE if row["purview"].claim in question.text]
    assert (
        list(verdict.options)[verdict.right].rstrip(".").lower() == row["purview"].verdict == CONTROL
        and len(row["purview"].differs) == 5
    )
    (identity,) = [question for question in WHOLE if row["fisher"].claim.lower() in question.text.lower()]
    assert row["fisher"].identity and row["fisher"].verdict == SEEN and SEEN in identity.text
