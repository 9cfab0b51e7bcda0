"""The figures of chapter 5, one function per figure."""

from tutorial_course.plots.ch5.decision_tree import decision_tree_figure
from tutorial_course.plots.ch5.scoreboard import scoreboard_figure

__all__ = ["decision_tree_figure", "scoreboard_figure"]
