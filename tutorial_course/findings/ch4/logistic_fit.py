"""The logistic fit of quality scores to mean opinion scores, which precedes PLCC and RMSE in quality studies."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import scipy
import torch
from torch import Tensor

from tutorial_lib._batching import scale_by_power_of_two
from tutorial_lib.metrics.correlation import check_paired


def logistic_fit(scores: Tensor, opinions: Tensor) -> Callable[[Tensor], Tensor]:
    """Return the logistic curve that maps scores to mean opinion scores by least squares.

    β₁ (½ − 1/(1 + e^{β₂(s − β₃)})) + β₄ s + β₅, applied before PLCC and RMSE. Levenberg–Marquardt runs from a straight
    line and from logistic curves of several widths and both slopes, and the best fit is returned. Five parameters
    overfit a small sample, so report the rank correlation as well, which needs no fit.

    Args:
        scores: values of a quality metric (N,), N ≥ 6.
        opinions: mean opinion scores (N,).

    Returns:
        The curve: a function from scores of any shape to predicted opinions, in float64 on the CPU.

    Raises:
        ValueError: the lists have different lengths, are not finite, are constant, or have fewer than six samples.

    References:
        Sheikh, Sabir, Bovik, IEEE TIP 15(11), 2006, doi:10.1109/TIP.2006.881959.
    """
    s, t = check_paired(scores, opinions)
    if len(s) < 6:
        raise ValueError(f"a fit of five parameters needs at least six samples, not {len(s)}")
    # Both lists are standardized, so that the same starting points fit every scale.
    (s_mean, s_std), (t_mean, t_std) = ((v.mean(), _standard_deviation(v)) for v in (s, t))
    u, v = ((s - s_mean) / s_std).numpy(), ((t - t_mean) / t_std).numpy()
    curves = itertools.product((2.0, -2.0), (0.5, 2.0, 8.0, 32.0), (-1.5, -0.75, 0.0, 0.75, 1.5), [0.0], [0.0])
    starts = [(0.0, 1.0, 0.0, (u * v).mean().item(), 0.0), *curves]

    def residuals(beta):
        return _logistic(u, beta) - v

    def jacobian(beta):
        sigmoid = scipy.special.expit(beta[1] * (u - beta[2]))
        slope = beta[0] * sigmoid * (1 - sigmoid)
        return np.stack([sigmoid - 0.5, slope * (u - beta[2]), -slope * beta[1], u, np.ones(len(u))], 1)

    # All starts at the usual tolerance; then the best of them as exactly as float64 allows.
    rough = [scipy.optimize.least_squares(residuals, start, jacobian, method="lm") for start in starts]
    best = min(rough, key=lambda fit: fit.cost).x
    exact = scipy.optimize.least_squares(residuals, best, jacobian, method="lm", xtol=1e-15, ftol=1e-15)

    def curve(scores: Tensor) -> Tensor:
        u = (scores.detach().cpu().double() - s_mean) / s_std
        return t_mean + t_std * torch.from_numpy(np.asarray(_logistic(u.numpy(), exact.x)))

    return curve


def _standard_deviation(v: Tensor) -> Tensor:
    """The standard deviation, whose squares neither overflow nor underflow."""
    scaled, scale = scale_by_power_of_two((v - v.mean())[None])
    return scale[0, 0] * scaled.std()


def _logistic(s: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The logistic curve with the parameters b (5,) at standardized scores."""
    return b[0] * (scipy.special.expit(b[1] * (s - b[2])) - 0.5) + b[3] * s + b[4]
