"""Agreement of two lists of numbers: linear and rank correlations, and the root mean squared error."""

from __future__ import annotations

import scipy
import torch
from torch import Tensor

from tutorial_lib._batching import sample_norms
from tutorial_lib._validation import convert_arguments, format_tensor, to_float64


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
    return torch.from_numpy(scipy.stats.rankdata(to_float64(values).numpy())).to(values.device)


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
    a, b = to_float64(a), to_float64(b)
    if not (a.isfinite().all() and b.isfinite().all()):
        raise ValueError("the numbers must be finite, without NaN and infinite values")
    if not constant and ((a == a[0]).all() or (b == b[0]).all()):
        raise ValueError("one of the lists is constant, so its correlation is undefined")
    return a, b
