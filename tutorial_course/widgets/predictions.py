"""Predictions that readers write down before they see a result, and a table that compares them with the result."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tutorial_course.widgets.markdown import escape_table_cell

# The predictions are stored in the notebook session of the reader, under this name, and are lost when it ends.
SESSION_KEY = "_predictions"


@dataclass(frozen=True)
class Prediction:
    """A question at a place of the book, and the reader's prediction.

    Attributes:
        place: the place in the book, such as "1.1".
        guess: the prediction in the reader's words; None before it is written down.
        ask: the question.
    """

    place: str
    guess: str | None
    ask: str

    def _repr_markdown_(self) -> str:
        question = f"> **Predict, {self.place}.** {self.ask}".rstrip()
        if self.guess is None:
            how = f'in this cell, `ask_prediction("{self.place}", "my guess")`, or on paper'
            return f"{question}\n>\n> ✎ Write your guess down before you read on: {how}."
        guess = escape_table_cell(self.guess)
        return f"{question}\n>\n> ✎ Your guess: **{guess}**. It is shown again at the end, next to the measured result."

    def __repr__(self) -> str:
        guess = "not yet written down" if self.guess is None else self.guess
        return f"Predict, {self.place}. {self.ask}".rstrip() + f"\nYour guess: {guess}"


class Predictions:
    """A table of all predictions, next to the measured results.

    Args:
        measured: ``{place: result}``, in the order of the table.
        recorded: the predictions of the reader by place.
    """

    def __init__(self, measured: Mapping[str, Any], recorded: Mapping[str, Prediction]):
        self.measured = {str(place): value for place, value in measured.items()}
        self.recorded = dict(recorded)

    @property
    def n_answered(self) -> int:
        """Number of places for which the reader has written down a prediction."""
        return sum(prediction.guess is not None for prediction in self.recorded.values())

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Return the rows of the table.

        Returns:
            Tuples (place, question, prediction, result): first the places with a result, in the order in which they
            were given, then places with a prediction only. A dash stands for a missing prediction or result.
        """
        nothing = Prediction("", None, "")
        rows = []
        for place in dict.fromkeys([*self.measured, *self.recorded]):
            prediction = self.recorded.get(place, nothing)
            guess = "–" if prediction.guess is None else prediction.guess
            rows.append((place, prediction.ask, guess, str(self.measured.get(place, "–"))))
        return rows

    def _advice(self) -> str:
        """What to do if no prediction has been written down; empty otherwise."""
        if self.n_answered:
            return ""
        return (
            "No guess has been written down yet. Write one into a cell with `ask_prediction`, as in "
            '`ask_prediction("1.1", "at 90 degrees")`, run it, and run this cell again.'
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
    """Return a question to show, with the reader's prediction if there is one.

    A prediction is stored in the notebook session until :func:`compare_predictions` shows it again; running the cell
    again replaces it. Without a prediction, and in the book, the question is shown with a request to answer it.
    Outside a notebook nothing is stored.

    Args:
        place: the place in the book, such as "1.1"; there is one prediction per place.
        guess: the prediction, in words or as a number; None, ... or blank text means that there is none yet.
        ask: the question.

    Returns:
        The question and the prediction.

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
    stored = _session_store()
    if stored is not None:
        stored[place] = prediction
    return prediction


def compare_predictions(measured: Mapping[str, Any]) -> Predictions:
    """Return a table of the reader's predictions next to the measured results.

    Args:
        measured: ``{place: result}``, where a result is a number or a computed sentence, see
            :func:`~tutorial_course.widgets.markdown`.

    Returns:
        The table, shown as Markdown.

    Example:
        >>> print(repr(compare_predictions({"1.1": "at 40 degrees"})).splitlines()[2])
          measured: at 40 degrees
    """
    return Predictions(measured, _session_store() or {})


def _session_store() -> dict[str, Prediction] | None:
    """The predictions of this notebook session by place; None outside a notebook."""
    IPython = sys.modules.get("IPython")  # in a notebook it is already imported
    shell = IPython.get_ipython() if IPython else None
    return None if shell is None else shell.user_ns.setdefault(SESSION_KEY, {})
