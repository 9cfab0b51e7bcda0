"""Whether a network is right, and whether it knows how often."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from tutorial_lib._validation import check_shapes


def accuracy(predictions: Tensor, labels: Tensor) -> float:
    """The share of right answers, in [0, 1]; higher is better.

    Args:
        predictions: classes, (N,), or one row of logits or probabilities a sample, (N, C), whose largest wins.
        labels: (N,), integers.

    Raises:
        ValueError: not one label a prediction.

    Example:
        >>> accuracy(torch.tensor([0, 1, 1, 2]), torch.tensor([0, 1, 2, 2]))
        0.75
    """
    table = predictions.dim() == 2
    if (
        predictions.shape[:1] != labels.shape
        or labels.dim() != 1
        or not predictions.numel()
        or (not table and predictions.dim() != 1)
    ):
        found = f"{tuple(predictions.shape)} and {tuple(labels.shape)}"
        raise ValueError(f"predictions (N,) or (N, C) and labels (N,), N > 0, not {found}")
    if table and predictions.dtype == torch.bool or predictions.isnan().any():
        raise ValueError("predictions are classes, logits or probabilities; some of these are no numbers")
    classes = predictions.argmax(1) if table else predictions
    return (classes == labels.to(classes.device)).double().mean().item()


def macro_f1(predictions: Tensor, labels: Tensor, classes: int | None = None) -> float:
    """The F1 of every class, 2 TP / (2 TP + FP + FN), averaged over classes, common or rare. In [0, 1]; higher is better.

    Unlike :func:`accuracy` it is not carried by the commonest class, such as the unknown one in open-set recognition.

    Args:
        predictions: classes, (N,), or logits or probabilities, (N, C), whose largest wins.
        labels: (N,), integers.
        classes: how many there are, 0 … classes − 1, each counted, with 0 where it was neither said nor right; by default those
            that occur on either side.

    Raises:
        ValueError: not one label a prediction, or a class out of range.

    Source: Sokolova and Lapalme, Information Processing and Management 45, 2009, doi 10.1016/j.ipm.2009.03.002.

    Example:
        >>> macro_f1(torch.tensor([0, 0, 0, 0]), torch.tensor([0, 0, 0, 1]), classes=2) < 0.5
        True
    """
    accuracy(predictions, labels)
    said = (predictions.argmax(1) if predictions.dim() == 2 else predictions).cpu()
    labels = labels.cpu()
    asked = torch.cat([said, labels]).unique() if classes is None else torch.arange(classes)
    if torch.cat([said, labels]).min() < 0 or torch.cat([said, labels]).max() > asked.max():
        raise ValueError(f"classes must lie in 0…{int(asked.max())}")
    hits = torch.stack([((said == c) & (labels == c)).sum() for c in asked]).double()
    named = torch.stack([(said == c).sum() + (labels == c).sum() for c in asked]).double()
    # 2 TP + FP + FN = times said + times true
    return (2 * hits / named.clamp(min=1)).mean().item()


class ReliabilityBins(NamedTuple):
    """Per bin, (bins,), float64: how many samples, their mean confidence, their accuracy (0 where the bin is empty)."""

    count: Tensor
    confidence: Tensor
    accuracy: Tensor


def reliability_bins(probabilities: Tensor, labels: Tensor, *, bins: int = 15) -> ReliabilityBins:
    """Confidence against accuracy, in ``bins`` bins of equal width, (i/B, (i+1)/B]: what a reliability diagram shows.

    Args:
        probabilities: (N, C), rows that sum to one.
        labels: (N,), integers.
        bins: how many, B.

    Raises:
        ValueError: rows that are no probabilities (logits need ``.softmax(1)`` first); not one label a row; no bins.

    Source: Guo, Pleiss, Sun, Weinberger, ICML 2017, arXiv 1706.04599.

    Example:
        >>> reliability_bins(torch.tensor([[.9, .1], [.6, .4]]), torch.tensor([0, 1]), bins=2).count
        tensor([0., 2.], dtype=torch.float64)
    """
    if probabilities.dim() != 2 or labels.shape != probabilities.shape[:1] or not len(labels):
        found = f"{tuple(probabilities.shape)} and {tuple(labels.shape)}"
        raise ValueError(f"probabilities (N, C) and labels (N,), N > 0, not {found}")
    if bins < 1:
        raise ValueError(f"at least one bin, not {bins}")
    p, labels = probabilities.detach().cpu(), labels.cpu()
    # Half precision sums to one only nearly.
    if not ((p >= 0).all() and (p.double().sum(1) - 1).abs().max() < 0.05):
        raise ValueError("rows must be probabilities that sum to one; for logits, give logits.softmax(1)")
    confidence, predicted = p.max(1)
    # Edges of the confidence's own precision: 0.2 is 3/15 in float32, too.
    edges = (torch.arange(1, bins, dtype=torch.float64) / bins).to(p.dtype)
    bin_of = torch.bucketize(confidence, edges)
    count, sure, right = torch.zeros(3, bins, dtype=torch.float64)
    count.index_add_(0, bin_of, torch.ones(len(p), dtype=torch.float64))
    sure.index_add_(0, bin_of, confidence.double())
    right.index_add_(0, bin_of, (predicted == labels).double())
    return ReliabilityBins(count, sure / count.clamp(min=1), right / count.clamp(min=1))


def expected_calibration_error(probabilities: Tensor, labels: Tensor, *, bins: int = 15) -> float:
    """How far confidence and accuracy lie apart: ECE = Σ_m |B_m|/N · |acc(B_m) − conf(B_m)|, over bins of equal width.

    In [0, 1], lower is better. It is biased upwards on few samples (each bin's accuracy is noisy), and a network that gives every
    picture the base rate is perfectly calibrated and useless: read it beside the accuracy.

    Args:
        probabilities: (N, C), rows that sum to one.
        labels: (N,), integers.
        bins: how many.

    Raises:
        ValueError: as :func:`reliability` does.

    Source: Guo, Pleiss, Sun, Weinberger, ICML 2017, arXiv 1706.04599.

    Example:
        >>> expected_calibration_error(torch.tensor([[1., 0.], [1., 0.]]), torch.tensor([0, 1]))
        0.5
    """
    count, sure, right = reliability_bins(probabilities, labels, bins=bins)
    return (count * (sure - right).abs()).sum().item() / len(labels)


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature T > 0 that makes the labels most likely under softmax(z / T): one number against overconfidence.

    T > 1 softens an overconfident network, T < 1 sharpens a shy one; no prediction changes. With β = 1/T the loss is convex, and
    its slope, mean(Σ_c p_c z_c − z_y), is brought to zero exactly. Fit it on samples that are neither trained nor tested on.

    Args:
        logits: (N, C), finite.
        labels: (N,), integers in 0 … C−1.

    Raises:
        ValueError: wrong shapes; every label has the largest logit, or the logits speak against the labels: no T is best.

    Source: Guo, Pleiss, Sun, Weinberger, ICML 2017, arXiv 1706.04599.

    Example:
        >>> z = torch.tensor([[2., 0.], [2., 0.], [2., 0.], [2., 0.]])
        >>> round(2 / fit_temperature(z, torch.tensor([0, 0, 0, 1])), 4)  # z/T = log 3 gives the label of three in four ¾
        1.0986
    """
    if logits.dim() != 2 or labels.shape != logits.shape[:1] or not len(labels):
        raise ValueError(f"logits (N, C) and labels (N,), N > 0, not {tuple(logits.shape)} and {tuple(labels.shape)}")
    check_shapes(labels=(labels, "whole N"))
    z, labels = logits.detach().to("cpu", torch.float64), labels.cpu().long()
    if not z.isfinite().all() or not ((0 <= labels) & (labels < z.shape[1])).all():
        raise ValueError(f"logits must be finite, and labels lie in 0…{z.shape[1] - 1}")
    # Only differences of logits count, and the largest as zero cannot overflow.
    z = z - z.max(1, keepdim=True).values
    z_y = z.gather(1, labels[:, None])[:, 0]
    if (z_y == 0).all():
        raise ValueError("every label has the largest logit, so no T is small enough: use samples that hold errors")
    if z_y.mean() <= z.mean():
        raise ValueError("the logits favour other classes over the labels, so no T is best: do they belong together?")

    def slope(beta: float) -> tuple[float, float]:
        p = (beta * z).softmax(1)
        mean = (p * z).sum(1)
        return (mean - z_y).mean().item(), ((p * z * z).sum(1) - mean.square()).mean().item()

    low, high = 0.0, 1.0
    while slope(high)[0] < 0:
        low, high = high, 2 * high
    beta = (low + high) / 2
    # Newton's steps, kept inside what is known to hold the zero.
    for _ in range(100):
        value, curvature = slope(beta)
        low, high = (low, beta) if value > 0 else (beta, high)
        nearer = beta - value / curvature if curvature > 0 else low
        nearer = nearer if low < nearer < high else (low + high) / 2
        if abs(nearer - beta) <= 1e-12 * beta:
            break
        beta = nearer
    return 1 / beta
