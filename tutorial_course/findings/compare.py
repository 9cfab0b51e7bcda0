"""Compare several computations of the same quantity in a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ComparisonRow:
    """One computation, compared with the first.

    Attributes:
        name: its name.
        dtype: its dtype, without "torch.".
        difference: largest absolute difference from the first.
        relative: ``difference``, divided by the largest absolute value of the first.
        verdict: "exact", "close" or "different".
    """

    name: str
    dtype: str
    difference: float
    relative: float
    verdict: str


class Comparison(tuple[ComparisonRow, ...]):
    """The rows of a comparison; it prints as a Markdown table, which a notebook renders.

    Attributes:
        first: the name of the tensor that every other one is compared with.
    """

    first: str

    def __new__(cls, first: str, rows: Iterable[ComparisonRow]) -> Comparison:
        """Create the rows, and store what they are compared with.

        Args:
            first: the name of the tensor that every other one is compared with.
            rows: one row per further tensor.

        Returns:
            The comparison.
        """
        comparison = super().__new__(cls, rows)
        comparison.first = first
        return comparison

    @property
    def all_close(self) -> bool:
        """Whether every computation is exact or close."""
        return all(row.verdict != "different" for row in self)

    def __repr__(self) -> str:
        header = [
            f"| compared with {self.first} | dtype | largest difference | relative | verdict |",
            "|---|---|---:|---:|---|",
        ]
        rows = (f"| {r.name} | {r.dtype} | {r.difference:.1e} | {r.relative:.1e} | {r.verdict} |" for r in self)
        return "\n".join([*header, *rows])

    _repr_markdown_ = __repr__


def compare_tensors(**tensors: Tensor) -> Comparison:
    """Return a table that compares every tensor with the first: exact, close or different.

    "exact" means equal in every number. "close" means within √ε of the largest value of the first, where ε is the
    precision of the coarser dtype (√ε is 1.5e-8 for float64 and 3.5e-4 for float32). Everything else is "different",
    also a number that is not finite.

    Args:
        **tensors: name -> tensor, at least two, all of the same shape.

    Returns:
        One row per further tensor, with the largest difference and its size relative to the largest value of the first.

    Raises:
        ValueError: fewer than two tensors, or different shapes.

    Example:
        >>> table = compare_tensors(by_hand=torch.tensor([1., 2.]), autograd=torch.tensor([1., 2.]))
        >>> table[0].verdict, table.all_close
        ('exact', True)
    """
    if len(tensors) < 2:
        raise ValueError("a comparison needs at least two tensors")
    (reference, first), *others = tensors.items()
    rows = []
    for name, tensor in others:
        if tensor.shape != first.shape:
            raise ValueError(f"{name} has shape {tuple(tensor.shape)}, the first {tuple(first.shape)}")
        wide = torch.complex128 if first.is_complex() or tensor.is_complex() else torch.float64
        a, b = (t.detach().to("cpu", wide) for t in (first, tensor))
        difference = (a - b).abs().max().item() if a.numel() else 0.0
        relative = difference / (a.abs().max().item() or 1.0) if a.numel() else 0.0
        tolerance = (
            max(torch.finfo(t.dtype).eps if t.is_floating_point() or t.is_complex() else 0.0 for t in (first, tensor))
            ** 0.5
        )
        verdict = "exact" if difference == 0 else "close" if relative <= tolerance else "different"
        rows.append(ComparisonRow(name, str(tensor.dtype).removeprefix("torch."), difference, relative, verdict))
    return Comparison(reference, rows)
