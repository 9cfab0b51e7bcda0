"""Accuracy and confidence with confidence intervals over images, for section 1.1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from tutorial_course.findings.intervals import Z_95
from tutorial_course.results.claims.rules import Estimate, proportion


def mean_estimate(values: Tensor) -> Estimate:
    """Return the mean of independent values with its interval, mean ± 1.96 standard errors.

    Args:
        values: one value per image (N,); paired differences give the interval of a difference.

    Returns:
        The mean and its interval.

    Example:
        >>> import torch
        >>> mean_estimate(torch.tensor([0., 1., 2., 1.])).value
        1.0
    """
    values = values.double()
    mean, error = float(values.mean()), float(values.std() / len(values) ** 0.5)
    return Estimate(mean, mean - Z_95 * error, mean + Z_95 * error)


@dataclass(frozen=True)
class Reliability:
    """How often a network is correct, and how confident it is, on one set of images.

    Attributes:
        accuracy: the share of correct predictions, with its Wilson interval.
        confidence: the mean confidence, with its interval.
        gap: the mean confidence minus the accuracy, with its paired interval; above 0 the network is overconfident.
    """

    accuracy: Estimate
    confidence: Estimate
    gap: Estimate


def reliability(correct: Tensor, confidence: Tensor) -> Reliability:
    """Return accuracy, mean confidence and their difference, each with an interval over images.

    Args:
        correct: whether each image is classified correctly (N,), bool.
        confidence: the probability of the predicted class of each image (N,).

    Returns:
        The three estimates.

    Example:
        >>> import torch
        >>> reliability(torch.tensor([True, False]), torch.tensor([0.75, 0.75])).gap.value
        0.25
    """
    return Reliability(
        accuracy=proportion(int(correct.sum()), len(correct)),
        confidence=mean_estimate(confidence),
        gap=mean_estimate(confidence.double() - correct.double()),
    )


def stored_reliability(row: Mapping[str, Any]) -> Reliability:
    """Return the reliability of a row of the stored result "cifar_rotation_hue".

    Args:
        row: with the number of "images", the "accuracy", the mean "confidence", their difference "gap", and the
            standard errors "confidence_se" and "gap_se".

    Returns:
        The three estimates.
    """

    def normal(name: str) -> Estimate:
        value, margin = float(row[name]), Z_95 * float(row[f"{name}_se"])
        return Estimate(value, value - margin, value + margin)

    n = int(row["images"])
    return Reliability(proportion(row["accuracy"] * n, n), normal("confidence"), normal("gap"))
