"""Tests of the figure of the randomization test."""

from tutorial_course.plots import ch2


def test_cascade_figure_shows_curves_and_nulls():
    curves = {"signs": {"Grad-CAM": [1, 0.6, 0.2], "edges": [1, 1, 1]}, "photographs": {"edges": [1, 1]}}
    nulls = {"signs": {"Grad-CAM": 0.5, "edges": 0.1}, "photographs": {"edges": 0.3}}
    stages = {"signs": ["none", "head", "stem"], "photographs": ["none", "linear"]}
    shown = ch2.cascade_figure(curves, nulls, stages)
    left, right = shown.figure.axes
    lines = {line.get_label(): list(line.get_ydata()) for line in left.lines}
    assert lines["Grad-CAM"] == [1, 0.6, 0.2] and lines["edges"] == [1, 1, 1]
    hollow = [line.get_ydata()[0] for line in left.lines if line.get_markerfacecolor() == "white"]
    assert hollow == [0.5, 0.1]
    assert [label.get_text() for label in right.get_xticklabels()] == ["none", "linear"]
    assert "Grad-CAM 0.60, then 0.20" in shown.alt
