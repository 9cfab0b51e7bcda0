"""Exercise 3: the verdict on a claim, from measurements of a method, a baseline and a control."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

import torch
from torch import Tensor

from tutorial_course.exercises import Exercise


class VerdictCode(IntEnum):
    """The verdicts of the claims table that a measurement can lead to.

    Attributes:
        CONFIRMED_IN_PAPER_SETTING: confirmed in the paper's setting.
        CONFIRMED_HERE: confirmed in our setting, not tested in the paper's.
        CONTROL_AS_GOOD: confirmed, but a control performs equally well.
        NOT_CONFIRMED_HERE: not confirmed in our setting, which differs from the paper's.
        NOT_CONFIRMED_IN_PAPER_SETTING: not confirmed in the paper's setting.
    """

    CONFIRMED_IN_PAPER_SETTING = 1
    CONFIRMED_HERE = 2
    CONTROL_AS_GOOD = 3
    NOT_CONFIRMED_HERE = 4
    NOT_CONFIRMED_IN_PAPER_SETTING = 5


Verdict = tuple[int, Tensor]


def reference_verdict(method: Tensor, baseline: Tensor, control: Tensor, differs: int) -> Verdict:
    """Return the verdict, and the mean difference from the baseline.

    A mean difference counts if it is larger than twice its standard error, std / √seeds.

    Args:
        method: results of the method by seed (seeds,); higher is better.
        baseline: results of the baseline with the same seeds (seeds,).
        control: results of the control with the same seeds (seeds,).
        differs: number of parts of the setting that differ from that of the paper.

    Returns:
        The verdict, and the mean of method − baseline, ().
    """
    return _decide(method, baseline, control, differs)


def _is_significant(difference: Tensor) -> bool:
    """Whether the mean difference is larger than twice its standard error."""
    return bool(difference.mean() > 2 * difference.std() / len(difference) ** 0.5)


def _verdict_code(differs: int, better: bool, better_than_control: bool) -> int:
    """The verdict."""
    if not better:
        return VerdictCode.NOT_CONFIRMED_HERE if differs else VerdictCode.NOT_CONFIRMED_IN_PAPER_SETTING
    if not better_than_control:
        return VerdictCode.CONTROL_AS_GOOD
    return VerdictCode.CONFIRMED_HERE if differs else VerdictCode.CONFIRMED_IN_PAPER_SETTING


def _decide(
    method: Tensor,
    baseline: Tensor,
    control: Tensor,
    differs: int,
    *,
    better: Callable[[Tensor], bool] = _is_significant,
    reported: Callable[[Tensor], Tensor] = Tensor.mean,
    better_than_control: Callable[[Tensor], bool] = _is_significant,
    n_differences: Callable[[int], int] = lambda differs: differs,
) -> Verdict:
    """The solution, with its frequent mistakes as parameters: both tests, the reported number, and the setting."""
    difference = method - baseline
    code = _verdict_code(n_differences(differs), better(difference), better_than_control(method - control))
    return code, reported(difference)


def _mistake(**changed) -> Callable[..., Verdict]:
    """The solution with other parameters."""
    return lambda *arguments: _decide(*arguments, **changed)


def _make_case(*columns: list[float], differs: int) -> tuple:
    """A case: the results of the method, the baseline and the control, and the number of differences."""
    return (*(torch.tensor(column, dtype=torch.float64) for column in columns), differs)


verdict = Exercise(
    name="verdict",
    reference=reference_verdict,
    outputs=("the verdict", "the difference"),
    cases=(
        _make_case([0.81, 0.84, 0.83], [0.74, 0.76, 0.77], [0.75, 0.78, 0.76], differs=3),
        _make_case([0.81, 0.84, 0.83], [0.74, 0.76, 0.77], [0.80, 0.85, 0.82], differs=2),
        _make_case([0.72, 0.79, 0.74, 0.72], [0.70, 0.71, 0.73, 0.72], [0.69, 0.70, 0.70, 0.71], differs=3),
        _make_case([0.72, 0.79, 0.74, 0.72], [0.70, 0.71, 0.73, 0.72], [0.69, 0.70, 0.70, 0.71], differs=0),
        _make_case([0.91, 0.92, 0.93, 0.92], [0.84, 0.86, 0.85, 0.86], [0.85, 0.84, 0.86, 0.85], differs=0),
        _make_case([0.60, 0.62, 0.61], [0.66, 0.67, 0.65], [0.58, 0.60, 0.57], differs=1),
    ),
    known_mistakes={
        "You report the best seed. Even if a method has no effect, the best of ten seeds will look better. Which "
        "number summarizes all seeds?": (
            _mistake(reported=Tensor.max),
            _mistake(reported=Tensor.max, better=lambda difference: bool(difference.max() > 0)),
            lambda method, baseline, control, differs: (
                reference_verdict(method, baseline, control, differs)[0],
                method.max() - baseline.mean(),
            ),
        ),
        "You confirm a claim although a control performs equally well. This happens in the second case. How large is "
        "the difference between the method and the control there?": (
            _mistake(better_than_control=lambda difference: True),
            _mistake(better_than_control=lambda difference: bool(difference.mean() > 0)),
        ),
        "You return “not confirmed in the paper's setting” for a setting that is not that of the paper. In the third "
        "case, three of the five parts of the setting differ. Which verdict is possible then?": (
            _mistake(n_differences=lambda differs: 0),
            lambda method, baseline, control, differs: (
                VerdictCode.NOT_CONFIRMED_IN_PAPER_SETTING
                if not _is_significant(method - baseline)
                else reference_verdict(method, baseline, control, differs)[0],
                (method - baseline).mean(),
            ),
        ),
        "You count a difference as an improvement although it is smaller than its own variation. In the third case, "
        "the difference is small for three seeds and large for one. How much could the mean change with other seeds?": (
            _mistake(better=lambda difference: bool(difference.mean() > 0)),
            _mistake(better=lambda difference: bool(difference.mean() > difference.std() / len(difference) ** 0.5)),
        ),
    },
    fallback_hint=(
        "take the first case and compute the three differences, their mean and twice their standard error; then do the "
        "same for the control"
    ),
    success_message="Others can check a verdict that follows explicit rules.",
)
