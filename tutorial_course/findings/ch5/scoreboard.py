"""The scoreboard: for each task, what a gradient adds to the best control that needs no backward pass.

The differences come from the claims and from stored results, so that the scoreboard changes when they change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from tutorial_course._numbers import typeset_numbers
from tutorial_course.findings.core import markdown_table
from tutorial_course.methods import METHODS
from tutorial_course.results import load_result
from tutorial_course.results.claims import (
    CLAIMS,
    CONFIRMED_HERE,
    CONFIRMED_IN_PAPER_SETTING,
    Claim,
    Estimate,
    Evidence,
    is_ahead,
)
from tutorial_course.results.claims.rules import AUROC_MARGIN, table
from tutorial_course.widgets.markdown import MarkdownText
from tutorial_course.widgets.section_links import section_link

if TYPE_CHECKING:
    import pandas


class Decision(StrEnum):
    """What the stored intervals say about a gradient and its control.

    Attributes:
        GRADIENT: the gradient performs better than the control.
        CONTROL: the control is at most the margin behind the gradient, or ahead of it.
        UNDECIDED: the intervals are too wide, or they disagree.
        NO_INTERVAL: no interval of the difference is stored.
    """

    GRADIENT = "the gradient performs better"
    CONTROL = "the control performs equally well or better"
    UNDECIDED = "inconclusive"
    NO_INTERVAL = "no interval stored"


@dataclass(frozen=True)
class Task:
    """A row of the scoreboard.

    Attributes:
        group: the kind of question, a branch of the decision tree.
        question: the question that a user has.
        section: the section that answers it.
        gradient: the gradient method.
        control: the best control that needs no backward pass.
        metric: what the difference is a difference of.
        method: name of the gradient method in ``METHODS``; None if it is not one of them.
        claim: identifier of the claim that is tested; None if there is none.
        stored: function that computes the evidence from stored results if the claim has none.
    """

    group: str
    question: str
    section: str
    gradient: str
    control: str
    metric: str
    method: str | None = None
    claim: str | None = None
    stored: Callable[[], Evidence] | None = None

    def find_claim(self) -> Claim | None:
        """Return the claim of this task.

        Returns:
            The claim; None if the task has none, or if the table of claims does not contain it.
        """
        return next((claim for claim in CLAIMS if claim.id == self.claim), None)

    def evidence(self) -> Evidence | None:
        """Return the stored intervals of the differences.

        Returns:
            The evidence of the claim, or else of the stored results; None if no interval is stored.
        """
        claim = self.find_claim()
        evidence = claim.intervals if claim is not None else None  # which the claim computes once
        if evidence is not None and (evidence.leads or evidence.over_control):
            return evidence
        return self.stored() if self.stored else None

    def leads(self) -> list[Estimate]:
        """Return the difference of gradient and control in each setting, positive if the gradient is better.

        Returns:
            The lead over the control that needs no backward pass; if the claim has none, the lead that it states.
        """
        evidence = self.evidence()
        if evidence is None:
            return []
        return list(evidence.over_control or evidence.leads)

    def decision(self) -> Decision:
        """Return what the intervals say.

        Returns:
            The decision. If the claim has intervals, it is in favor of the gradient only if the claim is confirmed.
        """
        leads, evidence, claim = self.leads(), self.evidence(), self.find_claim()
        if evidence is None or not leads:
            return Decision.NO_INTERVAL
        ahead = is_ahead(leads, evidence.margin)
        if ahead is not None and not ahead:
            return Decision.CONTROL
        tested = claim is not None and claim.evidence is not None
        confirmed = not tested or claim.verdict in (CONFIRMED_HERE, CONFIRMED_IN_PAPER_SETTING)
        return Decision.GRADIENT if ahead and confirmed else Decision.UNDECIDED


def _select(rows: pandas.DataFrame, values: Mapping[str, Any]) -> pandas.DataFrame:
    """The rows with these values; none if a column does not exist."""
    for column, value in values.items():
        rows = rows[rows[column] == value] if column in rows else rows.iloc[:0]
    return rows


def ood_detector_over_activations() -> Evidence:
    """Return the lead of a detector on gradient norms over the same detector on activation norms.

    Returns:
        The difference of the AUROC for each of five networks and each type of abnormal image, where both detectors are
        trained on the tested type; without leads if it is not stored.
    """
    columns = {
        "kind": "detector lead",
        "trained": "own type",
        "score": "gradient norms",
        "reference": "activation norms",
    }
    rows = _select(table("ood_detection"), columns)
    leads = [Estimate(*row) for row in rows[["lead", "low", "high"]].itertuples(index=False)] if len(rows) else []
    return Evidence(leads, AUROC_MARGIN)


def odd_sign_over_loss() -> Evidence:
    """Return the lead of the local mismatch over the local loss in finding an odd sign among others.

    Returns:
        The difference of the hit rate and of the AUC among signs; without leads if they are not stored.
    """
    rows = table("saliency")
    rows = _select(rows, {"kind": "arrays, difference", "map": "local mismatch", "compared with": "local loss"})
    leads = []
    for metric in ("hit rate", "auc among signs"):
        columns = [metric, f"{metric}, low", f"{metric}, high"]
        if set(columns) <= set(rows.columns):
            leads += [Estimate(*map(float, values)) for values in rows[columns].to_numpy()]
    return Evidence(leads, AUROC_MARGIN)


EXPLAIN, TRUST, NOVEL, ATTACK, IMAGE = (
    "Why this prediction?",
    "Is this prediction or this label wrong?",
    "Is this image unlike the training images?",
    "Is the network robust to a deliberate change?",
    "How good is this image, and where do people look?",
)
TASKS = (
    Task(
        EXPLAIN,
        "Where is the object that was classified?",
        "2.B",
        "Grad-CAM",
        "center prior",
        "share of maps whose peak lies on the object",
        "Grad-CAM",
        "pointing",
    ),
    Task(
        EXPLAIN,
        "Which pixels separate class P from class Q?",
        "2.3",
        "contrastive map",
        "center prior × smoothed edges",
        "precision at k",
        "contrast CAM",
        "contrast",
    ),
    Task(
        TRUST,
        "Is this prediction wrong?",
        "3.F",
        "GradTrust",
        "MSP",
        "AUROC",
        "GradTrust",
        "gradtrust",
    ),
    Task(
        TRUST,
        "Is the label of this training image wrong?",
        "1.G",
        "self-influence",
        "loss of the image",
        "AUROC",
        claim="wrong-labels",
    ),
    Task(
        TRUST,
        "Can the prediction on a corrupted image be corrected?",
        "2.7",
        "introspective learning",
        "the network alone",
        "accuracy in percentage points",
        "introspection",
        "introspection-robust",
    ),
    Task(
        NOVEL,
        "Is this image out-of-distribution or corrupted?",
        "3.3",
        "gradient-norm detector",
        "activation-norm detector",
        "AUROC",
        "detector on norms",
        stored=ood_detector_over_activations,
    ),
    Task(
        NOVEL,
        "Is this image out-of-distribution, without training a detector?",
        "3.B",
        "GradNorm",
        "MSP",
        "AUROC",
        "GradNorm",
        "gradnorm",
    ),
    Task(
        NOVEL,
        "Does this image belong to an unknown class?",
        "3.D",
        "gradient-norm detector",
        "MSP",
        "AUROC",
        "detector on norms",
        "open-set",
    ),
    Task(
        NOVEL,
        "Is this image an anomaly, if only one class is normal?",
        "3.4",
        "GradCon",
        "best of four scores without a gradient",
        "AUROC",
        "GradCon: a direction",
        "gradcon",
    ),
    Task(
        ATTACK,
        "Which small perturbation changes the prediction?",
        "3.5",
        "PGD attack with ten steps",
        "random noise",
        "success rate",
        "adversarial attacks, many steps",
        "engineered",
    ),
    Task(
        ATTACK,
        "Was this image attacked?",
        "3.6",
        "gradient-norm detector",
        "activation-norm detector",
        "AUROC",
        "detector on norms",
        "detected",
    ),
    Task(
        IMAGE,
        "How good is this image, compared with a clean one?",
        "4.3",
        "gradient distance",
        "HaarPSI",
        "rank correlation",
        "image quality",
        "gradient-distance",
    ),
    Task(
        IMAGE,
        "Where do people look?",
        "4.5",
        "implicit saliency",
        "magnitude of the activation",
        "AUC",
        "implicit saliency",
        "implicit",
    ),
    Task(
        IMAGE,
        "Which sign differs from the others?",
        "4.5",
        "local mismatch",
        "local loss",
        "hit rate, and AUC among signs",
        "local mismatch",
        stored=odd_sign_over_loss,
    ),
)


def backward_passes(task: Task) -> str:
    """Return the backward passes per image of the gradient method of a task.

    Args:
        task: the task.

    Returns:
        A number, or an expression in the letters of ``COST_SYMBOLS``. The self-influence, which the table of methods
        does not contain, is a squared gradient norm and needs one.
    """
    return METHODS[task.method].backward_passes if task.method else "1"


def measured_time(method: str | None, network: str = "resnet18") -> float | None:
    """Return the stored time of a method, in forward passes.

    Args:
        method: name of the method in ``METHODS``, or None.
        network: name of a network in the stored result.

    Returns:
        The time divided by that of a forward pass; None if it was not measured.
    """
    rows = _select(load_result("method_costs"), {"network": network, "method": method})
    return None if rows.empty else float(rows["times a forward pass"].iloc[0])


def format_lead(lead: Estimate) -> str:
    """Return a difference and its interval as text.

    Args:
        lead: the difference with its interval.

    Returns:
        The text, with two decimals.

    Example:
        >>> format_lead(Estimate(0.061, 0.022, 0.1))
        '+0.06 (+0.02 to +0.10)'
    """
    return typeset_numbers(f"{lead.value:+.2f} ({lead.low:+.2f} to {lead.high:+.2f})")


def format_leads(leads: Sequence[Estimate]) -> str:
    """Return all differences of a task as text.

    Args:
        leads: the difference in each setting.

    Returns:
        Up to three differences with their intervals; for more, the range of the differences and the ends of all
        intervals. Without differences, the text says so.
    """
    if not leads:
        return Decision.NO_INTERVAL.value
    if len(leads) <= 3:
        return "; ".join(map(format_lead, leads))
    low, high = min(lead.value for lead in leads), max(lead.value for lead in leads)
    ends = min(lead.low for lead in leads), max(lead.high for lead in leads)
    text = f"{low:+.2f} to {high:+.2f} (intervals from {ends[0]:+.2f} to {ends[1]:+.2f})"
    return f"{len(leads)} settings, " + typeset_numbers(text)


def decision_sentence(task: Task) -> str:
    """Return the decision for a task as a sentence.

    Args:
        task: the task.

    Returns:
        The sentence, which follows from the stored intervals.
    """
    gradient, control = task.gradient, task.control
    return {
        Decision.GRADIENT: f"The gradient method ({gradient}) performs better than the control ({control}).",
        Decision.CONTROL: f"The control ({control}) performs equally well or better, so no gradient is needed.",
        Decision.UNDECIDED: f"The comparison of the gradient method and the control ({control}) is inconclusive.",
        Decision.NO_INTERVAL: "No interval of the difference is stored, so we draw no conclusion.",
    }[task.decision()]


def scoreboard_table(tasks: Sequence[Task] = TASKS) -> MarkdownText:
    """Return the scoreboard as a table.

    Args:
        tasks: the tasks, one per row.

    Returns:
        A table with the task, the gradient, the control, the difference with its interval, the cost and the decision.

    Example:
        >>> print(scoreboard_table().splitlines()[0])
        | task | gradient method | best control without a backward pass | difference (95% interval) | cost | decision |
    """
    rows = []
    for task in tasks:
        time = measured_time(task.method)
        cost = f"backward passes: {backward_passes(task)}" + (f"; time: {time:.1f} forward passes" if time else "")
        rows.append(
            {
                "task": f"{task.question}<br>{section_link(task.section)}",
                "gradient": task.gradient,
                "control": task.control,
                "difference": f"{task.metric}: {format_leads(task.leads())}",
                "cost": cost,
                "decision": decision_sentence(task),
            }
        )
    headings = {
        "task": "task",
        "gradient": "gradient method",
        "control": "best control without a backward pass",
        "difference": "difference (95% interval)",
        "cost": "cost",
        "decision": "decision",
    }
    return markdown_table(rows, headings)
