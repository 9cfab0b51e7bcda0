"""Predictions that readers make on the page before they see a result, and that are shown again beside the result.

In the book, the script ``_static/predictions.js`` stores an answer in the reader's browser. In Jupyter and Colab a
widget stores it in the notebook session. Without either, the question is shown as text.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING, Any

from tutorial_course._display import is_book_build, widget_bundle
from tutorial_course.widgets.markdown import inline_html

if TYPE_CHECKING:
    from ipywidgets import HTML, VBox

# The predictions of a notebook session are stored under this name in the notebook, and are lost when the session ends.
SESSION_KEY = "_predictions"
NO_ANSWER = "none yet"
# A comma followed by three digits separates thousands, as in the sentences of the course; any other one is decimal.
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?")


def _to_number(text: str) -> float:
    """A number as readers write it: 0.5, 0,5, −3 or 589,824."""
    text = text.strip().replace("−", "-")
    return float(text.replace(",", "" if THOUSANDS.fullmatch(text) else "."))


def _in_lines(html: str) -> str:
    """HTML with the line spacing of text, because a widget has that of a row of buttons."""
    return f'<div style="line-height: 1.5">{html}</div>'


class Prediction:
    """A question with a control for the answer; :func:`ask_prediction` checks the arguments and creates it.

    Args:
        place: the place in the book, such as "1.1".
        question: the question.
        choices: the answers to choose from; empty if the answer is a number.
        between: lowest value, highest value and step of a slider; None if there is no slider.
        unit: what follows the number.
    """

    def __init__(
        self, place: str, question: str, choices: list[str], between: tuple[float, float, float] | None, unit: str
    ):
        self.place, self.question, self.choices, self.between, self.unit = place, question, choices, between, unit
        self.answer: str | None = None
        self.measured: str | None = None
        # Called when the answer changes: they show it at other places of the notebook.
        self.listeners: list[Callable[[], None]] = []
        self.box: VBox | None = None

    @property
    def key(self) -> str:
        """The name under which a browser stores the answer; another question at the same place has another one."""
        return f"{self.place} {sha256(self.question.encode()).hexdigest()[:8]}"

    @property
    def anchor(self) -> str:
        """The id of the question on its page."""
        return "prediction-" + re.sub(r"\W+", "-", self.place)

    def record(self, answer: str) -> None:
        """Store the answer of the reader, and show it wherever it is compared with a result.

        Args:
            answer: the answer; blank text removes it.
        """
        self.answer = answer.strip() or None
        for listener in self.listeners:
            listener()

    def html(self) -> str:
        """Return the question with controls that a script of the book activates.

        Returns:
            HTML in which the controls are hidden until the script runs.
        """
        if self.choices:
            control = "".join(
                f'<label><input type="radio" name="{escape(self.key)}" value="{escape(choice)}"> '
                f"<span>{inline_html(choice)}</span></label>"
                for choice in self.choices
            )
        else:
            attributes = 'type="number" step="any" inputmode="decimal" placeholder="a number"'
            unit = escape(self.unit.strip())
            before, after = "", f"<span>{unit}</span>"
            if self.between:
                low, high, step = self.between
                attributes = f'type="range" min="{low:g}" max="{high:g}" step="{step:g}" value="{low:g}"'
                # The ends of a slider; its position is shown below it.
                before, after = (f"<span>{end:g}{escape(self.unit)}</span>".replace("-", "−") for end in (low, high))
            name = f'aria-label="Your prediction{unit and f", in {unit}"}"'
            control = f"<label>{before} <input {attributes} {name}> {after}</label>"
        data = f'data-key="{escape(self.key)}" data-unit="{escape(self.unit)}"'
        return (
            f'<form class="prediction" id="{self.anchor}" {data}>'
            f"<fieldset><legend>Predict: {inline_html(self.question)}</legend>"
            f'<div class="controls" hidden>{control}</div><p class="status" role="status"></p></fieldset></form>'
        )

    def widget(self) -> VBox:
        """Return the question with a control for the answer.

        Returns:
            The widget; every call returns the same one.
        """
        import ipywidgets

        if self.box is not None:
            return self.box
        wide = {"layout": {"width": "min(100%, 32em)"}}
        if self.choices:
            control = ipywidgets.RadioButtons(options=self.choices, value=self.answer, layout={"width": "max-content"})
        elif self.between:
            low, high, step = self.between
            start = float(self.answer.removesuffix(self.unit)) if self.answer else low
            control = ipywidgets.FloatSlider(
                start, min=low, max=high, step=step, readout_format="d" if float(step).is_integer() else ".2f", **wide
            )
        else:
            text = self.answer.removesuffix(self.unit) if self.answer else ""
            control = ipywidgets.Text(text, placeholder="a number", continuous_update=False, **wide)
        status = ipywidgets.HTML(self._status())

        def store(change: dict) -> None:
            value = change["new"]
            if isinstance(value, str) and not self.choices and value.strip():
                try:
                    value = _to_number(value.strip().removesuffix(self.unit.strip()))
                except ValueError:
                    status.value = f"Expected a number, got {escape(value)!r}."
                    return
            self.record(f"{value:.12g}{self.unit}" if isinstance(value, float) else value or "")
            status.value = self._status()

        control.observe(store, names="value")
        self.box = ipywidgets.VBox(
            [ipywidgets.HTML(_in_lines(f"<b>Predict: {inline_html(self.question)}</b>")), control, status]
        )
        return self.box

    def _status(self) -> str:
        """The sentence below the control."""
        if self.answer is None and self.between:
            low, high = (f"{end:g}".replace("-", "−") for end in self.between[:2])
            return f"Move the slider, which ranges from {low} to {high}{self.unit}, before you read on."
        if self.answer is None:
            return "Choose an answer before you read on." if self.choices else "Give a number before you read on."
        return f"Your prediction: <b>{inline_html(self.answer)}</b>. It is shown again beside the measured result."

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, Any]:
        return widget_bundle(self.widget, self.html(), repr(self))

    def __repr__(self) -> str:
        answers = f"\n  Answers: {'; '.join(self.choices)}" if self.choices else ""
        return f"Predict, {self.place}: {self.question}{answers}\n  Your prediction: {self.answer or NO_ANSWER}"


class PredictionResults:
    """The predictions of the reader beside the measured results.

    Args:
        predictions: the predictions, in the order in which they are shown.
        as_table: whether a table with the questions is shown, or one sentence per prediction.
    """

    def __init__(self, predictions: Sequence[Prediction], as_table: bool):
        self.predictions, self.as_table = list(predictions), as_table
        self.screen: HTML | None = None

    def html(self) -> str:
        """Return the answers and the results.

        Returns:
            HTML that a script of the book fills with the answers stored in the browser.
        """
        return self._table() if self.as_table else "".join(map(self._sentence, self.predictions))

    def _answer(self, prediction: Prediction) -> str:
        """The answer as HTML, at a place that the script can find."""
        answer = NO_ANSWER if prediction.answer is None else prediction.answer
        return f'<span data-prediction="{escape(prediction.key)}">{inline_html(answer)}</span>'

    def _link(self, prediction: Prediction, text: str) -> str:
        """Text that leads to the question on a page of the book; in a notebook there is no place to link to."""
        return f'<a href="#{prediction.anchor}">{escape(text)}</a>' if is_book_build() else escape(text)

    def _sentence(self, prediction: Prediction) -> str:
        """One prediction beside its result."""
        return (
            f'<p class="prediction-result">{self._link(prediction, "Your prediction")}: '
            f"{self._answer(prediction)}. <b>Measured: {inline_html(prediction.measured)}.</b></p>"
        )

    def _table(self) -> str:
        """All predictions of a chapter."""
        rows = "".join(
            f'<tr data-place="{escape(p.place)}"><th scope="row">{self._link(p, p.place)}</th>'
            f"<td>{inline_html(p.question)}</td><td>{self._answer(p)}</td>"
            f'<td class="measured">{inline_html(p.measured or "–")}</td></tr>'
            for p in self.predictions
        )
        head = "".join(f'<th scope="col">{name}</th>' for name in ("place", "question", "your prediction", "measured"))
        return f'<table class="table predictions"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'

    def widget(self) -> HTML:
        """Return the results as a widget that changes with the answers.

        Returns:
            The widget; every call returns the same one.
        """
        import ipywidgets

        if self.screen is None:
            screen = self.screen = ipywidgets.HTML(_in_lines(self.html()))

            def refresh() -> None:
                screen.value = _in_lines(self.html())

            for prediction in self.predictions:
                prediction.listeners.append(refresh)
        return self.screen

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, Any]:
        return widget_bundle(self.widget, self.html(), repr(self))

    def __repr__(self) -> str:
        return "\n".join(
            f"{p.place}  {p.question}\n  your prediction: {p.answer or NO_ANSWER}\n  measured: {p.measured or '–'}"
            for p in self.predictions
        )


def ask_prediction(
    place: str,
    question: str,
    *,
    choices: Sequence[str] = (),
    between: tuple[float, float] | None = None,
    step: float = 1,
    unit: str = "",
) -> Prediction:
    """Return a question that the reader answers on the page, before the result is shown.

    The answer is chosen from a list, set with a slider, or typed as a number. In the book it is stored in the browser
    and survives a reload; in a notebook it is stored in the session, and running the cell again keeps it.

    Args:
        place: the place in the book, such as "1.1"; there is one prediction per place.
        question: the question; it may contain `code` and *emphasis*.
        choices: two or more answers to choose from.
        between: the lowest and the highest value of a slider.
        step: the step of the slider.
        unit: what follows the number, such as "°" or " pixels".

    Returns:
        The question with its control.

    Raises:
        ValueError: no place or no question, one choice only, choices and a slider at once, or a slider without values.

    Example:
        >>> ask_prediction("1.1", "At which angle is it no longer recognized?", between=(0, 180), step=5, unit="°")
        Predict, 1.1: At which angle is it no longer recognized?
          Your prediction: none yet
    """
    place, question = str(place).strip(), str(question).strip()
    if not place or not question:
        raise ValueError(f'expected a place such as "1.1" and a question; got {place!r} and {question!r}')
    if isinstance(choices, str) or len(set(choices)) != len(choices) or len(choices) == 1:
        raise ValueError(f"expected choices=[…] with two or more different answers; got {choices!r}")
    if choices and between is not None:
        raise ValueError("expected either choices or a slider between two numbers, and got both")
    if between is not None and not (step > 0 and between[0] + step <= between[1]):
        raise ValueError(f"expected between=(low, high) with at least one step between them; got {between} and {step}")
    slider = None if between is None else (*between, step)
    prediction = Prediction(place, question, list(choices), slider, unit)
    store = _session_store()
    if place in store and store[place].key == prediction.key:
        prediction.answer = store[place].answer
    store[place] = prediction
    return prediction


def show_prediction(place: str, measured: object) -> PredictionResults:
    """Return the reader's prediction beside the measured result.

    Args:
        place: the place of the question, as it was passed to :func:`ask_prediction`.
        measured: the result, a number or a computed sentence, see :func:`~tutorial_course.widgets.markdown`.

    Returns:
        One sentence. In a notebook it changes when the reader answers later.

    Raises:
        ValueError: no question was asked at this place.

    Example:
        >>> _ = ask_prediction("1.1", "At which angle is it no longer recognized?")
        >>> show_prediction("1.1", "at 40 degrees")
        1.1  At which angle is it no longer recognized?
          your prediction: none yet
          measured: at 40 degrees
    """
    store = _session_store()
    if place not in store:
        raise ValueError(f"no question was asked at {place!r}; run the cell with ask_prediction first")
    prediction = store[place]
    prediction.measured = str(measured).strip().rstrip(".")
    return PredictionResults([prediction], as_table=False)


def compare_predictions() -> PredictionResults:
    """Return a table of all predictions of a chapter beside the measured results.

    Returns:
        The table, in the order of the questions.

    Example:
        >>> _ = ask_prediction("1.1", "At which angle is it no longer recognized?")
        >>> _ = show_prediction("1.1", "40 degrees")
        >>> print(repr(compare_predictions()).splitlines()[2])
          measured: 40 degrees
    """
    return PredictionResults(list(_session_store().values()), as_table=True)


def _session_store() -> dict[str, Prediction]:
    """The predictions of this session by place, in the namespace that the reader works in."""
    return vars(sys.modules["__main__"]).setdefault(SESSION_KEY, {})
