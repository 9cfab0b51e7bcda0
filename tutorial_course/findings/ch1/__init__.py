"""The numbers behind the sentences of chapter 1."""

from tutorial_course.findings.ch1.deep_gradients import gradient_autocorrelation, layer_gradient_norms
from tutorial_course.findings.ch1.descent import (
    BatchNoise,
    StabilityTest,
    measure_stability,
    minibatch_noise,
    random_walk_share,
)
from tutorial_course.findings.ch1.gradient_products import count_flops, product_costs
from tutorial_course.findings.ch1.novel_data import (
    Estimate,
    Reliability,
    mean_estimate,
    proportion,
    reliability,
    stored_reliability,
)

__all__ = [
    "BatchNoise",
    "Estimate",
    "Reliability",
    "StabilityTest",
    "count_flops",
    "gradient_autocorrelation",
    "layer_gradient_norms",
    "mean_estimate",
    "measure_stability",
    "minibatch_noise",
    "product_costs",
    "proportion",
    "random_walk_share",
    "reliability",
    "stored_reliability",
]
