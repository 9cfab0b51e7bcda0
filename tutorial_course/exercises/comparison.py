"""What a function returned, read as numbers and held against what was wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Number
from typing import Any

import numpy as np
import torch
from torch import Tensor

FLOAT32_RTOL = torch.finfo(torch.float32).eps ** 0.5
# Finite differences in float64 are right to about 1e-7: an answer found that way is an answer.
FLOAT64_RTOL = 1e-6


@dataclass(frozen=True)
class NumericResult:
    """One result in float64 on the processor, and how far it may be off, relative to the largest number of what was wanted."""

    value: Tensor
    tolerance: float

    def shape_matches(self, other: NumericResult) -> bool:
        """Whether the shapes are the same; where one number is wanted, any tensor of one number will do."""
        return self.value.shape == other.value.shape or (self.value.numel() == 1 and other.value.dim() == 0)


def to_results(value: Any, wanted: int) -> list[NumericResult]:
    """The results in what a function returned, of which ``wanted`` were expected.

    Raises:
        ValueError, TypeError, RuntimeError: something in it is no number.
    """
    return [to_result(one) for one in value] if wanted > 1 and isinstance(value, list | tuple) else [to_result(value)]


def to_result(value: Any) -> NumericResult:
    if isinstance(value, Tensor):
        tensor = value.detach()
    elif isinstance(value, np.ndarray | np.generic):
        tensor = torch.as_tensor(np.array(value))
    elif isinstance(value, list | tuple):
        return stack_results([to_result(one) for one in value])
    elif isinstance(value, Number):
        tensor = torch.tensor(value)
    else:
        raise TypeError(f"{type(value).__name__} is no number")
    if tensor.is_complex():
        raise TypeError("complex numbers: take the real part")
    if isinstance(value, Number) or not tensor.is_floating_point():
        tolerance = FLOAT32_RTOL  # a plain number does not say in which precision it was computed
    else:
        tolerance = max(torch.finfo(tensor.dtype).eps ** 0.5, FLOAT64_RTOL)
    return NumericResult(tensor.to("cpu", torch.float64).clone(), tolerance)


def stack_results(parts: list[NumericResult]) -> NumericResult:
    return NumericResult(torch.stack([p.value for p in parts]), max(p.tolerance for p in parts))


def allclose(mine: NumericResult, other: NumericResult, tolerance: float | None = None) -> bool:
    """Whether shapes fit and every number is equal up to rounding.

    Example:
        >>> allclose(to_result(0.1 + 0.2), to_result(0.3)), allclose(to_result(0.31), to_result(0.3))
        (True, False)
    """
    return mine.shape_matches(other) and bool(isclose(mine, other, tolerance).all())


def all_close(mine: Sequence[NumericResult], other: Sequence[NumericResult], tolerance: float | None = None) -> bool:
    """As many results, and each agrees."""
    return len(mine) == len(other) and all(allclose(a, b, tolerance) for a, b in zip(mine, other))


def isclose(mine: NumericResult, other: NumericResult, tolerance: float | None = None) -> Tensor:
    a, b = mine.value.reshape(other.value.shape), other.value
    finite = b[b.isfinite()].abs()
    scale = finite.max().item() if finite.numel() else 0.0
    near = (a - b).abs() <= (tolerance or mine.tolerance) * (scale or 1.0)
    return near | (a == b) | (a.isnan() & b.isnan())


def describe_difference(mine: Sequence[NumericResult], right: Sequence[NumericResult], names: Sequence[str]) -> str:
    """In words, what is off first; never what would be right."""
    if len(mine) != len(right):
        return f"{len(right)} results are wanted, {', '.join(names)}; there came {len(mine)}"
    j = next(j for j in range(len(right)) if not allclose(mine[j], right[j]))
    name = names[j] if names[j].startswith("the ") else f"`{names[j]}`"
    if not mine[j].shape_matches(right[j]):
        wanted = tuple(right[j].value.shape) if right[j].value.dim() else "a single number"
        return f"{name} has shape {tuple(mine[j].value.shape)}, and {wanted} is wanted"
    a, b = mine[j].value.reshape(right[j].value.shape), right[j].value
    if not a.isfinite().all() and b.isfinite().all():
        return f"{name} holds something that is no number (NaN, or infinity)"
    ratio = (a * b).sum() / (b * b).sum()
    if (
        b.numel() > 1
        and ratio != 0
        and allclose(NumericResult(a, mine[j].tolerance), NumericResult(ratio * b, FLOAT64_RTOL))
    ):
        return f"{name} points the right way, and every number in it is {ratio:.4g} times what it should be"
    if b.dim() == 0:
        return f"{name}, {a.item():.4g}, is too {'large' if a > b else 'small'}"
    wrong = (~isclose(mine[j], right[j])).nonzero()
    return f"{len(wrong)} of {b.numel()} numbers in {name} differ, the first of them at {wrong[0].tolist()}"
