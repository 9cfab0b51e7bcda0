"""Bootstrap confidence intervals: how much a statistic would vary over other samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from tutorial_lib._validation import convert_arguments
from tutorial_lib.runtime import default_generator


class ConfidenceInterval(NamedTuple):
    """A confidence interval, in the unit of the statistic.

    Attributes:
        low: lower end.
        high: upper end.
    """

    low: float
    high: float


@convert_arguments
def bootstrap_interval(
    statistic: Callable[..., float],
    *samples: Tensor,
    paired: bool | None = None,
    confidence_level: float = 0.95,
    n_resamples: int = 1000,
    groups: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> ConfidenceInterval:
    """Return the percentile bootstrap interval of a statistic.

    Its ends are the (1 ∓ confidence_level)/2 quantiles of the statistic over samples that are drawn with replacement.
    The interval need not be symmetric, and stays within the range of the statistic. It is too narrow for fewer than
    about thirty samples. It describes the variation over *samples*, not over trained networks; for that, train several.

    Args:
        statistic: maps as many tensors as there are samples to a number, for example ``auroc`` or ``plcc``.
        *samples: tensors (N, …); their rows are resampled.
        paired: whether row i of all samples belongs together and is drawn together (True: ``plcc``, ``accuracy``) or
            each sample is drawn alone (False: ``auroc``). Required if there is more than one sample.
        confidence_level: share of the resampled values inside the interval, in (0, 1).
        n_resamples: number of resamples, ≥ 1.
        groups: the group of each row (N,), for example the reference image of each distorted image. Whole groups are
            then drawn with replacement, because the rows of a group are not independent. Needs paired samples.
        generator: source of randomness; None is a new one with seed 0.

    Returns:
        The interval, in the unit of the statistic.

    Raises:
        ValueError: no samples, ``paired`` is missing, paired samples of unequal length, groups of samples that are not
            paired or that differ in length from the samples, a confidence level outside (0, 1), or no resamples.

    References:
        Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.

    Example:
        >>> low, high = bootstrap_interval(lambda v: v.mean(), torch.arange(100.))
        >>> low < 49.5 < high
        True
    """
    if not samples or not all(s.dim() and len(s) for s in samples):
        raise ValueError("expected at least one sample, each with at least one row")
    if len(samples) > 1 and paired is None:
        raise ValueError(
            "with several samples, set paired=True if their rows belong together, paired=False if each is drawn alone"
        )
    if paired and len({len(s) for s in samples}) > 1:
        raise ValueError(f"paired samples must have the same length, not {[len(s) for s in samples]}")
    if not 0 < confidence_level < 1 or n_resamples < 1:
        raise ValueError(
            f"expected a confidence level between 0 and 1 and at least one resample, not {confidence_level} and "
            f"{n_resamples}"
        )
    if groups is not None and (len(groups) != len(samples[0]) or (len(samples) > 1 and not paired)):
        raise ValueError(
            f"groups need paired=True and one group per row, got {len(groups)} groups for {len(samples[0])} rows"
        )
    generator = default_generator(generator)
    rows_of_group = [] if groups is None else [(groups.cpu() == g).nonzero()[:, 0] for g in groups.cpu().unique()]

    def random_rows(n: int) -> Tensor:
        return torch.randint(n, (n,), generator=generator, device=generator.device)

    values = []
    for _ in range(n_resamples):
        if rows_of_group:
            chosen = torch.cat([rows_of_group[i] for i in random_rows(len(rows_of_group)).tolist()])
            rows = [chosen] * len(samples)
        else:
            rows = [random_rows(len(samples[0]))] * len(samples) if paired else [random_rows(len(s)) for s in samples]
        values.append(float(statistic(*(s[r.to(s.device)] for s, r in zip(samples, rows)))))
    tail = (1 - confidence_level) / 2
    return ConfidenceInterval(*np.quantile(values, [tail, 1 - tail]).tolist())
