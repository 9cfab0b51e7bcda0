import sys
import types

import pytest

from tutorial_course.widgets import ask_prediction, compare_predictions


@pytest.fixture
def session(monkeypatch):
    """A notebook session with the interface of IPython that predictions use."""
    shell = types.SimpleNamespace(user_ns={})
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    return shell.user_ns


@pytest.fixture
def no_session(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: None))


def test_compare_predictions_shows_guess_beside_measurement(session):
    prediction = ask_prediction("1.1", "at 90 degrees", ask="At which angle?")
    assert (
        prediction._repr_markdown_().startswith("> **Predict, 1.1.** At which angle?")
        and "Your guess: **at 90 degrees**" in prediction._repr_markdown_()
    )
    table = compare_predictions({"1.1": "at 40 degrees"})
    assert table.rows() == [("1.1", "At which angle?", "at 90 degrees", "at 40 degrees")]
    assert "| 1.1 | At which angle? | at 90 degrees | at 40 degrees |" in table._repr_markdown_()
    assert "No guess" not in table._repr_markdown_() and "measured: at 40 degrees" in repr(table)


@pytest.mark.parametrize("blank", [None, "", "  ", ...])
def test_ask_prediction_without_guess_prompts_for_one(session, blank):
    prediction = ask_prediction("1.6", blank, ask="Farther for known signs, or for novel ones?")
    assert (
        "Farther for known signs" in prediction._repr_markdown_()
        and "Write your guess down" in prediction._repr_markdown_()
    )
    assert 'ask_prediction("1.6", ' in prediction._repr_markdown_()
    table = compare_predictions({"1.6": "known"})
    assert table.n_answered == 0 and table.rows()[0][1:] == (
        "Farther for known signs, or for novel ones?",
        "–",
        "known",
    )
    assert "No guess has been written down yet" in table._repr_markdown_() and "ask_prediction(" in repr(table)


def test_ask_prediction_replaces_earlier_guess(session):
    ask_prediction("1.1", 40)
    ask_prediction("1.1", 90)
    ask_prediction("1.4", 0)
    assert [row[2] for row in compare_predictions({"1.1": "", "1.4": ""}).rows()] == ["90", "0"]
    ask_prediction("1.1")
    assert compare_predictions({"1.1": ""}).rows()[0][2] == "–"


def test_compare_predictions_keeps_measured_order_and_all_guesses(session):
    ask_prediction("1.6", "b")
    ask_prediction("1.9", "c")
    assert [row[0] for row in compare_predictions({"1.1": 1, "1.6": 2}).rows()] == ["1.1", "1.6", "1.9"]


def test_predictions_are_stored_only_in_the_session(session):
    ask_prediction("1.1", "here")
    session.clear()
    assert compare_predictions({"1.1": "x"}).n_answered == 0


def test_ask_prediction_outside_notebook_only_returns_guess(no_session):
    assert ask_prediction("1.1", "anything").guess == "anything"
    assert compare_predictions({"1.1": "measured"}).rows() == [("1.1", "", "–", "measured")]


def test_compare_predictions_escapes_table_cells(session):
    ask_prediction("1.1", "a | b\nc", ask="which | one?")
    line = compare_predictions({"1.1": "x"})._repr_markdown_().splitlines()[2]
    assert line == r"| 1.1 | which \| one? | a \| b c | x |"


def test_ask_prediction_rejects_blank_place(session):
    with pytest.raises(ValueError, match="needs its place"):
        ask_prediction(" ")
