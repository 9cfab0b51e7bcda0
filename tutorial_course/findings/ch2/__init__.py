"""The numbers behind the sentences of chapter 2."""

from tutorial_course.findings.ch2.axioms import axiom_gaps
from tutorial_course.findings.ch2.counterfactual_pairs import (
    CorrectPairs,
    difference_intervals,
    most_precise_edges,
    sample_correct_pairs,
    stored_intervals,
)
from tutorial_course.findings.ch2.faithfulness import (
    METHODS,
    best_center_prior,
    chance_rank_correlation,
    difference_from_center,
    difference_from_edges,
    faithfulness_over_networks,
)
from tutorial_course.findings.ch2.fisher_information import GROUPS, fisher_by_prediction
from tutorial_course.findings.ch2.head_gain import head_gain
from tutorial_course.findings.ch2.locality import backward_time_share, receptive_field
from tutorial_course.findings.ch2.paradigms import highlighted_shares, neighbor_agreement
from tutorial_course.findings.ch2.randomization import cascade_similarity, similarity_rows
from tutorial_course.findings.ch2.second_stage_gains import (
    accuracy_gains,
    gain_by_corruption,
    network_means,
    runs_by_network,
)
from tutorial_course.findings.ch2.side_by_side import mcnemar_p_value, peak_hits
from tutorial_course.findings.ch2.two_signs import (
    TwoSignScenes,
    control_maps,
    gains_over_controls,
    logit_changes,
    sample_two_sign_scenes,
)
from tutorial_course.findings.intervals import (
    Interval,
    interval_over_groups,
    mean_interval,
    proportion_interval,
    t_interval,
)

__all__ = [
    "CorrectPairs",
    "GROUPS",
    "Interval",
    "METHODS",
    "TwoSignScenes",
    "accuracy_gains",
    "axiom_gaps",
    "backward_time_share",
    "best_center_prior",
    "cascade_similarity",
    "chance_rank_correlation",
    "control_maps",
    "gains_over_controls",
    "difference_from_center",
    "difference_from_edges",
    "difference_intervals",
    "faithfulness_over_networks",
    "fisher_by_prediction",
    "gain_by_corruption",
    "head_gain",
    "highlighted_shares",
    "interval_over_groups",
    "logit_changes",
    "mcnemar_p_value",
    "mean_interval",
    "most_precise_edges",
    "neighbor_agreement",
    "network_means",
    "peak_hits",
    "proportion_interval",
    "receptive_field",
    "runs_by_network",
    "sample_correct_pairs",
    "sample_two_sign_scenes",
    "similarity_rows",
    "stored_intervals",
    "t_interval",
]
