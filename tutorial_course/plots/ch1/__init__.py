"""Figures of chapter 1, one module per topic and one function per figure."""

from tutorial_course.plots.ch1.decomposition import (
    decomposition_figure,
    leave_one_out_figure,
    proponents_figure,
    wrong_labels_figure,
)
from tutorial_course.plots.ch1.deep_gradients import deep_gradients_figure
from tutorial_course.plots.ch1.descent import OUTCOMES, descent_figure, optimizer_paths_figure, stability_figure
from tutorial_course.plots.ch1.landscapes import normalization_figure, trajectory_figure
from tutorial_course.plots.ch1.manifolds import isomap_figure, query_cost_figure, swiss_roll_figure
from tutorial_course.plots.ch1.networks import matrix_figure, model_sizes_figure
from tutorial_course.plots.ch1.novel_data import reliability_figure
from tutorial_course.plots.ch1.sequential_training import curriculum_figure, forgetting_figure, switch_events_figure
from tutorial_course.plots.ch1.steps import (
    linearization_figure,
    steepest_steps_figure,
    two_moons_figure,
    unit_balls_figure,
)
from tutorial_course.plots.ch1.training_order import training_order_figure

__all__ = [
    "OUTCOMES",
    "curriculum_figure",
    "decomposition_figure",
    "deep_gradients_figure",
    "descent_figure",
    "forgetting_figure",
    "isomap_figure",
    "leave_one_out_figure",
    "linearization_figure",
    "matrix_figure",
    "model_sizes_figure",
    "normalization_figure",
    "optimizer_paths_figure",
    "proponents_figure",
    "query_cost_figure",
    "reliability_figure",
    "stability_figure",
    "steepest_steps_figure",
    "swiss_roll_figure",
    "switch_events_figure",
    "training_order_figure",
    "trajectory_figure",
    "two_moons_figure",
    "unit_balls_figure",
    "wrong_labels_figure",
]
