"""The numbers behind the sentences of chapter 2."""

from tutorial_course.findings.ch2.counterfactual_pairs import CorrectPairs, sample_correct_pairs, stored_intervals
from tutorial_course.findings.ch2.fisher_information import GROUPS, fisher_by_prediction
from tutorial_course.findings.ch2.intervals import Interval, mean_interval, proportion_interval
from tutorial_course.findings.ch2.locality import backward_time_share, receptive_field
from tutorial_course.findings.ch2.two_signs import TwoSignScenes, control_maps, logit_changes, sample_two_sign_scenes

__all__ = [
    "GROUPS",
    "CorrectPairs",
    "Interval",
    "TwoSignScenes",
    "backward_time_share",
    "control_maps",
    "fisher_by_prediction",
    "logit_changes",
    "mean_interval",
    "proportion_interval",
    "receptive_field",
    "sample_correct_pairs",
    "sample_two_sign_scenes",
    "stored_intervals",
]
