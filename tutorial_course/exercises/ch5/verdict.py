"""Exercise 3: the verdict on a claim, from measurements of a method, a baseline and a control."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

import torch
from scipy.stats import t
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
        INCONCLUSIVE: tested, but inconclusive.
    """

    CONFIRMED_IN_PAPER_SETTING = 1
    CONFIRMED_HERE = 2
    CONTROL_AS_GOOD = 3
    NOT_CONFIRMED_HERE = 4
    NOT_CONFIRMED_IN_PAPER_SETTING = 5
    INCONCLUSIVE = 6


Verdict = tuple[int, Tensor]
Rule = Callable[[Tensor, float], bool | None]


def reference_verdict(method: Tensor, baseline: Tensor, control: Tensor, margin: float, differs: int) -> Verdict:
    """Return the verdict of the claims table, and the mean difference from the baseline.

    Args:
        method: results of the method by seed (seeds,); higher is better.
        baseline: results of the baseline with the same seeds (seeds,).
        control: results of the control with the same seeds (seeds,).
        margin: difference that does not matter.
        differs: number of parts of the setting that differ from that of the paper.

    Returns:
        The verdict, and the mean of method − baseline, ().
    """
    return _decide(method, baseline, control, margin, differs)


def _is_ahead(difference: Tensor, margin: float, factor: float | None = None) -> bool | None:
    """Whether the 95% interval of a difference is above zero (True) or at most the margin (False); None if neither."""
    n = len(difference)
    half = (factor or t.ppf(0.975, n - 1)) * difference.std() / n**0.5
    if difference.mean() + half <= margin:
        return False
    return True if difference.mean() - half > 0 else None


def _two_standard_errors(difference: Tensor, margin: float) -> bool | None:
    """The rule with twice the standard error in place of Student's t."""
    return _is_ahead(difference, margin, factor=2.0)


def _decide(
    method: Tensor,
    baseline: Tensor,
    control: Tensor,
    margin: float,
    differs: int,
    *,
    rule: Rule = _is_ahead,
    control_rule: Rule | None = None,
    reported: Callable[[Tensor], Tensor] = Tensor.mean,
) -> Verdict:
    """The solution, with its frequent mistakes as parameters: both rules and the reported number."""
    ahead, ahead_of_control = rule(method - baseline, margin), (control_rule or rule)(method - control, margin)
    if ahead is False:
        code = VerdictCode.NOT_CONFIRMED_HERE if differs else VerdictCode.NOT_CONFIRMED_IN_PAPER_SETTING
    elif ahead is None or ahead_of_control is None:
        code = VerdictCode.INCONCLUSIVE
    elif ahead_of_control is False:
        code = VerdictCode.CONTROL_AS_GOOD
    else:
        code = VerdictCode.CONFIRMED_HERE if differs else VerdictCode.CONFIRMED_IN_PAPER_SETTING
    return code, reported(method - baseline)


def _mistake(**changed) -> Callable[..., Verdict]:
    """The solution with other parameters."""
    return lambda *arguments: _decide(*arguments, **changed)


def _make_case(*columns: list[float], differs: int) -> tuple:
    """A case: the results of the method, the baseline and the control, a margin of one point, and the differences."""
    return (*(torch.tensor(column, dtype=torch.float64) for column in columns), 0.01, differs)


RESULTS = [0.81, 0.84, 0.83, 0.82]
verdict = Exercise(
    name="verdict",
    reference=reference_verdict,
    outputs=("the verdict", "the difference"),
    cases=(
        _make_case(RESULTS, [0.74, 0.76, 0.77, 0.75], [0.75, 0.78, 0.76, 0.76], differs=3),
        _make_case(RESULTS, [0.74, 0.76, 0.77, 0.75], [0.812, 0.839, 0.832, 0.819], differs=2),
        _make_case([0.76, 0.79, 0.76], [0.74, 0.74, 0.74], [0.70, 0.71, 0.70], differs=1),
        _make_case([0.712, 0.709, 0.711], [0.710, 0.710, 0.710], [0.66, 0.67, 0.66], differs=3),
        _make_case([0.712, 0.709, 0.711], [0.710, 0.710, 0.710], [0.66, 0.67, 0.66], differs=0),
        _make_case(RESULTS, [0.74, 0.76, 0.77, 0.75], [0.75, 0.78, 0.76, 0.76], differs=0),
        _make_case(RESULTS, [0.74, 0.76, 0.77, 0.75], [0.79, 0.85, 0.80, 0.82], differs=1),
        _make_case([0.60, 0.62, 0.61], [0.66, 0.67, 0.65], [0.58, 0.60, 0.57], differs=1),
    ),
    known_mistakes={
        "You report the best seed. Even if a method has no effect, the best of ten seeds will look better. Which "
        "number summarizes all seeds?": (
            _mistake(reported=Tensor.max),
            _mistake(reported=Tensor.max, rule=lambda difference, margin: bool(difference.max() > 0)),
        ),
        "You confirm a claim although a control performs equally well. This happens in the second case. How large is "
        "the difference between the method and the control there?": (
            _mistake(control_rule=lambda difference, margin: True),
            _mistake(control_rule=lambda difference, margin: _is_ahead(difference, margin) is not None or None),
        ),
        "You return “not confirmed in the paper's setting” for a setting that is not that of the paper. In the fourth "
        "case, three of the five parts of the setting differ. Which verdict is possible then?": (
            lambda method, baseline, control, margin, differs: _decide(method, baseline, control, margin, 0),
            lambda *arguments: (
                min(reference_verdict(*arguments)[0] + (reference_verdict(*arguments)[0] == 4), 6),
                reference_verdict(*arguments)[1],
            ),
        ),
        "You use twice the standard error as the half-width of the interval. With three seeds, as in the third case, "
        "this interval is too narrow. What is the 97.5% quantile of Student's t with two degrees of freedom?": _mistake(
            rule=_two_standard_errors
        ),
        "You count a difference as an improvement although it is smaller than its variation between seeds. In the "
        "third case, it is small for two seeds and large for one. How much could the mean change with other "
        "seeds?": (
            _mistake(rule=lambda difference, margin: bool(difference.mean() > 0)),
            _mistake(rule=lambda difference, margin: bool(difference.mean() > margin)),
        ),
        "You never return “inconclusive”. In the third case, the interval contains zero and extends above the margin. "
        "Does this show that the method is not better?": _mistake(
            rule=lambda difference, margin: bool(_is_ahead(difference, margin))
        ),
    },
    fallback_hint=(
        "take the first case and compute the interval of the difference from the baseline; compare its ends with zero "
        "and with the margin; then do the same for the control"
    ),
    success_message="The claims table applies the same rule to the stored intervals.",
)
