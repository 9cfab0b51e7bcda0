"""The figures of chapter 2, one function per figure."""

from tutorial_course.plots.ch2.contrast import gain_by_pair_figure, pair_map_figure

__all__ = ["gain_by_pair_figure", "pair_map_figure"]
