"""The numbers behind the sentences of chapter 5."""

from tutorial_course.findings.ch5.decision_tree import Leaf, decision_leaf, decision_tree, decision_tree_text
from tutorial_course.findings.ch5.open_questions import (
    SIGN_NETWORKS,
    accuracy_after_second_image,
    map_distance,
    sketch_summary,
)
from tutorial_course.findings.ch5.scoreboard import TASKS, Decision, Task, measured_time, scoreboard_table
from tutorial_course.findings.ch5.worked_example import (
    PHOTOGRAPHS,
    auroc_by_photograph,
    best_of_many,
    detected_by_photograph,
    false_positive_rate,
    photograph_pieces,
)
from tutorial_course.findings.intervals import Interval, mean_interval, proportion_interval

__all__ = [
    "PHOTOGRAPHS",
    "SIGN_NETWORKS",
    "TASKS",
    "Decision",
    "Interval",
    "Leaf",
    "Task",
    "accuracy_after_second_image",
    "auroc_by_photograph",
    "best_of_many",
    "decision_leaf",
    "decision_tree",
    "decision_tree_text",
    "detected_by_photograph",
    "false_positive_rate",
    "map_distance",
    "mean_interval",
    "measured_time",
    "photograph_pieces",
    "proportion_interval",
    "scoreboard_table",
    "sketch_summary",
]
