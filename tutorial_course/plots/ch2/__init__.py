"""The figures of chapter 2, one function per figure."""

from tutorial_course.plots.ch2.attribution_maps import gallery_figure, path_figure
from tutorial_course.plots.ch2.contrast import (
    OBJECTIVES,
    gain_by_pair_figure,
    objective_map_figure,
    pair_map_figure,
)
from tutorial_course.plots.ch2.explanation_uncertainty import explanation_uncertainty_figure, voice_auroc_figure
from tutorial_course.plots.ch2.faithfulness import deletion_figure, faithfulness_figure
from tutorial_course.plots.ch2.fisher_closed_form import fisher_divergence_figure, fisher_factor_figure
from tutorial_course.plots.ch2.introspection import corruption_gain_figure, run_gain_figure
from tutorial_course.plots.ch2.introspection_heads import (
    calibration_figure,
    head_gains_figure,
    introspective_features_figure,
)
from tutorial_course.plots.ch2.paradigms import embedding_figure, question_areas_figure
from tutorial_course.plots.ch2.randomization import cascade_figure

__all__ = [
    "OBJECTIVES",
    "calibration_figure",
    "cascade_figure",
    "corruption_gain_figure",
    "deletion_figure",
    "embedding_figure",
    "explanation_uncertainty_figure",
    "faithfulness_figure",
    "fisher_divergence_figure",
    "fisher_factor_figure",
    "gain_by_pair_figure",
    "gallery_figure",
    "head_gains_figure",
    "introspective_features_figure",
    "objective_map_figure",
    "pair_map_figure",
    "path_figure",
    "question_areas_figure",
    "run_gain_figure",
    "voice_auroc_figure",
]
