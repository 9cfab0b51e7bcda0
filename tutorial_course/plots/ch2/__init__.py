"""The figures of chapter 2, one function per figure."""

from tutorial_course.plots.ch2.introspection import corruption_gain_figure, run_gain_figure
from tutorial_course.plots.ch2.randomization import cascade_figure

__all__ = ["cascade_figure", "corruption_gain_figure", "run_gain_figure"]
