"""The figures of chapter 4, one function per figure."""

from tutorial_course.plots.ch4.quality import (
    correlation_figure,
    filters_figure,
    hue_mismatch_figure,
    level_figure,
    no_reference_figure,
    rating_figure,
    ssim_figure,
)
from tutorial_course.plots.ch4.quality_meter import quality_meter
from tutorial_course.plots.ch4.saliency import fixation_scores_figure, layer_figure, noise_figure, spotlight_figure

__all__ = [
    "correlation_figure",
    "filters_figure",
    "fixation_scores_figure",
    "hue_mismatch_figure",
    "layer_figure",
    "level_figure",
    "no_reference_figure",
    "noise_figure",
    "quality_meter",
    "rating_figure",
    "spotlight_figure",
    "ssim_figure",
]
