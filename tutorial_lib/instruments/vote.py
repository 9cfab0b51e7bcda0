"""A vote on claims before their rows are opened: choose, and the verdict of the ledger appears in the same place."""

from __future__ import annotations

from collections.abc import Sequence

from tutorial_lib.instruments.quiz import Question, Quiz, quiz
from tutorial_lib.names import known
from tutorial_lib.results.ledger import CONTROL, OURS, SEEN, claims, sources

CHOICES = ("Seen.", "Seen, and a control does as well.", "Not seen here, or not tested fairly.")


def ballot(id: str) -> Question:
    """A claim of the ledger as a question; whatever is chosen, its verdict answers.

    Raises:
        ValueError: there is no such claim.

    Example:
        >>> CHOICES[ballot("contrast").right]
        'Seen.'
    """
    rows = {claim.id: claim for claim in claims()}
    claim = rows[known(id, rows, "claim")]
    right = 0 if claim.verdict in (SEEN, OURS) else 1 if claim.verdict == CONTROL else 2
    row = ": ".join(filter(None, [claim.words, claim.note]))
    asked = f"{claim.claim} ({sources()[claim.source]['label']}, section {claim.section})"
    return Question(asked, dict.fromkeys(CHOICES, f"The ledger says: {row}."), right)


def vote(ids: Sequence[str]) -> Quiz:
    """A vote on some claims of the ledger that answers on the page, from the keyboard and in print.

    Raises:
        ValueError: there is no such claim, or none at all.

    Example:
        >>> print(str(vote(["contrast"])).splitlines()[1])
           a) Seen.
    """
    return quiz([ballot(id) for id in ids])
