"""The capstone project: a report that is rejected without an interval, a control or an unseen source, and a rubric."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from tutorial_course.findings.core import markdown_table
from tutorial_course.findings.intervals import Interval, mean_interval
from tutorial_course.results.claims import is_ahead
from tutorial_course.results.claims.rules import Estimate
from tutorial_course.widgets.markdown import MarkdownText
from tutorial_lib._validation import check_choice

MIN_UNITS = 5  # with fewer units, print the values themselves
MIN_WORDS = 8  # a failure that is explained needs a sentence


@dataclass(frozen=True)
class Criterion:
    """A part of the rubric.

    Attributes:
        part: the part of the report.
        full: what earns four points.
        half: what earns two points.
        none: what earns no point.
    """

    part: str
    full: str
    half: str
    none: str


RUBRIC = (
    Criterion(
        "method",
        "The objective, the variables and the computed quantity are named.",
        "One of the three is missing or wrong.",
        "Only the name of the method is given.",
    ),
    Criterion(
        "controls",
        "The best method without a backward pass is compared on the same inputs, at its best setting.",
        "A control is compared, but it has weaker inputs or its default setting.",
        "There is no control.",
    ),
    Criterion(
        "unseen source",
        "The new source was used for the final test only.",
        "A threshold or a layer was chosen on part of the source, and the report says so.",
        "The source was used for training, or the report does not say how it was used.",
    ),
    Criterion(
        "numbers",
        "Each difference is paired and has a confidence interval that is computed over units.",
        "There are intervals, but they are computed over dependent images or without pairing.",
        "There are no intervals.",
    ),
    Criterion(
        "failure",
        "A failure is shown, with an explanation and an experiment that could refute it.",
        "A failure is shown without such an experiment.",
        "No failure is shown.",
    ),
)


def rubric_table() -> MarkdownText:
    """Return the rubric with partial credit as a table.

    Returns:
        A row per part of the report.

    Example:
        >>> print(rubric_table().splitlines()[0])
        | part | 4 points | 2 points | 0 points |
    """
    headings = {"part": "part", "full": "4 points", "half": "2 points", "none": "0 points"}
    return markdown_table([vars(criterion) for criterion in RUBRIC], headings)


def capstone_report(
    *,
    question: str,
    source: str,
    used_sources: Collection[str],
    unit: str,
    values: Mapping[str, Tensor],
    gradient: str,
    control: str,
    margin: float,
    failure: str,
    test_of_failure: str,
) -> MarkdownText:
    """Return the report of a capstone project, or reject it with the reason.

    The difference of gradient and control is paired, and its interval is over the units.

    Args:
        question: the question that the report answers.
        source: the source of images on which the methods are tested.
        used_sources: every source that was used for training, for thresholds, or to choose a layer or a method.
        unit: what a repetition of the experiment would replace, such as "photograph".
        values: by method, one value per unit, such as the AUROC of its images; higher is better.
        gradient: name of the gradient method in ``values``.
        control: name of the best method without a backward pass in ``values``.
        margin: difference that does not matter.
        failure: a failure that was found, as a sentence.
        test_of_failure: an experiment that could refute the explanation of the failure, as a sentence.

    Returns:
        The report in Markdown: a table of all methods, the paired difference, the decision and the failure.

    Raises:
        ValueError: the source is not unseen, there is no control, there are too few units for an interval, or the
            failure is not explained.

    Example:
        >>> capstone_report(
        ...     question="Which score separates photographs from signs?", source="photographs",
        ...     used_sources=["photographs"], unit="photograph", values={}, gradient="norm", control="energy",
        ...     margin=0.05, failure="", test_of_failure="")
        Traceback (most recent call last):
            ...
        ValueError: rejected: the source 'photographs' is not unseen, because it was used for training or for a ...
    """
    if source in used_sources:
        raise ValueError(
            f"rejected: the source {source!r} is not unseen, because it was used for training or for a choice. Test on "
            "another source"
        )
    if gradient == control or control not in values:
        raise ValueError(
            "rejected: there is no control. Pass the values of a method without a backward pass, and its name as "
            f"control; got {control!r}, and values for {', '.join(values) or 'no method'}"
        )
    method, reference = (values[check_choice(name, values, "method")].double() for name in (gradient, control))
    if method.shape != reference.shape or method.dim() != 1 or len(method) < MIN_UNITS:
        raise ValueError(
            f"rejected: no interval can be computed. Give one value per {unit} for both methods, and at least "
            f"{MIN_UNITS}; got {tuple(method.shape)} and {tuple(reference.shape)}"
        )
    if min(len(failure.split()), len(test_of_failure.split())) < MIN_WORDS:
        raise ValueError(
            "rejected: describe a failure, and an experiment that could refute its explanation, each in a full sentence"
        )
    difference = mean_interval(method - reference)
    rows = [{"method": name, "mean": f"{mean_interval(torch.as_tensor(v)):.2f}"} for name, v in values.items()]
    table = markdown_table(rows, {"method": "method", "mean": f"mean (95% interval), with the {unit} as the unit"})
    return MarkdownText(
        f"**Question.** {question}\n\n{table}\n\n"
        f"**Result.** The mean difference ({gradient} − {control}) is {difference:+.3f}, computed over {len(method)} "
        f"units (unit: {unit}). {_decision(difference, margin, gradient, control)}\n\n"
        f"**Source.** The new source ({source}) was used for the test only. Sources that were used before: "
        f"{', '.join(used_sources)}.\n\n**Failure.** {failure} **Test.** {test_of_failure}"
    )


def _decision(difference: Interval, margin: float, gradient: str, control: str) -> str:
    """The decision, by the rule of the claims table."""
    ahead = is_ahead([Estimate(*difference)], margin)
    if ahead is None:
        return "The interval is inconclusive."
    better = f"The gradient method ({gradient}) performs better than the control ({control})."
    return better if ahead else f"The control ({control}) performs equally well or better."
