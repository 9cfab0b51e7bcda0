import pytest

from tutorial_lib.names import known


def test_a_known_name_comes_back():
    assert known("stop", ["stop", "yield"], "sign") == "stop"


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match=r"unknown sign 'spede 30'; the nearest: 'speed 30'"):
        known("spede 30", ["stop", "speed 30"], "sign")


def test_a_name_near_nothing_is_answered_with_all():
    with pytest.raises(ValueError, match="there are: 'stop', 'yield'"):
        known("qqqqqqq", ["stop", "yield"], "sign")
