"""The figures of chapter 4, one function per figure."""

from tutorial_course.plots.ch4.saliency import fixation_scores_figure, layer_figure, noise_figure, spotlight_figure

__all__ = ["fixation_scores_figure", "layer_figure", "noise_figure", "spotlight_figure"]
