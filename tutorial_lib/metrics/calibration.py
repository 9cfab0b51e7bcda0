"""Accuracy, and the calibration of predicted probabilities."""

from __future__ import annotations

import sys
from typing import NamedTuple

import scipy
import torch
from torch import Tensor

from tutorial_lib._validation import check_counts, check_shapes, convert_arguments


@convert_arguments
def accuracy(predictions: Tensor, labels: Tensor) -> float:
    """Return the share of correct predictions.

    Args:
        predictions: classes (N,), or logits or probabilities (N, C), of which the arg-max is taken.
        labels: whole numbers (N,).

    Returns:
        Accuracy in [0, 1]; higher is better.

    Raises:
        ValueError: the shapes do not belong together, there are no predictions, or some are NaN.

    Example:
        >>> accuracy(torch.tensor([0, 1, 1, 2]), torch.tensor([0, 1, 2, 2]))
        0.75
    """
    predicted, labels = _predicted_classes(predictions, labels)
    return (predicted == labels).double().mean().item()


@convert_arguments
def macro_f1(predictions: Tensor, labels: Tensor, classes: int | None = None) -> float:
    """Return the F1 score 2 TP / (2 TP + FP + FN), averaged over classes.

    All classes count equally. In contrast to :func:`accuracy`, the most frequent class does not dominate, for example
    the unknown class in open-set recognition.

    Args:
        predictions: classes (N,), or logits or probabilities (N, C), of which the arg-max is taken.
        labels: whole numbers (N,).
        classes: number of classes C; a class that is neither predicted nor a label then counts as 0. None averages over
            the classes that occur.

    Returns:
        Macro-averaged F1 in [0, 1]; higher is better.

    Raises:
        ValueError: the shapes do not belong together, there are no predictions, some are NaN, or a class is out of
            range.

    References:
        Sokolova and Lapalme, Information Processing and Management 45, 2009, doi:10.1016/j.ipm.2009.03.002.

    Example:
        >>> macro_f1(torch.tensor([0, 0, 0, 0]), torch.tensor([0, 0, 0, 1]), classes=2) < 0.5
        True
    """
    from sklearn.metrics import f1_score

    predicted, labels = _predicted_classes(predictions, labels)
    if classes is not None and classes < 1:
        raise ValueError(f"expected at least one class, classes ≥ 1, not {classes}")
    counted = torch.cat([predicted, labels]).unique() if classes is None else torch.arange(classes, device="cpu")
    if torch.cat([predicted, labels]).min() < 0 or torch.cat([predicted, labels]).max() > counted.max():
        raise ValueError(f"classes must lie in 0…{int(counted.max())}")
    return float(f1_score(labels, predicted, labels=counted, average="macro", zero_division=0))


def _predicted_classes(predictions: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The predicted classes (N,) and the labels on the CPU, after checking both."""
    if predictions.dim() == 2 and predictions.dtype != torch.bool:
        check_shapes(predictions=(predictions * 1.0, "logits n C"), labels=(labels, "whole n"))
        if predictions.isnan().any():
            raise ValueError("expected classes, logits or probabilities as predictions, not NaN")
        predictions = predictions.argmax(1)
    check_shapes(predictions=(predictions, "whole n"), labels=(labels, "whole n"))
    return predictions.cpu().long(), labels.cpu().long()


class ReliabilityBins(NamedTuple):
    """The data of a reliability diagram, one row per bin, float64.

    Attributes:
        counts: number of samples (B,).
        confidence: mean confidence (B,) in [0, 1]; 0 for an empty bin.
        accuracy: accuracy (B,) in [0, 1]; 0 for an empty bin.
    """

    counts: Tensor
    confidence: Tensor
    accuracy: Tensor


@convert_arguments
def reliability_bins(probabilities: Tensor, labels: Tensor, *, bins: int = 15) -> ReliabilityBins:
    """Return accuracy and mean confidence in bins of equal width, as in a reliability diagram.

    Bin i holds the samples whose largest probability, the confidence, lies in (i/B, (i+1)/B].

    Args:
        probabilities: predicted probabilities (N, C); the rows sum to one.
        labels: whole numbers (N,).
        bins: number of bins, B.

    Returns:
        Counts, mean confidences and accuracies, (B,) each.

    Raises:
        ValueError: rows that are not probabilities (apply ``.softmax(1)`` to logits), shapes that do not belong
            together, or no bins.

    References:
        Guo, Pleiss, Sun, Weinberger, ICML 2017, arXiv:1706.04599.

    Example:
        >>> reliability_bins(torch.tensor([[.9, .1], [.6, .4]]), torch.tensor([0, 1]), bins=2).counts
        tensor([0., 2.], dtype=torch.float64)
    """
    check_shapes(probabilities=(probabilities, "logits n C"), labels=(labels, "whole n"))
    check_counts(bins=bins)
    p, labels = probabilities.detach().cpu(), labels.cpu()
    # In half precision the rows sum to one only approximately.
    if not ((p >= 0).all() and (p.double().sum(1) - 1).abs().max() < 0.05):
        raise ValueError("rows must be probabilities that sum to one; for logits, pass logits.softmax(1)")
    confidence, predicted = p.max(1)
    # The edges have the precision of the confidence, so that 0.2 in float32 equals the edge 3/15.
    edges = (torch.arange(1, bins, dtype=torch.float64, device="cpu") / bins).to(p.dtype)
    bin_of = torch.bucketize(confidence, edges)
    counts, confidence_sums, correct = (
        torch.bincount(bin_of, weights.double(), bins)
        for weights in (torch.ones_like(confidence), confidence, predicted == labels)
    )
    return ReliabilityBins(counts, confidence_sums / counts.clamp(min=1), correct / counts.clamp(min=1))


@convert_arguments
def expected_calibration_error(probabilities: Tensor, labels: Tensor, *, bins: int = 15) -> float:
    """Return the expected calibration error (ECE), over bins of equal width.

    ECE = Σ_m |B_m|/N · |acc(B_m) − conf(B_m)|. It is biased upwards for few samples, because the accuracy of each bin
    is noisy. A network that predicts the class frequencies for every image is perfectly calibrated but useless, so
    report the accuracy as well.

    Args:
        probabilities: predicted probabilities (N, C); the rows sum to one.
        labels: whole numbers (N,).
        bins: number of bins.

    Returns:
        ECE in [0, 1]; lower is better.

    Raises:
        ValueError: rows that are not probabilities (apply ``.softmax(1)`` to logits), shapes that do not belong
            together, or no bins.

    References:
        Guo, Pleiss, Sun, Weinberger, ICML 2017, arXiv:1706.04599.

    Example:
        >>> expected_calibration_error(torch.tensor([[1., 0.], [1., 0.]]), torch.tensor([0, 1]))
        0.5
    """
    counts, confidence, bin_accuracy = reliability_bins(probabilities, labels, bins=bins)
    return (counts * (confidence - bin_accuracy).abs()).sum().item() / len(labels)


@convert_arguments
def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """Return the temperature T that maximizes the likelihood of the labels under softmax(z/T).

    T > 1 corrects overconfidence, T < 1 underconfidence; no predicted class changes. With β = 1/T the loss is convex,
    and its slope, mean(Σ_c p_c z_c − z_y), is solved for zero. Use samples that are not part of training or test set.

    Args:
        logits: z (N, C), finite.
        labels: whole numbers (N,) in 0 … C − 1.

    Returns:
        T > 0.

    Raises:
        ValueError: wrong shapes, logits that are not finite, or no optimal T exists, because every label has the
            largest logit or the logits favor other classes than the labels.

    References:
        Guo, Pleiss, Sun, Weinberger, ICML 2017, arXiv:1706.04599.

    Example:
        >>> z = torch.tensor([[2., 0.], [2., 0.], [2., 0.], [2., 0.]])
        >>> round(2 / fit_temperature(z, torch.tensor([0, 0, 0, 1])), 4)  # z/T = log 3 gives probability ¾
        1.0986
    """
    check_shapes(logits=(logits, "logits n C"), labels=(labels, "whole n"))
    z, labels = logits.detach().to("cpu", torch.float64), labels.cpu().long()
    if not z.isfinite().all() or not ((0 <= labels) & (labels < z.shape[1])).all():
        raise ValueError(f"logits must be finite, and labels lie in 0…{z.shape[1] - 1}")
    # The softmax depends on differences of logits alone, and cannot overflow if the largest logit is zero.
    z = z - z.max(1, keepdim=True).values
    z_y = z.gather(1, labels[:, None])[:, 0]
    if (z_y == 0).all():
        raise ValueError(
            "every label has the largest logit, so the likelihood has no maximum; use samples that include errors"
        )
    if z_y.mean() <= z.mean():
        raise ValueError(
            "the logits favor other classes than the labels, so no T > 0 is best; do they belong together?"
        )

    # The derivative of the loss with respect to β = 1/T: it increases with β, and is negative at 0.
    def slope(beta: float) -> float:
        return (((beta * z).softmax(1) * z).sum(1) - z_y).mean().item()

    high = 1.0
    while slope(high) < 0:
        high *= 2
    return 1 / scipy.optimize.brentq(slope, 0.0, high, xtol=sys.float_info.min, rtol=1e-14, maxiter=2000)
