"""Figures in one style with alternative texts, and the building blocks that they share."""

from tutorial_course.plots.core import (
    CORRECT_COLOR,
    PALETTE,
    RC_PARAMS,
    WRONG_COLOR,
    FigureWithAltText,
    band,
    chance_line,
    image_grid,
    legend_above,
    line_panels,
    overlay_maps,
    panels,
    percent_axis,
    prediction_grid,
    style,
    to_image_array,
    with_alt_text,
)
from tutorial_course.plots.two_adaptations import two_adaptations_figure

__all__ = [
    "CORRECT_COLOR",
    "PALETTE",
    "RC_PARAMS",
    "WRONG_COLOR",
    "FigureWithAltText",
    "band",
    "chance_line",
    "image_grid",
    "legend_above",
    "line_panels",
    "overlay_maps",
    "panels",
    "percent_axis",
    "prediction_grid",
    "style",
    "to_image_array",
    "two_adaptations_figure",
    "with_alt_text",
]
