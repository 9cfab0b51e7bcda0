"""Means and proportions with their 95% confidence intervals."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from scipy.stats import t
from torch import Tensor

from tutorial_course._numbers import typeset_numbers
from tutorial_course.results.claims.rules import proportion
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
            The text; a number that rounds to zero has no sign.
        """
        value, low, high = (format(number, number_format) for number in self)
        return typeset_numbers(f"{value} ({low} to {high})")


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
    return Interval(*proportion(int(successes.sum()), len(successes)))


def t_interval(values: Sequence[float]) -> Interval:
    """Return the mean of a few independent values with its 95% interval of Student's t distribution.

    Args:
        values: at least two values, such as one per network.

    Returns:
        The mean with its interval.

    Raises:
        ValueError: fewer than two values.

    Example:
        >>> f"{t_interval([1.0, 2.0, 3.0]):.2f}"
        '2.00 (−0.48 to 4.48)'
    """
    if len(values) < 2:
        raise ValueError(f"an interval needs at least two values, got {len(values)}")
    sample = torch.tensor(list(values), dtype=torch.float64)
    half = float(t.ppf(0.975, len(sample) - 1) * sample.std() / len(sample) ** 0.5)
    return Interval(float(sample.mean()), float(sample.mean()) - half, float(sample.mean()) + half)


def interval_over_groups(
    values: Tensor, groups: Tensor, n_resamples: int = 1000, resample_groups: bool = True
) -> Interval:
    """Return the mean with a bootstrap interval that resamples groups, and the images within each of them.

    Images of one pair of signs are not independent: the pairs are the units over which a conclusion generalizes.

    Args:
        values: one value per image (N,), for example paired differences.
        groups: the group of each image (N,), whole numbers.
        n_resamples: number of resamples.
        resample_groups: False keeps the groups and resamples only the images within each of them, so that the interval
            holds for these groups alone.

    Returns:
        The mean of all values with its 95% interval.

    Example:
        >>> interval_over_groups(torch.ones(4), torch.tensor([0, 0, 1, 1]))
        Interval(value=1.0, low=1.0, high=1.0)
    """
    generator = torch.Generator().manual_seed(0)
    values = values.detach().double().cpu()
    by_group = [values[groups.cpu() == group] for group in groups.unique().cpu()]
    means = []
    for _ in range(n_resamples):
        drawn = torch.randint(len(by_group), (len(by_group),), generator=generator).tolist()
        chosen = [by_group[i] for i in (drawn if resample_groups else range(len(by_group)))]
        images = [group[torch.randint(len(group), (len(group),), generator=generator)] for group in chosen]
        means.append(torch.cat(images).mean())
    low, high = torch.stack(means).quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return Interval(float(values.mean()), low, high)
