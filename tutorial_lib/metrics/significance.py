"""Whether one measure agrees with people better than another, when both were asked about the same pictures."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from tutorial_lib.metrics.correlation import check_paired, plcc


class CorrelationTest(NamedTuple):
    """``difference`` of two correlations, ``p``, the chance of one at least as large if both were equally good, in [0, 1]."""

    difference: float
    p: float


def outlier_ratio(predicted: Tensor, opinions: Tensor, spread: Tensor | float) -> float:
    """The share of pictures whose prediction misses the mean opinion by more than two of its standard deviations, in [0, 1].

    |predicted − opinion| > 2 spread: lower is better. Predictions come after the fit, in the unit of the opinions.

    Args:
        predicted, opinions: (N,).
        spread: the standard deviation of people's opinions of each picture, (N,), or one for all.

    Raises:
        ValueError: unlike lengths, numbers that are not finite, or a spread that is not positive.

    Source: Video Quality Experts Group, final report on the validation of objective models of video quality assessment, 2000.

    Example:
        >>> outlier_ratio(torch.tensor([1., 2., 9.]), torch.tensor([1., 2., 3.]), 1.0)
        0.3333333333333333
    """
    predicted, opinions = check_paired(predicted, opinions, constant=True)
    spread = torch.as_tensor(spread, dtype=torch.float64).detach().cpu()
    if spread.dim() and spread.shape != opinions.shape:
        raise ValueError(f"a spread for all pictures, or one for each, ({len(opinions)},), not {tuple(spread.shape)}")
    if not (spread > 0).all():
        raise ValueError("the spread of opinions must be positive; a picture that one person judged has none")
    return ((predicted - opinions).abs() > 2 * spread).double().mean().item()


def steiger_test(a: Tensor, b: Tensor, opinions: Tensor) -> CorrelationTest:
    """Steiger's test for two correlations that share the opinions: does a agree better with them than b does?

    z = (Z_a − Z_b) √((N − 3) / (2 − 2s)), Z Fisher's transform of Pearson's correlation with the opinions, s their covariance, which
    grows with the correlation of a and b: measures that err together are told apart by few pictures. Two-sided, by the normal
    distribution; hand in predictions after the fit, or :func:`ranks` of all three for an approximate test of rank correlations.

    Args:
        a, b: (N,), what two measures say.
        opinions: (N,), what people say, N ≥ 4.

    Returns:
        a Comparison: ``difference`` = r_a − r_b, signed, and ``p``.

    Raises:
        ValueError: as :func:`plcc` does; fewer than four pictures.

    Source: Steiger, Psychological Bulletin 87(2), 1980, doi 10.1037/0033-2909.87.2.245.

    Example:
        >>> t = torch.arange(30.)
        >>> found = steiger_test(t + t.sin(), t + 20 * (3 * t).sin(), t)
        >>> found.difference > 0.1, found.p < 0.01
        (True, True)
    """
    r_a, r_b, r = plcc(a, opinions), plcc(b, opinions), plcc(a, b)
    if len(opinions) < 4:
        raise ValueError(f"the test needs at least four pictures, not {len(opinions)}")
    if r >= 1 - 1e-12:
        return CorrelationTest(r_a - r_b, 1.0)
    mean = ((r_a + r_b) / 2) ** 2
    # The covariance of the two correlations under the hypothesis that both are equal.
    s = (r * (1 - 2 * mean) - mean * (1 - 2 * mean - r**2) / 2) / max((1 - mean) ** 2, 1e-30)
    fisher = [math.atanh(min(max(v, -1 + 1e-15), 1 - 1e-15)) for v in (r_a, r_b)]
    z = (fisher[0] - fisher[1]) * math.sqrt((len(opinions) - 3) / max(2 - 2 * s, 1e-12))
    return CorrelationTest(r_a - r_b, math.erfc(abs(z) / math.sqrt(2)))
