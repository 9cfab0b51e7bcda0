"""The figures of the scoreboard and of the decision tree."""

import pytest

from tutorial_course.findings.ch5 import Task, decision_tree
from tutorial_course.plots.ch5 import decision_tree_figure, scoreboard_figure
from tutorial_course.results.claims import Estimate, Evidence


def make_task(question, *leads):
    stored = (lambda: Evidence(leads, 0.05)) if leads else None
    return Task("Why?", question, "3.1", "method", "control", "AUROC", stored=stored)


TASKS = (
    make_task("first", Estimate(0.1, 0.05, 0.15), Estimate(0.05, 0.01, 0.1)),
    make_task("second"),
    make_task("third", Estimate(0.9, 0.8, 1.0)),
)


def test_scoreboard_figure_divides_differences_by_the_margin():
    figure = scoreboard_figure(TASKS)
    (axis,) = figure.figure.axes
    points = [line for line in axis.lines if line.get_marker() not in ("None", None)]
    assert [float(line.get_xdata()[0]) for line in points] == pytest.approx([2, 1, 6])
    assert [line.get_marker() for line in points] == ["o", "o", ">"]  # a triangle beyond the axis
    assert [text.get_text() for text in axis.texts] == ["no interval stored"]
    assert "third The gradient performs better." in repr(figure)


def test_decision_tree_figure_shows_every_path():
    figure = decision_tree_figure(decision_tree(TASKS))
    texts = [text.get_text().replace("\n", " ") for text in figure.figure.axes[0].texts]
    assert texts.count("control") == 3 and "stop, because no interval is stored for the gradient (method)" in texts
    green = [t for t in figure.figure.axes[0].texts if t.get_text().startswith("continue")]
    assert len(green) == 2 and "continue with the gradient (method;" in repr(figure)
