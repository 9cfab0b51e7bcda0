import pytest

from tutorial_lib._validation import check_choice


def test_check_choice_returns_valid_choice():
    assert check_choice("stop", ["stop", "yield"], "sign") == "stop"


def test_check_choice_suggests_nearest_choice():
    with pytest.raises(ValueError, match=r"unknown sign 'spede 30'; the nearest: 'speed 30'"):
        check_choice("spede 30", ["stop", "speed 30"], "sign")


def test_check_choice_lists_all_choices_without_near_match():
    with pytest.raises(ValueError, match="there are: 'stop', 'yield'"):
        check_choice("qqqqqqq", ["stop", "yield"], "sign")
