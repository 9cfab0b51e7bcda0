"""Figures with alternative text, in one style."""

from tutorial_course.plots.core import (
    CORRECT_COLOR,
    PALETTE,
    RC_PARAMS,
    WRONG_COLOR,
    FigureWithAltText,
    image_grid,
    line_panels,
    overlay_maps,
    prediction_grid,
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
    "image_grid",
    "line_panels",
    "overlay_maps",
    "prediction_grid",
    "to_image_array",
    "two_adaptations_figure",
    "with_alt_text",
]
