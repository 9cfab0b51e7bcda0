"""The numbers behind the sentences of chapter 5."""

from tutorial_course.findings.ch5.decision_tree import Leaf, decision_leaf, decision_tree, decision_tree_text
from tutorial_course.findings.ch5.scoreboard import TASKS, Decision, Task, measured_time, scoreboard_table

__all__ = [
    "TASKS",
    "Decision",
    "Leaf",
    "Task",
    "decision_leaf",
    "decision_tree",
    "decision_tree_text",
    "measured_time",
    "scoreboard_table",
]
