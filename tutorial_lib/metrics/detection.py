"""How well a score separates abnormal from normal samples.

A higher score means more abnormal in every function, and abnormal is the positive class.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from tutorial_lib._validation import check_shapes, convert_arguments, format_tensor, to_float64


@convert_arguments
def auroc(normal: Tensor, abnormal: Tensor) -> float:
    """Return the area under the ROC curve (AUROC), P(a > n) + ½ P(a = n).

    The probability that an abnormal sample has a higher score than a normal one, where a tie counts half. It is exact:
    pairs are counted, and no curve is interpolated.

    Args:
        normal: scores of normal samples (N,), on any device, in any dtype.
        abnormal: scores of abnormal samples (M,).

    Returns:
        AUROC in [0, 1]; higher is better, ½ is chance level, and below ½ a higher score means more normal.

    Raises:
        ValueError: the scores are not (N,) and (M,), are empty, or some are NaN.

    References:
        Hanley and McNeil, Radiology 143, 1982, doi:10.1148/radiology.143.1.7063747.

    Example:
        >>> auroc(torch.tensor([0., 1., 1.]), torch.tensor([1., 2.]))
        0.8333333333333334
    """
    normal, abnormal = check_scores(normal, "normal").sort().values, check_scores(abnormal, "abnormal")
    below = torch.searchsorted(normal, abnormal, side="left").sum().item()
    not_above = torch.searchsorted(normal, abnormal, side="right").sum().item()
    return (below + not_above) / (2 * len(normal) * len(abnormal))


@convert_arguments
def oscr(known: Tensor, correct: Tensor, unknown: Tensor) -> float:
    """Return the area under the open-set classification rate curve (OSCR).

    The curve is drawn over all thresholds τ, where an image is accepted if its score is below τ: the correct
    classification rate, the share of the known images that are accepted and correctly classified, over the
    false-positive rate, the share of the unknown images that are accepted. Its area is the probability that a known
    image is correctly classified and has a lower score than an unknown one, where a tie counts half. Therefore, it is
    the accuracy on known images times the AUROC of the correctly classified ones.

    Args:
        known: abnormality scores of images of known classes (N,); higher means more abnormal.
        correct: whether each of these images is correctly classified (N,), bool.
        unknown: scores of images of unknown classes (M,).

    Returns:
        OSCR in [0, accuracy]; higher is better, and half the accuracy is chance level.

    Raises:
        ValueError: the scores are not (N,) and (M,), are empty, or some are NaN; ``correct`` is not bool with one value
            per known image.

    References:
        Dhamija, Günther, Boult, NeurIPS 2018, arXiv:1811.04110, who plot the curve; the area is the usual summary.

    Example:
        >>> oscr(torch.tensor([0., 1.]), torch.tensor([True, False]), torch.tensor([2., 3.]))
        0.5
    """
    known = check_scores(known, "known")
    check_shapes(known=(known, "floats n"), correct=(correct, "bools n"))
    right = known[correct.cpu()]
    return len(right) / len(known) * auroc(right, unknown) if len(right) else 0.0


class RiskCoverage(NamedTuple):
    """A risk–coverage curve, from the smallest coverage to 1.

    Attributes:
        coverage: share of the samples that are predicted, k/N (N,), float64.
        risk: share of errors among them (N,) in [0, 1], float64.
        area: area under the curve, which is the mean risk; lower is better.
    """

    coverage: Tensor
    risk: Tensor
    area: float


@convert_arguments
def risk_coverage(score: Tensor, correct: Tensor) -> RiskCoverage:
    """Return the risk–coverage curve of selective prediction.

    risk_k = errors among the k samples with the lowest scores / k, at coverage k/N: the classifier predicts the k
    samples with the lowest scores, and abstains on the others. Samples with equal scores have no order; within a tie
    the risk is the mean over random orders.

    Args:
        score: abnormality (N,), higher means more abnormal; for a measure of trust pass ``-trust``.
        correct: whether each prediction is correct (N,), bool.

    Returns:
        Coverage, risk, and the area under the curve. A score without information stays at the error rate.

    Raises:
        ValueError: the scores are not (N,), are empty, or some are NaN; ``correct`` is not bool with one value per
            score.

    References:
        Geifman and El-Yaniv, NeurIPS 2017, arXiv:1705.08500.

    Example:
        >>> risk_coverage(torch.tensor([0.1, 0.9]), torch.tensor([True, False])).risk
        tensor([0.0000, 0.5000], dtype=torch.float64)
    """
    score = check_scores(score, "score")
    check_shapes(score=(score, "floats n"), correct=(correct, "bools n"))
    _, index, counts = score.unique(return_inverse=True, return_counts=True)
    tie_errors = torch.zeros_like(counts, dtype=score.dtype).index_add_(0, index, (~correct.cpu()).to(score))
    # Within a tie every sample contributes the mean error of the tie.
    errors = (tie_errors / counts).repeat_interleave(counts).cumsum(0)
    k = torch.arange(1, len(score) + 1, dtype=score.dtype, device="cpu")
    risk = errors / k
    return RiskCoverage(k / len(score), risk, risk.mean().item())


def check_scores(values: Tensor, name: str) -> Tensor:
    """Return scores as float64 on the CPU, where ties of every narrower dtype stay ties.

    Args:
        values: scores (N,), on any device, in any dtype.
        name: name of the scores in the error message.

    Returns:
        Scores (N,), float64 on the CPU, without a graph.

    Raises:
        ValueError: the scores are not (N,), are empty, or some are NaN.

    Example:
        >>> check_scores(torch.tensor([1, 2]), "score")
        tensor([1., 2.], dtype=torch.float64)
    """
    if values.dim() != 1 or not len(values) or values.is_complex():
        raise ValueError(
            f"{name} must be a tensor of at least one score, real numbers (N,), not {format_tensor(values)}"
        )
    values = to_float64(values)
    if values.isnan().any():
        raise ValueError(f"{int(values.isnan().sum())} of {len(values)} {name} scores are not a number (NaN)")
    return values
