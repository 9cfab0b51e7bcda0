"""The results of a function as tensors, and their comparison with the expected ones."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import torch
from torch import Tensor

FLOAT32_RTOL = torch.finfo(torch.float32).eps ** 0.5
# Finite differences in float64 are accurate to about 1e-7, and a solution may use them.
FLOAT64_RTOL = 1e-6
LONG_NUMBER = re.compile(r"\d+\.\d{7,}(?:e[+-]?\d+)?")


def to_results(value: Any, n_expected: int) -> list[Tensor]:
    """Return the value of a function as a list of results.

    Args:
        value: the value of the function.
        n_expected: number of expected results.

    Returns:
        The results.

    Raises:
        ValueError, TypeError, RuntimeError: a part of the value is not a number.
    """
    return [_to_tensor(part) for part in (value if n_expected > 1 and isinstance(value, list | tuple) else [value])]


def _to_tensor(value: Any) -> Tensor:
    """A tensor, array, number, or a list or tuple of these, as one tensor in its own precision."""
    if isinstance(value, list | tuple):
        return torch.stack([_to_tensor(part) for part in value])
    if isinstance(value, np.ndarray):
        value = value.copy()  # torch refuses arrays with negative strides
    result = torch.as_tensor(value).detach().cpu().clone()
    if result.is_complex():
        raise TypeError("complex numbers: take the real part")
    return result


def describe_difference(mine: Tensor, expected: Tensor, rtol: float | None = None) -> str:
    """Return how two results differ, in the words of ``torch.testing.assert_close``.

    Args:
        mine: the result of a solution; if a single number is expected, it may have any shape with one number.
        expected: the expected result.
        rtol: largest error, relative to the largest expected number; None takes the root of the precision of ``mine``.

    Returns:
        The difference; empty if all numbers agree up to rounding.

    Example:
        >>> describe_difference(torch.tensor(0.1) + 0.2, torch.tensor(0.3))
        ''
        >>> describe_difference(torch.ones(1, 3), torch.ones(3))
        "The values for attribute 'shape' do not match: torch.Size([1, 3]) != torch.Size([3])."
    """
    if rtol is None and mine.is_floating_point():
        rtol = max(torch.finfo(mine.dtype).eps ** 0.5, FLOAT64_RTOL)
    a, b = mine.double(), expected.double()
    if a.numel() == 1 and b.dim() == 0:
        a = a.reshape(())
    largest = torch.cat([b[b.isfinite()].abs(), b.new_zeros(1)]).max().item()
    try:
        torch.testing.assert_close(a, b, rtol=0, atol=(rtol or FLOAT32_RTOL) * (largest or 1), equal_nan=True)
    except AssertionError as error:
        # The first line only says that the numbers differ, and the last one repeats the difference in relative terms.
        lines = [line for line in str(error).splitlines() if line]
        difference = "; ".join(line.rstrip(".") for line in lines[1:3]) or lines[0]
        return LONG_NUMBER.sub(lambda number: f"{float(number[0]):.6g}", difference)
    return ""


def all_agree(mine: list[Tensor], expected: list[Tensor]) -> bool:
    """Return whether there are equally many results, and each agrees.

    Args:
        mine: the results of a solution.
        expected: the expected results.

    Returns:
        Whether all agree.
    """
    return len(mine) == len(expected) and not any(map(describe_difference, mine, expected))
