import pytest

from tutorial_course.results.claims import (
    CONFIRMED_HERE,
    CONFIRMED_IN_PAPER_SETTING,
    CONTROL_AS_GOOD,
    NOT_CONFIRMED_HERE,
    load_claims,
)
from tutorial_course.widgets import claim_poll
from tutorial_course.widgets.claim_poll import POLL_OPTIONS, claim_question


def test_claim_question_correct_option_matches_verdict():
    for claim in load_claims():
        question = claim_question(claim.id)
        expected = {CONFIRMED_IN_PAPER_SETTING: 0, CONFIRMED_HERE: 0, CONTROL_AS_GOOD: 1}.get(claim.verdict, 2)
        assert question.correct == expected and list(question.options) == list(POLL_OPTIONS)
        assert all(claim.verdict in feedback and claim.note in feedback for feedback in question.options.values())
        if claim.verdict == NOT_CONFIRMED_HERE:
            assert all(part in feedback for feedback in question.options.values() for part in claim.differs)


def test_claim_poll_renders_one_question_per_claim():
    html = claim_poll(["contrast", "purview"])._repr_html_()
    assert html.count("<fieldset>") == 2 and html.count('value="right"') == 2 and html.count('type="radio"') == 6


def test_claim_poll_rejects_unknown_or_missing_claims():
    with pytest.raises(ValueError, match="unknown claim 'contrats'; the nearest: 'contrast'"):
        claim_poll(["contrats"])
    with pytest.raises(ValueError, match="at least one question"):
        claim_poll([])
