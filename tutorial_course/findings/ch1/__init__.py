"""The numbers behind the sentences of chapter 1, one module per topic."""

from tutorial_course.findings.ch1.data_attribution import (
    best_label_score,
    digit_problem,
    fit_softmax,
    label_curves,
    label_score_rows,
    leave_one_out_changes,
    softmax_gradients,
    softmax_hessian,
)
from tutorial_course.findings.ch1.decomposition import (
    describe_groups,
    green_sign_rows,
    novelty_rows,
    positive_control_rows,
    without_color,
)
from tutorial_course.findings.ch1.deep_gradients import gradient_autocorrelation, layer_gradient_norms
from tutorial_course.findings.ch1.descent import (
    BatchNoise,
    StabilityTest,
    measure_stability,
    minibatch_noise,
)
from tutorial_course.findings.ch1.gradient_products import count_flops, product_costs
from tutorial_course.findings.ch1.landscapes import path_losses, path_with_equal_steps, trajectory_shares
from tutorial_course.findings.ch1.linearization import radius_rows
from tutorial_course.findings.ch1.manifolds import (
    all_trust_score_rows,
    coordinate_correlation,
    paired_auroc_difference,
    trust_score_rows,
    trust_score_summary,
)
from tutorial_course.findings.ch1.networks import (
    exclusive_or_accuracy,
    is_doubly_block_toeplitz,
    language_model_sizes,
    shift_deviation,
    transformer_parameters,
)
from tutorial_course.findings.ch1.novel_data import (
    Estimate,
    Reliability,
    mean_estimate,
    proportion,
    reliability,
    stored_reliability,
)
from tutorial_course.findings.ch1.sequential_training import (
    best_strengths,
    corrupted_accuracy,
    curriculum_curves,
    curriculum_table,
    forgetting_curves,
    forgetting_facts,
    old_accuracy,
    query_table,
    switch_means,
)
from tutorial_course.findings.ch1.toy_surfaces import SURFACES, ToySurface, classify_trajectory, quadratic

__all__ = [
    "SURFACES",
    "ToySurface",
    "classify_trajectory",
    "quadratic",
    "BatchNoise",
    "Estimate",
    "Reliability",
    "StabilityTest",
    "all_trust_score_rows",
    "best_label_score",
    "best_strengths",
    "coordinate_correlation",
    "corrupted_accuracy",
    "count_flops",
    "curriculum_curves",
    "curriculum_table",
    "describe_groups",
    "digit_problem",
    "exclusive_or_accuracy",
    "fit_softmax",
    "forgetting_curves",
    "forgetting_facts",
    "gradient_autocorrelation",
    "green_sign_rows",
    "is_doubly_block_toeplitz",
    "label_curves",
    "label_score_rows",
    "language_model_sizes",
    "layer_gradient_norms",
    "leave_one_out_changes",
    "mean_estimate",
    "measure_stability",
    "minibatch_noise",
    "novelty_rows",
    "old_accuracy",
    "paired_auroc_difference",
    "path_losses",
    "path_with_equal_steps",
    "positive_control_rows",
    "product_costs",
    "proportion",
    "query_table",
    "radius_rows",
    "reliability",
    "shift_deviation",
    "softmax_gradients",
    "softmax_hessian",
    "stored_reliability",
    "switch_means",
    "trajectory_shares",
    "transformer_parameters",
    "trust_score_rows",
    "trust_score_summary",
    "without_color",
]
