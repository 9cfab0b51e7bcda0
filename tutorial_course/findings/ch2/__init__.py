"""The numbers behind the sentences of chapter 2."""

from tutorial_course.findings.ch2.axioms import axiom_gaps
from tutorial_course.findings.ch2.faithfulness import (
    METHODS,
    best_centre_prior,
    chance_rank_correlation,
    difference_from_centre,
    faithfulness_over_networks,
)
from tutorial_course.findings.ch2.group_intervals import interval_over_groups
from tutorial_course.findings.ch2.intervals import Interval, mean_interval, proportion_interval
from tutorial_course.findings.ch2.introspection import head_gain
from tutorial_course.findings.ch2.paradigms import highlighted_shares, neighbour_agreement

__all__ = [
    "METHODS",
    "Interval",
    "axiom_gaps",
    "best_centre_prior",
    "chance_rank_correlation",
    "difference_from_centre",
    "faithfulness_over_networks",
    "head_gain",
    "highlighted_shares",
    "interval_over_groups",
    "mean_interval",
    "neighbour_agreement",
    "proportion_interval",
]
