"""The reader's own ledger: guesses written down before the answer is seen, and shown again beside it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Guesses live in the reader's notebook session, under this name, and end with it.
SESSION_KEY = "_predictions"


@dataclass(frozen=True)
class Prediction:
    """A question asked at a place of the book, and the reader's guess, if there is one."""

    place: str
    guess: str | None
    ask: str

    def _repr_markdown_(self) -> str:
        asked = f"> **Predict, {self.place}.** {self.ask}".rstrip()
        if self.guess is None:
            how = f'in this cell, `predict("{self.place}", "my guess")`, or on paper'
            return f"{asked}\n>\n> ✎ Write your guess down before you read on: {how}."
        return f"{asked}\n>\n> ✎ Your guess: **{escape_table_cell(self.guess)}**. It comes back at the end, beside what was measured."

    def __repr__(self) -> str:
        guess = "not yet written down" if self.guess is None else self.guess
        return f"Predict, {self.place}. {self.ask}".rstrip() + f"\nYour guess: {guess}"


class Predictions:
    """The table of all predictions beside what was measured."""

    def __init__(self, measured: Mapping[str, Any], recorded: Mapping[str, Prediction]):
        self.measured = {str(place): value for place, value in measured.items()}
        self.recorded = dict(recorded)

    @property
    def n_answered(self) -> int:
        """How many guesses are on record."""
        return sum(prediction.guess is not None for prediction in self.recorded.values())

    def rows(self) -> list[tuple[str, str, str, str]]:
        """(place, question, guess, measured), in the order of what was measured; then predictions that nobody measured."""
        nothing = Prediction("", None, "")
        rows = []
        for place in dict.fromkeys([*self.measured, *self.recorded]):
            prediction = self.recorded.get(place, nothing)
            guess = "–" if prediction.guess is None else prediction.guess
            rows.append((place, prediction.ask, guess, str(self.measured.get(place, "–"))))
        return rows

    def _advice(self) -> str:
        if self.n_answered:
            return ""
        return (
            "No guess is on record yet. Write one into a cell with `predict`, as in "
            '`predict("1.1", "at 90 degrees")`, run it, and run this cell again.'
        )

    def _repr_markdown_(self) -> str:
        head = ["place", "question", "your prediction", "measured"]
        lines = ["| " + " | ".join(map(escape_table_cell, row)) + " |" for row in [head, *self.rows()]]
        table = "\n".join([lines[0], "|---|---|---|---|", *lines[1:]])
        return f"{table}\n\n{self._advice()}".rstrip()

    def __repr__(self) -> str:
        lines = [
            f"{place}  {ask}\n  your prediction: {guess}\n  measured: {value}"
            for place, ask, guess, value in self.rows()
        ]
        return "\n".join([*lines, self._advice()]).rstrip()


def ask_prediction(place: str, guess: Any = None, ask: str = "") -> Prediction:
    """A question to commit to. With a guess it is kept in the notebook's session until :func:`predictions` shows it again.

    Running the cell again replaces the guess. Without one, and in the book, the question stands there and asks to be answered.
    Outside a notebook nothing is kept.

    Args:
        place: where in the book, such as "1.1"; one prediction a place.
        guess: in the reader's words, or a number; blank means none.
        ask: the question.

    Raises:
        ValueError: the place has no name.

    Example:
        >>> ask_prediction("1.1", "at 90 degrees", ask="At which angle does it stop being a stop sign?")
        Predict, 1.1. At which angle does it stop being a stop sign?
        Your guess: at 90 degrees
    """
    place = str(place).strip()
    if not place:
        raise ValueError('a prediction needs its place in the book, such as "1.1"')
    guess = None if guess is None or guess is ... or not str(guess).strip() else str(guess).strip()
    prediction = Prediction(place, guess, ask.strip())
    kept = session_store()
    if kept is not None:
        kept[place] = prediction
    return prediction


def compare_predictions(measured: Mapping[str, Any]) -> Predictions:
    """The reader's guesses beside what was measured, place by place.

    Args:
        measured: place → what came out, in words; computed, like every number (``say`` makes such words).

    Example:
        >>> print(repr(compare_predictions({"1.1": "at 40 degrees"})).splitlines()[2])
          measured: at 40 degrees
    """
    return Predictions(measured, session_store() or {})


def session_store() -> dict[str, Prediction] | None:
    """Where this session keeps its guesses; None where there is no notebook."""
    IPython = sys.modules.get("IPython")  # who is in a notebook has it already
    shell = IPython.get_ipython() if IPython else None
    return None if shell is None else shell.user_ns.setdefault(SESSION_KEY, {})


def escape_table_cell(text: str) -> str:
    """One line of text, safe in a cell of a Markdown table."""
    return " ".join(str(text).split()).replace("|", "\\|")
