"""How far a number would move if the samples had been others."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class ConfidenceInterval(NamedTuple):
    """From ``low`` to ``high``, in the unit of the statistic."""

    low: float
    high: float


def bootstrap_interval(
    statistic: Callable[..., float],
    *samples: Tensor,
    paired: bool | None = None,
    confidence_level: float = 0.95,
    n_resamples: int = 1000,
    generator: torch.Generator | None = None,
) -> ConfidenceInterval:
    """The percentile bootstrap: the middle ``level`` of the statistic over samples drawn, with replacement, from the samples.

    The ends are the (1 ∓ level)/2 quantiles of the resampled values, so the interval needs no symmetry and stays within the
    statistic's own range. On fewer than some thirty samples it is too narrow. It speaks of other *samples*, not of other
    trained networks: for those, train others.

    Args:
        statistic: from as many tensors as there are samples to a number, as ``auroc`` or ``plcc``.
        samples: (N, …) each; rows are drawn.
        paired: True: row i of every sample belongs together (``plcc``, ``accuracy``); False: each is drawn by itself (``auroc``).
            Must be said where there is more than one sample.
        level: the share of the resampled values inside.
        resamples: how many times to draw.
        generator: source of the draws; without one, a fresh one seeded with 0.

    Raises:
        ValueError: no samples, ``paired`` left open, unequal lengths of what is paired, or a level outside (0, 1).

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.

    Example:
        >>> low, high = bootstrap_interval(lambda v: v.mean(), torch.arange(100.))
        >>> low < 49.5 < high
        True
    """
    if not samples or not all(s.dim() and len(s) for s in samples):
        raise ValueError("at least one sample, of at least one row")
    if len(samples) > 1 and paired is None:
        raise ValueError(
            "several samples: say paired=True if rows belong together, paired=False if each is drawn by itself"
        )
    if paired and len({len(s) for s in samples}) > 1:
        raise ValueError(f"paired samples must be equally long, not {[len(s) for s in samples]}")
    if not 0 < confidence_level < 1 or n_resamples < 1:
        raise ValueError(f"a level between 0 and 1 and at least one resample, not {confidence_level} and {n_resamples}")
    generator = generator if generator is not None else torch.Generator().manual_seed(0)

    def draw(n: int) -> Tensor:
        return torch.randint(n, (n,), generator=generator, device=generator.device)

    values = []
    for _ in range(n_resamples):
        rows = [draw(len(samples[0]))] * len(samples) if paired else [draw(len(s)) for s in samples]
        values.append(float(statistic(*(s[r.to(s.device)] for s, r in zip(samples, rows)))))
    tail = (1 - confidence_level) / 2
    low, high = (
        torch.tensor(values, dtype=torch.float64).quantile(torch.tensor([tail, 1 - tail], dtype=torch.float64)).tolist()
    )
    return ConfidenceInterval(low, high)
