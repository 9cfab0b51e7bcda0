"""A vote on claims before their rows are opened: choose, and the verdict of the ledger appears in the same place."""

from __future__ import annotations

from collections.abc import Sequence

from tutorial_course.results.claims import (
    CONFIRMED_HERE,
    CONFIRMED_IN_PAPER_SETTING,
    CONTROL_AS_GOOD,
    load_claims,
    load_sources,
)
from tutorial_course.widgets.quiz import Question, Quiz, quiz
from tutorial_lib._validation import check_choice

POLL_OPTIONS = ("Seen.", "Seen, and a control does as well.", "Not seen here, or not tested fairly.")


def claim_question(id: str) -> Question:
    """A claim of the ledger as a question; whatever is chosen, its verdict answers.

    Raises:
        ValueError: there is no such claim.

    Example:
        >>> POLL_OPTIONS[claim_question("contrast").correct]
        'Seen.'
    """
    rows = {claim.id: claim for claim in load_claims()}
    claim = rows[check_choice(id, rows, "claim")]
    right = (
        0
        if claim.verdict in (CONFIRMED_IN_PAPER_SETTING, CONFIRMED_HERE)
        else 1
        if claim.verdict == CONTROL_AS_GOOD
        else 2
    )
    row = ": ".join(filter(None, [claim.verdict_text, claim.note]))
    asked = f"{claim.claim} ({load_sources()[claim.source]['label']}, section {claim.section})"
    return Question(asked, dict.fromkeys(POLL_OPTIONS, f"The ledger says: {row}."), right)


def claim_poll(ids: Sequence[str]) -> Quiz:
    """A vote on some claims of the ledger that answers on the page, from the keyboard and in print.

    Raises:
        ValueError: there is no such claim, or none at all.

    Example:
        >>> print(str(claim_poll(["contrast"])).splitlines()[1])
           a) Seen.
    """
    return quiz([claim_question(id) for id in ids])
