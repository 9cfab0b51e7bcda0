"""A test for the difference of two correlations with the same opinions, for the comparison of quality metrics."""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor

from tutorial_lib.metrics import plcc


class CorrelationTest(NamedTuple):
    """The result of a test for the difference of two correlations.

    Attributes:
        difference: r_a − r_b, signed.
        p: p-value in [0, 1], the probability of a difference at least as large if both correlations were equal.
    """

    difference: float
    p: float


def steiger_test(a: Tensor, b: Tensor, opinions: Tensor) -> CorrelationTest:
    """Return Steiger's test for two correlations with the same opinions.

    It tests whether metric a correlates better with the opinions than metric b. z = (Z_a − Z_b) √((N − 3) / (2 − 2s)),
    where Z is Fisher's transform of Pearson's correlation with the opinions and s the covariance of the two. It grows
    with the correlation of a and b, so metrics with similar errors can be distinguished with few images. The test is
    two-sided and uses the normal distribution.

    Args:
        a: values of one metric (N,), after the fit; for an approximate test of rank correlations, pass
            :func:`~tutorial_lib.metrics.average_ranks` of all three arguments.
        b: values of the other metric (N,).
        opinions: mean opinion scores (N,), N ≥ 4.

    Returns:
        The difference r_a − r_b, signed, and the p-value.

    Raises:
        ValueError: the lists have different lengths, are not finite, are constant, or have fewer than four images.

    References:
        Steiger, Psychological Bulletin 87(2), 1980, doi:10.1037/0033-2909.87.2.245.
    """
    r_a, r_b, r = plcc(a, opinions), plcc(b, opinions), plcc(a, b)
    if len(opinions) < 4:
        raise ValueError(f"the test needs at least four images, not {len(opinions)}")
    if r >= 1 - 1e-12:
        return CorrelationTest(r_a - r_b, 1.0)
    mean_squared = ((r_a + r_b) / 2) ** 2
    # The covariance of the two correlations under the hypothesis that both are equal.
    s = (r * (1 - 2 * mean_squared) - mean_squared * (1 - 2 * mean_squared - r**2) / 2) / max(
        (1 - mean_squared) ** 2, 1e-30
    )
    fisher = [math.atanh(min(max(v, -1 + 1e-15), 1 - 1e-15)) for v in (r_a, r_b)]
    z = (fisher[0] - fisher[1]) * math.sqrt((len(opinions) - 3) / max(2 - 2 * s, 1e-12))
    return CorrelationTest(r_a - r_b, math.erfc(abs(z) / math.sqrt(2)))
