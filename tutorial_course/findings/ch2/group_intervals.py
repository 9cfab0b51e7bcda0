"""An interval of a mean whose unit of resampling is a group of images."""

from __future__ import annotations

import torch
from torch import Tensor

from tutorial_course.findings.ch2.intervals import Interval


def interval_over_groups(values: Tensor, groups: Tensor, n_resamples: int = 1000) -> Interval:
    """Return the mean with a bootstrap interval that resamples groups, and the images within each of them.

    Images of one pair of signs are not independent: the pairs are the units over which a conclusion generalizes.

    Args:
        values: one value per image (N,), for example paired differences.
        groups: the group of each image (N,), whole numbers.
        n_resamples: number of resamples.

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
        chosen = [by_group[i] for i in torch.randint(len(by_group), (len(by_group),), generator=generator)]
        images = [group[torch.randint(len(group), (len(group),), generator=generator)] for group in chosen]
        means.append(torch.cat(images).mean())
    low, high = torch.stack(means).quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return Interval(float(values.mean()), low, high)
