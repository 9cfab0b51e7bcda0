"""The results of a function as numbers, and their comparison with the expected ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Number
from typing import Any

import numpy as np
import torch
from torch import Tensor

FLOAT32_RTOL = torch.finfo(torch.float32).eps ** 0.5
# Finite differences in float64 are accurate to about 1e-7, and a solution may use them.
FLOAT64_RTOL = 1e-6


@dataclass(frozen=True)
class NumericResult:
    """One result and its tolerance.

    Attributes:
        value: the numbers in float64 on the CPU.
        tolerance: largest error, relative to the largest expected number.
    """

    value: Tensor
    tolerance: float

    def shape_matches(self, other: NumericResult) -> bool:
        """Return whether the shapes agree.

        If a single number is expected, any tensor of one number has the right shape.

        Args:
            other: the expected result.

        Returns:
            Whether they agree.
        """
        return self.value.shape == other.value.shape or (self.value.numel() == 1 and other.value.dim() == 0)


def to_results(value: Any, n_expected: int) -> list[NumericResult]:
    """Return the value of a function as results.

    Args:
        value: the value of the function.
        n_expected: number of expected results.

    Returns:
        The results.

    Raises:
        ValueError, TypeError, RuntimeError: a part of the value is not a number.
    """
    if n_expected > 1 and isinstance(value, list | tuple):
        return [_to_result(part) for part in value]
    return [_to_result(value)]


def _to_result(value: Any) -> NumericResult:
    """A tensor, array, number, or a list or tuple of these, as one result."""
    if isinstance(value, Tensor):
        tensor = value.detach()
    elif isinstance(value, np.ndarray | np.generic):
        tensor = torch.as_tensor(np.array(value))
    elif isinstance(value, list | tuple):
        return _stack_results([_to_result(part) for part in value])
    elif isinstance(value, Number):
        tensor = torch.tensor(value)
    else:
        raise TypeError(f"expected a number, got {type(value).__name__}")
    if tensor.is_complex():
        raise TypeError("complex numbers: take the real part")
    if isinstance(value, Number) or not tensor.is_floating_point():
        tolerance = FLOAT32_RTOL  # the precision in which a plain number was computed is unknown
    else:
        tolerance = max(torch.finfo(tensor.dtype).eps ** 0.5, FLOAT64_RTOL)
    return NumericResult(tensor.to("cpu", torch.float64).clone(), tolerance)


def _stack_results(parts: list[NumericResult]) -> NumericResult:
    """Several results as one, with the largest tolerance."""
    return NumericResult(torch.stack([p.value for p in parts]), max(p.tolerance for p in parts))


def allclose(mine: NumericResult, other: NumericResult, tolerance: float | None = None) -> bool:
    """Return whether the shapes agree and every number is equal up to rounding.

    Args:
        mine: the result of a solution.
        other: the expected result.
        tolerance: relative tolerance; None takes that of the first result.

    Returns:
        Whether they agree.

    Example:
        >>> allclose(_to_result(0.1 + 0.2), _to_result(0.3)), allclose(_to_result(0.31), _to_result(0.3))
        (True, False)
    """
    return mine.shape_matches(other) and bool(_isclose(mine, other, tolerance).all())


def all_close(mine: Sequence[NumericResult], other: Sequence[NumericResult], tolerance: float | None = None) -> bool:
    """Return whether there are equally many results, and each agrees.

    Args:
        mine: the results of a solution.
        other: the expected results.
        tolerance: relative tolerance; None takes that of each result of the solution.

    Returns:
        Whether all agree.
    """
    return len(mine) == len(other) and all(allclose(a, b, tolerance) for a, b in zip(mine, other))


def _isclose(mine: NumericResult, other: NumericResult, tolerance: float | None = None) -> Tensor:
    """Whether each number agrees."""
    a, b = mine.value.reshape(other.value.shape), other.value
    finite = b[b.isfinite()].abs()
    scale = finite.max().item() if finite.numel() else 0.0
    close = (a - b).abs() <= (tolerance or mine.tolerance) * (scale or 1.0)
    return close | (a == b) | (a.isnan() & b.isnan())


def describe_difference(mine: Sequence[NumericResult], expected: Sequence[NumericResult], names: Sequence[str]) -> str:
    """Return the first difference in words, without the expected numbers.

    Args:
        mine: the results of a solution.
        expected: the expected results.
        names: the name of each expected result.

    Returns:
        The description.
    """
    if len(mine) != len(expected):
        return f"{len(expected)} results are expected, {', '.join(names)}, but {len(mine)} came back"
    j = next(j for j in range(len(expected)) if not allclose(mine[j], expected[j]))
    name = names[j] if names[j].startswith("the ") else f"`{names[j]}`"
    if not mine[j].shape_matches(expected[j]):
        shape = tuple(expected[j].value.shape) if expected[j].value.dim() else "a single number"
        return f"{name} has shape {tuple(mine[j].value.shape)}, and {shape} is expected"
    a, b = mine[j].value.reshape(expected[j].value.shape), expected[j].value
    if not a.isfinite().all() and b.isfinite().all():
        return f"{name} has values that are not finite (NaN or infinity)"
    ratio = (a * b).sum() / (b * b).sum()
    if (
        b.numel() > 1
        and ratio != 0
        and allclose(NumericResult(a, mine[j].tolerance), NumericResult(ratio * b, FLOAT64_RTOL))
    ):
        return f"{name} has the correct direction, but every number in it is {ratio:.4g} times the expected one"
    if b.dim() == 0:
        return f"{name}, {a.item():.4g}, is too {'large' if a > b else 'small'}"
    wrong = (~_isclose(mine[j], expected[j])).nonzero()
    return f"{len(wrong)} of {b.numel()} numbers in {name} differ, the first of them at {wrong[0].tolist()}"
