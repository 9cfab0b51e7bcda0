import sys
import types

import pytest

from tutorial_lib.instruments import predict, predictions


@pytest.fixture
def session(monkeypatch):
    """A notebook session: what IPython offers, and no more."""
    shell = types.SimpleNamespace(user_ns={})
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    return shell.user_ns


@pytest.fixture
def no_session(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: None))


def test_a_guess_is_shown_and_comes_back_beside_what_was_measured(session):
    shown = predict("1.1", "at 90 degrees", ask="At which angle?")
    assert (
        shown._repr_markdown_().startswith("> **Predict, 1.1.** At which angle?")
        and "Your guess: **at 90 degrees**" in shown._repr_markdown_()
    )
    table = predictions({"1.1": "at 40 degrees"})
    assert table.rows() == [("1.1", "At which angle?", "at 90 degrees", "at 40 degrees")]
    assert "| 1.1 | At which angle? | at 90 degrees | at 40 degrees |" in table._repr_markdown_()
    assert "No guess" not in table._repr_markdown_() and "measured: at 40 degrees" in repr(table)


@pytest.mark.parametrize("blank", [None, "", "  ", ...])
def test_without_a_guess_the_question_asks_to_be_answered(session, blank):
    shown = predict("1.6", blank, ask="Farther for known signs, or for novel ones?")
    assert "Farther for known signs" in shown._repr_markdown_() and "Write your guess down" in shown._repr_markdown_()
    assert 'predict("1.6", ' in shown._repr_markdown_()
    table = predictions({"1.6": "known"})
    assert table.guessed == 0 and table.rows()[0][1:] == ("Farther for known signs, or for novel ones?", "–", "known")
    assert "No guess is on record yet" in table._repr_markdown_() and "predict(" in repr(table)


def test_running_a_cell_again_replaces_the_guess(session):
    predict("1.1", 40)
    predict("1.1", 90)
    predict("1.4", 0)
    assert [row[2] for row in predictions({"1.1": "", "1.4": ""}).rows()] == ["90", "0"]
    predict("1.1")
    assert predictions({"1.1": ""}).rows()[0][2] == "–"


def test_rows_follow_what_was_measured_and_no_guess_is_lost(session):
    predict("1.6", "b")
    predict("1.9", "c")
    assert [row[0] for row in predictions({"1.1": 1, "1.6": 2}).rows()] == ["1.1", "1.6", "1.9"]


def test_guesses_live_in_the_session_and_nowhere_else(session):
    predict("1.1", "here")
    session.clear()
    assert predictions({"1.1": "x"}).guessed == 0


def test_outside_a_notebook_the_guess_is_only_returned(no_session):
    assert predict("1.1", "anything").guess == "anything"
    assert predictions({"1.1": "measured"}).rows() == [("1.1", "", "–", "measured")]


def test_what_a_reader_types_does_not_break_the_table(session):
    predict("1.1", "a | b\nc", ask="which | one?")
    line = predictions({"1.1": "x"})._repr_markdown_().splitlines()[2]
    assert line == r"| 1.1 | which \| one? | a \| b c | x |"


def test_a_place_needs_a_name(session):
    with pytest.raises(ValueError, match="needs its place"):
        predict(" ")
