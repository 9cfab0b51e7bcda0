"""Exercise 3: write a verdict."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

import torch
from torch import Tensor

from tutorial_course.exercises import Exercise


class VerdictCode(IntEnum):
    """The verdicts of the ledger that a measurement can lead to."""

    SEEN_IN_THEIRS = 1  # seen in the paper's setting
    SEEN_IN_OURS = 2  # seen in ours, not tested in the paper's
    CONTROL_AS_WELL = 3  # seen, and a control does as well
    NOT_SEEN_IN_OURS = 4  # not seen in ours; the settings differ in …
    NOT_SEEN_IN_THEIRS = 5  # not seen in the paper's setting


Judged = tuple[int, Tensor]


def reference_verdict(method: Tensor, baseline: Tensor, control: Tensor, differs: int) -> Judged:
    """The verdict, and the mean lead over the baseline. A lead counts where it is more than twice its standard error.

    method, baseline, control: (seeds,), the same seeds for each, higher = better; differs: parts of the setting that are not the
    paper's. Standard error of a mean: std / √seeds, with torch's std.
    """
    return decide(method, baseline, control, differs)


def significant_lead(lead: Tensor) -> bool:
    return bool(lead.mean() > 2 * lead.std() / len(lead) ** 0.5)


def verdict_code(differs: int, ahead: bool, ahead_of_control: bool) -> int:
    if not ahead:
        return VerdictCode.NOT_SEEN_IN_OURS if differs else VerdictCode.NOT_SEEN_IN_THEIRS
    if not ahead_of_control:
        return VerdictCode.CONTROL_AS_WELL
    return VerdictCode.SEEN_IN_OURS if differs else VerdictCode.SEEN_IN_THEIRS


def decide(
    method: Tensor,
    baseline: Tensor,
    control: Tensor,
    differs: int,
    *,
    wins: Callable[[Tensor], bool] = significant_lead,
    lead: Callable[[Tensor], Tensor] = Tensor.mean,
    beside: Callable[[Tensor], bool] = significant_lead,
    parts: Callable[[int], int] = lambda differs: differs,
) -> Judged:
    """The right lines, with what goes wrong left open: what is a win, what is reported, whether the control counts, which setting."""
    over = method - baseline
    return verdict_code(parts(differs), wins(over), beside(method - control)), lead(over)


def mistake(**changed) -> Callable[..., Judged]:
    return lambda *arguments: decide(*arguments, **changed)


def make_case(*columns: list[float], differs: int) -> tuple:
    return (*(torch.tensor(column, dtype=torch.float64) for column in columns), differs)


verdict = Exercise(
    name="verdict",
    reference=reference_verdict,
    outputs=("the words", "the lead"),
    cases=(
        make_case([0.81, 0.84, 0.83], [0.74, 0.76, 0.77], [0.75, 0.78, 0.76], differs=3),
        make_case([0.81, 0.84, 0.83], [0.74, 0.76, 0.77], [0.80, 0.85, 0.82], differs=2),
        make_case([0.72, 0.79, 0.74, 0.72], [0.70, 0.71, 0.73, 0.72], [0.69, 0.70, 0.70, 0.71], differs=3),
        make_case([0.72, 0.79, 0.74, 0.72], [0.70, 0.71, 0.73, 0.72], [0.69, 0.70, 0.70, 0.71], differs=0),
        make_case([0.91, 0.92, 0.93, 0.92], [0.84, 0.86, 0.85, 0.86], [0.85, 0.84, 0.86, 0.85], differs=0),
        make_case([0.60, 0.62, 0.61], [0.66, 0.67, 0.65], [0.58, 0.60, 0.57], differs=1),
    ),
    known_mistakes={
        "The best seed is reported. Draw ten seeds of a method that does nothing, and one of them will lead: which number "
        "belongs to all of them?": (
            mistake(lead=Tensor.max),
            mistake(lead=Tensor.max, wins=lambda lead: bool(lead.max() > 0)),
            lambda method, baseline, control, differs: (
                reference_verdict(method, baseline, control, differs)[0],
                method.max() - baseline.mean(),
            ),
        ),
        "It is called seen although a control does as well. The second case has one: what is left of the lead beside it?": (
            mistake(beside=lambda lead: True),
            mistake(beside=lambda lead: bool(lead.mean() > 0)),
        ),
        "“Not seen in the paper's setting” is said of a setting that is not the paper's. Three of its five parts differ in the third "
        "case: what may then be said?": (
            mistake(parts=lambda differs: 0),
            lambda method, baseline, control, differs: (
                VerdictCode.NOT_SEEN_IN_THEIRS
                if not significant_lead(method - baseline)
                else reference_verdict(method, baseline, control, differs)[0],
                (method - baseline).mean(),
            ),
        ),
        "A difference within its own spread is called a win. In the third case three seeds lead by nothing or little, and one by "
        "much: how far would the mean move with four others?": (
            mistake(wins=lambda lead: bool(lead.mean() > 0)),
            mistake(wins=lambda lead: bool(lead.mean() > lead.std() / len(lead) ** 0.5)),
        ),
    },
    fallback_hint="take the first case: write the three differences, their mean and twice their standard error, then ask the control the same",
    success_message="Words with rules are slower than an adjective, and last longer.",
)
