"""A poll on claims: readers choose a verdict, and the verdict of the claims table appears in the same place."""

from __future__ import annotations

from collections.abc import Sequence

from tutorial_course.results.claims import (
    CONFIRMED_HERE,
    CONFIRMED_IN_PAPER_SETTING,
    CONTROL_AS_GOOD,
    SOURCES,
    load_claims,
)
from tutorial_course.widgets.quiz import Question, Quiz, quiz
from tutorial_lib._validation import check_choice

POLL_OPTIONS = (
    "Confirmed.",
    "Confirmed, but a control performs equally well.",
    "Not confirmed here, or inconclusive.",
)


def claim_question(id: str) -> Question:
    """Return a claim as a question.

    The feedback of every option is the verdict of the claims table.

    Args:
        id: identifier of the claim.

    Returns:
        The question, with the options ``POLL_OPTIONS``.

    Raises:
        ValueError: unknown claim.

    Example:
        >>> POLL_OPTIONS[claim_question("contrast").correct]
        'Not confirmed here, or inconclusive.'
    """
    claims = {claim.id: claim for claim in load_claims()}
    claim = claims[check_choice(id, claims, "claim")]
    options = {CONFIRMED_IN_PAPER_SETTING: 0, CONFIRMED_HERE: 0, CONTROL_AS_GOOD: 1}
    verdict = ". ".join(filter(None, [claim.verdict_text, claim.note]))
    text = f"{claim.claim} ({SOURCES[claim.source].label}, section {claim.section})"
    feedback = dict.fromkeys(POLL_OPTIONS, f"Verdict in the claims table: {verdict}.")
    return Question(text, feedback, options.get(claim.verdict, 2))


def claim_poll(ids: Sequence[str]) -> Quiz:
    """Return a poll on claims, with the verdict of the claims table as feedback.

    Args:
        ids: identifiers of the claims, one or more.

    Returns:
        The poll, a quiz with one question per claim.

    Raises:
        ValueError: an unknown claim, or no claim at all.

    Example:
        >>> print(str(claim_poll(["contrast"])).splitlines()[1])
           a) Confirmed.
    """
    return quiz([claim_question(id) for id in ids])
