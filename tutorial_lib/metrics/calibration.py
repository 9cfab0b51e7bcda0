"""Accuracy, and the calibration of predicted probabilities."""

from __future__ import annotations

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


@convert_arguments
def expected_calibration_error(probabilities: Tensor, labels: Tensor, *, bins: int = 15) -> float:
    """Return the expected calibration error (ECE), over bins of equal width.

    ECE = Σ_m |B_m|/N · |acc(B_m) − conf(B_m)|, where bin m of M holds the samples whose largest probability, the
    confidence, lies in ((m − 1)/M, m/M]. It is biased upwards for few samples, because the accuracy of each bin
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
    check_shapes(probabilities=(probabilities, "logits n C"), labels=(labels, "whole n"))
    check_counts(bins=bins)
    p, labels = probabilities.detach().cpu(), labels.cpu()
    # In half precision the rows sum to one only approximately.
    if not ((p >= 0).all() and (p.double().sum(1) - 1).abs().max() < 0.05):
        raise ValueError("rows must be probabilities that sum to one; for logits, pass logits.softmax(1)")
    confidence, predicted = p.max(1)
    # The edges have the precision of the confidence, so that 0.2 in float32 equals the edge 3/15.
    edges = (torch.arange(1, bins, dtype=torch.float64, device="cpu") / bins).to(p.dtype)
    gaps = confidence.double() - (predicted == labels).double()
    return torch.bincount(torch.bucketize(confidence, edges), gaps, bins).abs().sum().item() / len(labels)
