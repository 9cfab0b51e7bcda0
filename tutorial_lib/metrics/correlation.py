"""Agreement of two lists of numbers: linear and rank correlations, and the error after a logistic fit."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import scipy
import torch
from torch import Tensor

from tutorial_lib._batching import sample_norms, scale_by_power_of_two
from tutorial_lib._validation import convert_arguments, format_tensor


@convert_arguments
def plcc(a: Tensor, b: Tensor) -> float:
    """Return Pearson's linear correlation coefficient (PLCC).

    Σ (a − ā)(b − b̄) / √(Σ (a − ā)² Σ (b − b̄)²).

    Args:
        a: numbers (N,), of any dtype, N ≥ 2.
        b: numbers (N,).

    Returns:
        Correlation in [−1, 1]; 1 on a rising line.

    Raises:
        ValueError: the lists have different lengths, are not finite, or are constant.

    Example:
        >>> round(plcc(torch.tensor([1., 2., 3.]), torch.tensor([5., 7., 9.])), 12)
        1.0
    """
    x, y = (v.numpy() for v in check_paired(a, b))
    return float(scipy.stats.pearsonr(x, y).statistic)


@convert_arguments
def srcc(a: Tensor, b: Tensor) -> float:
    """Return Spearman's rank correlation coefficient (SRCC).

    Pearson's correlation of the ranks; tied values share the mean of their ranks.

    Args:
        a: numbers (N,), of any dtype, N ≥ 2.
        b: numbers (N,).

    Returns:
        Correlation in [−1, 1]; 1 on any rising curve.

    Raises:
        ValueError: the lists have different lengths, are not finite, or are constant.

    Example:
        >>> srcc(torch.tensor([1., 2., 3.]), torch.tensor([1., 10., 100.]))
        1.0
    """
    x, y = (v.numpy() for v in check_paired(a, b))
    return float(scipy.stats.spearmanr(x, y).statistic)


def srcc_or_constant(a: Tensor, b: Tensor) -> float:
    """Return Spearman's correlation with a value for constant lists, which have no order.

    Args:
        a: numbers (N,), of any dtype.
        b: numbers (N,).

    Returns:
        The correlation in [−1, 1]; 1 if both lists are constant, and 0 if one of them is.

    Raises:
        ValueError: the lists have different lengths, or are not finite.

    Example:
        >>> srcc_or_constant(torch.tensor([1., 1.]), torch.tensor([0., 3.]))
        0.0
    """
    a, b = check_paired(a, b, constant=True)
    constant = [bool((values == values[0]).all()) for values in (a, b)]
    return srcc(a, b) if not any(constant) else float(all(constant))


@convert_arguments
def krcc(a: Tensor, b: Tensor) -> float:
    """Return Kendall's rank correlation coefficient τ_b (KRCC).

    (pairs in the same order − pairs in opposite order) / √(pairs untied in a · pairs untied in b). All N²/2 pairs are
    compared, so it is meant for up to about ten thousand samples.

    Args:
        a: numbers (N,), of any dtype, N ≥ 2.
        b: numbers (N,).

    Returns:
        Correlation in [−1, 1]; 1 on any rising curve.

    Raises:
        ValueError: the lists have different lengths, are not finite, or are constant.

    Example:
        >>> round(krcc(torch.tensor([1., 2., 3.]), torch.tensor([1., 3., 2.])), 4)
        0.3333
    """
    x, y = (v.numpy() for v in check_paired(a, b))
    return float(scipy.stats.kendalltau(x, y).statistic)


@convert_arguments
def rmse(a: Tensor, b: Tensor) -> float:
    """Return the root mean squared error √(mean (a − b)²).

    Args:
        a: numbers (N,), of any dtype.
        b: numbers (N,), in the unit of a.

    Returns:
        Error ≥ 0, in the unit of a; lower is better.

    Raises:
        ValueError: the lists have different lengths, are empty or are not finite.

    Example:
        >>> rmse(torch.tensor([1., 2., 3., 4.]), torch.tensor([1., 2., 3., 6.]))
        1.0
    """
    a, b = check_paired(a, b, constant=True)
    return sample_norms((a - b)[None]).item() / len(a) ** 0.5


@convert_arguments
def logistic_fit(scores: Tensor, opinions: Tensor) -> Callable[[Tensor], Tensor]:
    """Return the logistic curve that maps scores to mean opinion scores by least squares.

    β₁ (½ − 1/(1 + e^{β₂(s − β₃)})) + β₄ s + β₅, applied before PLCC and RMSE. Levenberg–Marquardt runs from a straight
    line and from logistic curves of several widths and both slopes, and the best fit is returned. Five parameters
    overfit a small sample, so report the rank correlation as well, which needs no fit.

    Args:
        scores: values of a quality metric (N,), N ≥ 6.
        opinions: mean opinion scores (N,).

    Returns:
        The curve: a function from scores of any shape to predicted opinions, in float64 on the device of the scores.

    Raises:
        ValueError: the lists have different lengths, are not finite, are constant, or have fewer than six samples.

    References:
        Sheikh, Sabir, Bovik, IEEE TIP 15(11), 2006, doi:10.1109/TIP.2006.881959.

    Example:
        >>> s = torch.linspace(0, 1, 20)
        >>> rmse(logistic_fit(s, 3 * s + 1)(s), 3 * s + 1) < 1e-6
        True
    """
    s, t = check_paired(scores, opinions)
    if len(s) < 6:
        raise ValueError(f"a fit of five parameters needs at least six samples, not {len(s)}")
    # Both lists are standardized, so that the same starting points fit every scale.
    (s_mean, s_std), (t_mean, t_std) = ((v.mean(), _std(v)) for v in (s, t))
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
        scores = scores if isinstance(scores, Tensor) else torch.from_numpy(np.array(scores, dtype=np.float64))
        u = (scores.detach().to("cpu", torch.float64) - s_mean) / s_std
        predicted = t_mean + t_std * torch.from_numpy(np.asarray(_logistic(u.numpy(), exact.x)))
        # Apple GPUs do not support float64.
        return predicted.to(scores.device, scores.dtype if scores.device.type == "mps" else torch.float64)

    return curve


def _std(v: Tensor) -> Tensor:
    """The standard deviation of numbers (N,), whose squares may neither underflow nor overflow."""
    scaled, scale = scale_by_power_of_two(v[None])
    return (scale * scaled.std())[0, 0]


def _logistic(s: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The logistic curve with the parameters b (5,) at standardized scores."""
    return b[0] * (scipy.special.expit(b[1] * (s - b[2])) - 0.5) + b[3] * s + b[4]


@convert_arguments
def average_ranks(values: Tensor) -> Tensor:
    """Return the ranks of numbers, from 1; tied values share the mean of their ranks.

    Args:
        values: numbers (N,), of any dtype.

    Returns:
        Ranks (N,), float64, 1 for the smallest.

    Raises:
        ValueError: the values are not (N,), or some are NaN.

    Example:
        >>> average_ranks(torch.tensor([10., 30., 30., 20.]))
        tensor([1.0000, 3.5000, 3.5000, 2.0000], dtype=torch.float64)
    """
    if values.dim() != 1 or values.isnan().any() or values.is_complex():
        raise ValueError(f"expected numbers (N,) without NaN to rank, not {values.dtype} {tuple(values.shape)}")
    return torch.from_numpy(scipy.stats.rankdata(values.detach().cpu().double().numpy())).to(values.device)


def check_paired(a: Tensor, b: Tensor, *, constant: bool = False) -> tuple[Tensor, Tensor]:
    """Return two lists as float64 on the CPU, after checking them.

    Args:
        a: numbers (N,), of any dtype.
        b: numbers (N,).
        constant: whether constant lists, and lists of a single number, are allowed.

    Returns:
        Both lists, float64 on the CPU.

    Raises:
        ValueError: the lists have different lengths, are too short, are not finite, or are constant but must not be.
    """
    if a.dim() != 1 or a.shape != b.shape or len(a) < (1 if constant else 2) or a.is_complex() or b.is_complex():
        raise ValueError(
            f"expected two lists of equally many numbers, (N,), N ≥ {1 if constant else 2}, not {format_tensor(a)} and "
            f"{format_tensor(b)}"
        )
    a, b = (v.detach().to("cpu", torch.float64) for v in (a, b))
    if not (a.isfinite().all() and b.isfinite().all()):
        raise ValueError("the numbers must be finite, without NaN and infinite values")
    if not constant and ((a == a[0]).all() or (b == b[0]).all()):
        raise ValueError("one of the lists is constant, so its correlation is undefined")
    return a, b
