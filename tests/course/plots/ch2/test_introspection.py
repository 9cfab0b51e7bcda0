"""Tests of the figures of introspective learning."""

from tutorial_course.plots import ch2


def test_run_gain_figure_has_one_dot_per_run():
    gains = {
        "clean": {"contrasts": [[0.5, 1.0], [0.25]], "h": [[0.2]]},
        "corrupted": {"contrasts": [[6.0]], "h": [[5.0]]},
    }
    shown = ch2.run_gain_figure(gains, controls=["h"])
    left, _ = shown.figure.axes
    assert [list(line.get_xdata()) for line in left.lines[:3]] == [[0.5, 1.0], [0.25], [0.2]]
    assert left.lines[0].get_color() == left.lines[1].get_color() != left.lines[2].get_color()
    assert left.lines[0].get_marker() != left.lines[1].get_marker()
    # The mean of the networks, (0.75 + 0.25) / 2, and not that of the three runs.
    assert "contrasts +0.50, h +0.20" in shown.alt


def test_corruption_gain_figure_colors_by_group():
    gains = {
        "signs": {"noise": [6.0, 8.0], "haze": [4.0, 4.0], "snow": [-2.0, 0.0]},
        "photographs": {"noise": [2.0], "haze": [0.0], "snow": [1.0]},
    }
    groups = {"in training": ["noise"], "similar": ["haze"], "other": ["snow"]}
    shown = ch2.corruption_gain_figure(gains, groups)
    left, right = shown.figure.axes
    assert [bar.get_width() for bar in left.patches] == [7.0, 4.0, -1.0]
    assert [bar.get_width() for bar in right.patches] == [2.0, 0.0, 1.0]
    assert len({bar.get_facecolor() for bar in left.patches}) == 3
    assert "snow -1.0" in shown.alt
    assert [list(line.get_xdata()) for line in left.lines if line.get_marker() == "|"][0] == [6.0, 8.0]
