"""The figures of chapter 5, one function per figure."""

from tutorial_course.plots.ch5.adaptive_attack import adaptive_attack_figure
from tutorial_course.plots.ch5.costs import cost_figure
from tutorial_course.plots.ch5.decision_tree import decision_tree_figure
from tutorial_course.plots.ch5.intervention import intervention_sliders, second_image_figure
from tutorial_course.plots.ch5.scoreboard import scoreboard_figure
from tutorial_course.plots.ch5.sketches import sketch_figure
from tutorial_course.plots.ch5.transformer import layer_direction_figure
from tutorial_course.plots.ch5.worked_example import photograph_figure

__all__ = [
    "adaptive_attack_figure",
    "cost_figure",
    "decision_tree_figure",
    "intervention_sliders",
    "layer_direction_figure",
    "photograph_figure",
    "scoreboard_figure",
    "second_image_figure",
    "sketch_figure",
]
