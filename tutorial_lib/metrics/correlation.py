"""Whether two lists of numbers agree: in value, in order, or after a fit. All are symmetric but the fit, and need no GPU."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor


def plcc(a: Tensor, b: Tensor) -> float:
    """Pearson's linear correlation, Σ (a − ā)(b − b̄) / √(Σ (a − ā)² Σ (b − b̄)²): in [−1, 1], 1 on a rising line.

    Args:
        a, b: (N,) each, of any dtype, N ≥ 2.

    Raises:
        ValueError: not equally many finite numbers, or a constant list, which correlates with nothing.

    Example:
        >>> plcc(torch.tensor([1., 2., 3.]), torch.tensor([5., 7., 9.]))
        1.0
    """
    a, b = (v - v.mean() for v in check_paired(a, b))
    # Scaled first, or squares of very small numbers vanish.
    a, b = a / a.abs().max(), b / b.abs().max()
    return max(-1.0, min(1.0, ((a * b).sum() / (a.square().sum() * b.square().sum()).sqrt()).item()))


def srcc(a: Tensor, b: Tensor) -> float:
    """Spearman's rank correlation: Pearson's on the ranks, ties sharing the mean of theirs. In [−1, 1], 1 on any rising curve.

    Args:
        a, b: (N,) each, N ≥ 2.

    Raises:
        ValueError: as :func:`plcc` does.

    Example:
        >>> srcc(torch.tensor([1., 2., 3.]), torch.tensor([1., 10., 100.]))
        1.0
    """
    a, b = check_paired(a, b)
    return plcc(average_ranks(a), average_ranks(b))


def krcc(a: Tensor, b: Tensor) -> float:
    """Kendall's τ_b: (pairs in the same order − pairs in opposite order) / √(pairs untied in a · pairs untied in b), in [−1, 1].

    Every pair is looked at, N²/2 of them: meant for up to some ten thousand samples.

    Args:
        a, b: (N,) each, N ≥ 2.

    Raises:
        ValueError: as :func:`plcc` does.

    Example:
        >>> krcc(torch.tensor([1., 2., 3.]), torch.tensor([1., 3., 2.]))
        0.3333333333333333
    """
    a, b = check_paired(a, b)
    agree = untied_a = untied_b = 0
    for rows in torch.arange(len(a)).split(512):
        left, right = (torch.sign(v[rows, None] - v) for v in (a, b))
        agree += (left * right).sum().item()
        untied_a, untied_b = untied_a + left.abs().sum().item(), untied_b + right.abs().sum().item()
    return agree / math.sqrt(untied_a * untied_b)


def rmse(a: Tensor, b: Tensor) -> float:
    """The root of the mean squared difference, √(mean (a − b)²) ≥ 0, in the unit of both; lower is better.

    Args:
        a, b: (N,) each.

    Raises:
        ValueError: not equally many finite numbers.

    Example:
        >>> rmse(torch.tensor([1., 2., 3., 4.]), torch.tensor([1., 2., 3., 6.]))
        1.0
    """
    a, b = check_paired(a, b, constant=True)
    return (a - b).square().mean().sqrt().item()


def logistic_fit(scores: Tensor, opinions: Tensor) -> Callable[[Tensor], Tensor]:
    """The curve that maps scores to opinions before PLCC and RMSE are taken: β₁ (½ − 1/(1 + e^{β₂(s − β₃)})) + β₄ s + β₅.

    Least squares, by Levenberg–Marquardt from a straight line and from logistics of several widths and both slopes; the best
    wins. Five parameters bend to few points: report the rank correlation, which needs no fit, beside it.

    Args:
        scores: (N,), what a measure says, N ≥ 6.
        opinions: (N,), what people say.

    Returns:
        the curve: a function from scores, of any shape, to predicted opinions in float64, on their device.

    Raises:
        ValueError: as :func:`plcc` does; fewer than six samples.

    Source: Sheikh, Sabir, Bovik, IEEE TIP 15(11), 2006, doi 10.1109/TIP.2006.881959.

    Example:
        >>> s = torch.linspace(0, 1, 20)
        >>> rmse(logistic_fit(s, 3 * s + 1)(s), 3 * s + 1) < 1e-6
        True
    """
    s, t = check_paired(scores, opinions)
    if len(s) < 6:
        raise ValueError(f"five parameters need at least six samples, not {len(s)}")
    # Fitted in standard units, so that one set of starting points serves every scale.
    (s_mean, s_size), (t_mean, t_size) = ((v.mean(), v.std()) for v in (s, t))
    u, v = (s - s_mean) / s_size, (t - t_mean) / t_size
    slope = (u * v).mean().item()
    starts = [[0.0, 1.0, 0.0, slope, 0.0]]
    starts += [
        [way, width, at, 0.0, 0.0] for way in (2.0, -2.0) for width in (0.5, 2.0, 8.0) for at in (-1.0, 0.0, 1.0)
    ]
    found = [_levenberg_marquardt(u, v, torch.tensor(start, dtype=torch.float64)) for start in starts]
    beta = min(found, key=lambda b: _sum_of_squares(u, v, b))

    def curve(scores: Tensor) -> Tensor:
        u = (scores.detach().to("cpu", torch.float64) - s_mean) / s_size
        found = t_mean + t_size * _logistic(u, beta)
        # Apple's GPUs know no float64.
        return found.to(scores.device, scores.dtype if scores.device.type == "mps" else torch.float64)

    return curve


def _logistic(s: Tensor, b: Tensor) -> Tensor:
    return b[0] * (torch.sigmoid(b[1] * (s - b[2])) - 0.5) + b[3] * s + b[4]


def _sum_of_squares(s: Tensor, t: Tensor, b: Tensor) -> float:
    return (_logistic(s, b) - t).square().sum().item()


def _levenberg_marquardt(s: Tensor, t: Tensor, b: Tensor) -> Tensor:
    damping, error = 1e-2, _sum_of_squares(s, t, b)
    for _ in range(200):
        q = torch.sigmoid(b[1] * (s - b[2]))
        slope = b[0] * q * (1 - q)
        jacobian = torch.stack([q - 0.5, slope * (s - b[2]), -slope * b[1], s, torch.ones_like(s)], 1)
        normal, right = jacobian.T @ jacobian, jacobian.T @ (t - _logistic(s, b))
        # A curve that has gone flat leaves rows of zeros, which no solver takes.
        step = torch.linalg.pinv(normal + damping * torch.diag(normal.diagonal() + 1e-9), hermitian=True) @ right
        moved = _sum_of_squares(s, t, b + step)
        if moved < error:
            done = error - moved <= 1e-14 * error
            b, error, damping = b + step, moved, damping / 3
            if done:
                break
        else:
            damping *= 4
            if damping > 1e12:
                break
    return b


def average_ranks(values: Tensor) -> Tensor:
    """The places of (N,) numbers in their order, from 1; tied values share the mean of their places. float64.

    Raises:
        ValueError: no (N,), or something that is no number.

    Example:
        >>> average_ranks(torch.tensor([10., 30., 30., 20.]))
        tensor([1.0000, 3.5000, 3.5000, 2.0000], dtype=torch.float64)
    """
    if values.dim() != 1 or values.isnan().any():
        raise ValueError(
            f"numbers in a row, (N,), have an order; these are {tuple(values.shape)}, or some are no numbers"
        )
    _, place, size = values.unique(return_inverse=True, return_counts=True)
    last = size.cumsum(0).double()
    return (last - (size - 1) / 2)[place]


def check_paired(a: Tensor, b: Tensor, *, constant: bool = False) -> tuple[Tensor, Tensor]:
    """Two lists as float64 on the CPU, checked; ``constant`` lists are refused unless allowed."""
    if a.dim() != 1 or a.shape != b.shape or len(a) < (1 if constant else 2):
        raise ValueError(f"two lists of equally many numbers, (N,), N > 1, not {tuple(a.shape)} and {tuple(b.shape)}")
    a, b = (v.detach().to("cpu", torch.float64) for v in (a, b))
    if not (a.isfinite().all() and b.isfinite().all()):
        raise ValueError("the numbers must be finite")
    if not constant and ((a == a[0]).all() or (b == b[0]).all()):
        raise ValueError("a list is constant: it has no order, and correlates with nothing")
    return a, b
