"""The decision tree: from a question to the control, and to a gradient only where the scoreboard is in its favor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tutorial_course.findings.ch5.scoreboard import TASKS, Decision, Task, backward_passes
from tutorial_course.widgets.markdown import MarkdownText


@dataclass(frozen=True)
class Leaf:
    """One path through the decision tree.

    Attributes:
        group: the kind of question, the first branch.
        question: the question, the second branch.
        control: the control that is tried first.
        advice: what to do if the control is not sufficient.
        use_gradient: whether the path ends at the gradient; otherwise it stops at the control.
    """

    group: str
    question: str
    control: str
    advice: str
    use_gradient: bool


def decision_leaf(task: Task) -> Leaf:
    """Return the path of a task, which stops at the control unless the gradient is ahead of it.

    Args:
        task: a row of the scoreboard.

    Returns:
        The path.
    """
    decision = task.decision()
    advice = {
        Decision.GRADIENT: f"continue with the gradient ({task.gradient}; backward passes: {backward_passes(task)})",
        Decision.CONTROL: f"stop, because the gradient ({task.gradient}) performs no better",
        Decision.UNDECIDED: f"stop, because the result for the gradient ({task.gradient}) is inconclusive",
        Decision.NO_INTERVAL: f"stop, because no interval is stored for the gradient ({task.gradient})",
    }[decision]
    return Leaf(task.group, task.question, task.control, advice, decision == Decision.GRADIENT)


def decision_tree(tasks: Sequence[Task] = TASKS) -> dict[str, list[Leaf]]:
    """Return the decision tree.

    Args:
        tasks: the rows of the scoreboard.

    Returns:
        The paths by kind of question, in the order of the tasks.
    """
    tree: dict[str, list[Leaf]] = {}
    for task in tasks:
        tree.setdefault(task.group, []).append(decision_leaf(task))
    return tree


def decision_tree_text(tree: dict[str, list[Leaf]]) -> MarkdownText:
    """Return the decision tree as nested lists, for readers of a screen reader and for search.

    Args:
        tree: the paths by kind of question.

    Returns:
        The lists in Markdown.

    Example:
        >>> leaf = Leaf("Why?", "Where is it?", "center prior", "stop, because Grad-CAM performs no better", False)
        >>> print(decision_tree_text({"Why?": [leaf]}))
        - **Why?**
            - *Where is it?* Use this control first: center prior. If it is not sufficient, stop, because Grad-CAM ...
    """
    lines = []
    for group, leaves in tree.items():
        lines.append(f"- **{group}**")
        for leaf in leaves:
            lines.append(
                f"    - *{leaf.question}* Use this control first: {leaf.control}. If it is not sufficient, "
                f"{leaf.advice}."
            )
    return MarkdownText("\n".join(lines))
