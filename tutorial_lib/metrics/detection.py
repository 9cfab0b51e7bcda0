"""How well a score tells abnormal from normal. A higher score means more abnormal everywhere; abnormal is the positive class."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


def auroc(normal: Tensor, abnormal: Tensor) -> float:
    """The chance that an abnormal sample scores higher than a normal one, ties counted half: P(a > n) + ½ P(a = n).

    The area under the ROC curve, exact: pairs are counted, no curve is drawn. In [0, 1], higher is better; ½ is what a coin gets,
    and below ½ the score points the wrong way.

    Args:
        normal: scores, (N,), on any device, in any dtype.
        abnormal: scores, (M,).

    Raises:
        ValueError: no scores, a table of them, or one that is not a number.

    Source: Hanley and McNeil, Radiology 143, 1982, doi 10.1148/radiology.143.1.7063747.

    Example:
        >>> auroc(torch.tensor([0., 1., 1.]), torch.tensor([1., 2.]))
        0.8333333333333334
    """
    normal, abnormal = check_scores(normal, "normal").sort().values, check_scores(abnormal, "abnormal")
    below = torch.searchsorted(normal, abnormal, side="left").sum().item()
    not_above = torch.searchsorted(normal, abnormal, side="right").sum().item()
    return (below + not_above) / (2 * len(normal) * len(abnormal))


def aupr(normal: Tensor, abnormal: Tensor) -> float:
    """Average precision at finding the abnormal: Σ_k (R_k − R_{k−1}) P_k over the thresholds, each tie one threshold.

    In [0, 1], higher is better. A coin gets the share of the abnormal, M / (N + M): say it beside the number.
    Nothing is interpolated between thresholds, which would flatter.

    Args:
        normal: scores, (N,).
        abnormal: scores, (M,).

    Raises:
        ValueError: as :func:`auroc` does.

    Source: Davis and Goadrich, ICML 2006; the step form is that of scikit-learn's average_precision_score.

    Example:
        >>> aupr(torch.tensor([0., 1.]), torch.tensor([2., 3.]))
        1.0
    """
    false, true = roc_counts(check_scores(normal, "normal"), check_scores(abnormal, "abnormal"))
    recall, precision = true[1:] / true[-1], true[1:] / (true + false)[1:]
    return (recall.diff(prepend=recall.new_zeros(1)) * precision).sum().item()


def fpr_at_tpr(normal: Tensor, abnormal: Tensor, tpr: float = 0.95) -> float:
    """The share of false alarms at the highest threshold that still finds the share ``tpr`` of the abnormal.

    In [0, 1], lower is better; a coin gets ``tpr``. An alarm is a score at or above the threshold, and thresholds are scores that
    occur, so nothing is interpolated. Papers that keep ``tpr`` of the normal and count the abnormal that pass as well report
    ``fpr_at_tpr(-abnormal, -normal)``.

    Args:
        normal: scores, (N,).
        abnormal: scores, (M,).
        tpr: the share to be found, above 0 and at most 1.

    Raises:
        ValueError: as :func:`auroc` does; ``tpr`` out of range.

    Source: Liang, Li, Srikant, ICLR 2018, arXiv 1706.02690 (there with the normal as positive).

    Example:
        >>> fpr_at_tpr(torch.tensor([0., 1., 2., 3.]), torch.tensor([2., 4.]), tpr=1)
        0.5
    """
    if not 0 < tpr <= 1:
        raise ValueError(f"tpr is a share, above 0 and at most 1, not {tpr}")
    false, true = roc_counts(check_scores(normal, "normal"), check_scores(abnormal, "abnormal"))
    first = (true / true[-1] >= tpr).nonzero()[0, 0]
    return (false[first] / false[-1]).item()


def detection_error(normal: Tensor, abnormal: Tensor) -> float:
    """The smallest error that any threshold makes where normal and abnormal are equally likely: min ½ (FPR + FNR).

    In [0, ½], lower is better; a coin gets ½. The threshold is chosen by looking at the answers: a bound, not a promise.

    Args:
        normal: scores, (N,).
        abnormal: scores, (M,).

    Raises:
        ValueError: as :func:`auroc` does.

    Source: Liang, Li, Srikant, ICLR 2018, arXiv 1706.02690.

    Example:
        >>> detection_error(torch.tensor([0., 1., 2., 3.]), torch.tensor([3., 4.]))
        0.125
    """
    false, true = roc_counts(check_scores(normal, "normal"), check_scores(abnormal, "abnormal"))
    return (false / false[-1] + 1 - true / true[-1]).min().item() / 2


class RiskCoverage(NamedTuple):
    """``coverage`` and ``risk``, (N,), both float64; ``area`` under the curve, the mean risk: lower is better."""

    coverage: Tensor
    risk: Tensor
    area: float


def risk_coverage(score: Tensor, correct: Tensor) -> RiskCoverage:
    """The share of errors among the k samples with the lowest scores, for k = 1 … N: answer the easy ones, pass on the rest.

    risk_k = errors among the k least abnormal / k, at coverage k / N. A score without information stays at the error rate.
    Samples of equal score are taken in no order: inside a tie the risk is what a random order gives on average.

    Args:
        score: (N,), higher = more abnormal; give ``-trust`` for what measures trust.
        correct: (N,), bool: was the prediction right?

    Raises:
        ValueError: as :func:`auroc` does; not one verdict a score.

    Source: Geifman and El-Yaniv, NeurIPS 2017, arXiv 1705.08500.

    Example:
        >>> risk_coverage(torch.tensor([0.1, 0.9]), torch.tensor([True, False])).risk
        tensor([0.0000, 0.5000], dtype=torch.float64)
    """
    score = check_scores(score, "score")
    if correct.shape != score.shape or correct.dtype != torch.bool:
        found = f"{correct.dtype} {tuple(correct.shape)}"
        raise ValueError(f"correct must be bool, one for each of the {len(score)} scores, not {found}")
    _, place, size = score.unique(return_inverse=True, return_counts=True)
    wrong = torch.zeros(len(size), dtype=score.dtype).index_add_(0, place, (~correct.cpu()).to(score))
    # Inside a tie every sample carries the mean error of the tie.
    errors = (wrong / size).repeat_interleave(size).cumsum(0)
    k = torch.arange(1, len(score) + 1, dtype=score.dtype)
    risk = errors / k
    return RiskCoverage(k / len(score), risk, risk.mean().item())


def roc_counts(normal: Tensor, abnormal: Tensor) -> tuple[Tensor, Tensor]:
    """False and true alarms at every threshold, from none to all: (K + 1,) each, K different scores, the highest first."""
    values, place = torch.cat([normal, abnormal]).unique(return_inverse=True)
    counts = torch.zeros(2, len(values) + 1, dtype=torch.float64)
    for count, places in zip(counts, place.split([len(normal), len(abnormal)])):
        count[1:] = torch.bincount(places, minlength=len(values)).flip(0).cumsum(0)
    return counts[0], counts[1]


def check_scores(values: Tensor, name: str) -> Tensor:
    """Scores as float64 on the CPU, where ties of every narrower type stay ties.

    Example:
        >>> check_scores(torch.tensor([1, 2]), "score")
        tensor([1., 2.], dtype=torch.float64)
    """
    if not isinstance(values, Tensor) or values.dim() != 1 or not len(values):
        found = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
        raise ValueError(f"{name} must be a tensor of at least one score, (N,), not {found}")
    values = values.detach().to("cpu", torch.float64).contiguous()
    if values.isnan().any():
        raise ValueError(f"{int(values.isnan().sum())} of {len(values)} {name} scores are not a number")
    return values
