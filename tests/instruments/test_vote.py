import pytest

from tutorial_lib.instruments import vote
from tutorial_lib.instruments.vote import CHOICES, ballot
from tutorial_lib.results.ledger import CONTROL, NOT_OURS, OURS, SEEN, claims


def test_every_claim_can_be_voted_on_and_its_verdict_answers():
    for claim in claims():
        question = ballot(claim.id)
        expected = {SEEN: 0, OURS: 0, CONTROL: 1}.get(claim.verdict, 2)
        assert question.right == expected and list(question.options) == list(CHOICES)
        assert all(claim.verdict in said and claim.note in said for said in question.options.values())
        if claim.verdict == NOT_OURS:
            assert all(part in said for said in question.options.values() for part in claim.differs)


def test_a_vote_is_a_page():
    html = vote(["contrast", "purview"])._repr_html_()
    assert html.count("<fieldset>") == 2 and html.count('value="right"') == 2 and html.count('type="radio"') == 6


def test_unknown_claims_are_answered():
    with pytest.raises(ValueError, match="unknown claim 'contrats'; the nearest: 'contrast'"):
        vote(["contrats"])
    with pytest.raises(ValueError, match="at least one question"):
        vote([])
