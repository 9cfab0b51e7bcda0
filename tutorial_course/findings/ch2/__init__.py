"""The numbers behind the sentences of chapter 2."""

from tutorial_course.findings.ch2.intervals import Interval, mean_interval, proportion_interval
from tutorial_course.findings.ch2.randomization import cascade_similarity, similarity_rows
from tutorial_course.findings.ch2.second_stage_gains import (
    accuracy_gains,
    gain_by_corruption,
    network_means,
    t_interval,
)
from tutorial_course.findings.ch2.side_by_side import mcnemar_p_value, peak_hits

__all__ = [
    "Interval",
    "accuracy_gains",
    "cascade_similarity",
    "gain_by_corruption",
    "mcnemar_p_value",
    "mean_interval",
    "network_means",
    "peak_hits",
    "proportion_interval",
    "similarity_rows",
    "t_interval",
]
