"""Means and proportions with their 95% confidence intervals."""

from typing import NamedTuple

import torch
from torch import Tensor

from tutorial_lib.metrics import bootstrap_interval

Z_95 = 1.959964  # the 97.5% quantile of the normal distribution


class Interval(NamedTuple):
    """A value with its 95% confidence interval.

    Attributes:
        value: the value.
        low: lower end.
        high: upper end.
    """

    value: float
    low: float
    high: float

    def __format__(self, number_format: str) -> str:
        """Return the text ``value (low to high)``.

        Args:
            number_format: Python's format specification for all three numbers.

        Returns:
            The text.
        """
        value, low, high = (format(number, number_format) for number in self)
        return f"{value} ({low} to {high})"


def mean_interval(values: Tensor) -> Interval:
    """Return the mean of one value per image with its bootstrap interval over images.

    For a paired comparison, pass the differences of the two methods on the same images.

    Args:
        values: one value per image (N,).

    Returns:
        The mean with its 95% interval.

    Example:
        >>> mean_interval(torch.ones(5))
        Interval(value=1.0, low=1.0, high=1.0)
    """
    values = values.detach().double().cpu()
    return Interval(float(values.mean()), *bootstrap_interval(torch.mean, values))


def proportion_interval(successes: Tensor) -> Interval:
    """Return the share of successes with its Wilson interval.

    Unlike the bootstrap interval, it has a positive width if all images are successes or none is.

    Args:
        successes: one bool per image (N,).

    Returns:
        The share with its 95% interval.

    References:
        Wilson, Journal of the American Statistical Association 22, 1927.

    Example:
        >>> share = proportion_interval(torch.zeros(120, dtype=torch.bool))
        >>> share.low, round(share.high, 3)
        (0.0, 0.031)
    """
    n, share = len(successes), float(successes.double().mean())
    center = (share + Z_95**2 / (2 * n)) / (1 + Z_95**2 / n)
    half = Z_95 / (1 + Z_95**2 / n) * (share * (1 - share) / n + Z_95**2 / (4 * n**2)) ** 0.5
    return Interval(share, max(0.0, center - half), min(1.0, center + half))
