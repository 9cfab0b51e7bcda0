"""The same quantity, computed in several ways, side by side."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ComparisonRow:
    """One way of computing, held against the first."""

    name: str
    dtype: str
    difference: float
    relative: float
    verdict: str


class Comparison(tuple[ComparisonRow, ...]):
    """The rows of a comparison; prints as a table, and is shown as one in a notebook."""

    @property
    def all_close(self) -> bool:
        """Whether every way came out exact or close."""
        return all(row.verdict != "different" for row in self)

    def table_rows(self) -> list[list[str]]:
        head = ["", "dtype", "largest difference", "relative", "verdict"]
        return [head, *([r.name, r.dtype, f"{r.difference:.1e}", f"{r.relative:.1e}", r.verdict] for r in self)]

    def __repr__(self) -> str:
        cells = self.table_rows()
        widths = [max(map(len, column)) for column in zip(*cells)]
        return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths)).rstrip() for line in cells)

    def _repr_markdown_(self) -> str:
        head, *lines = ("| " + " | ".join(line) + " |" for line in self.table_rows())
        return "\n".join([head, "|---|---|---:|---:|---|", *lines])


def compare_tensors(**tensors: Tensor) -> Comparison:
    """Hold every tensor against the first: exact, close or different, with the largest difference and its size relative to the first.

    "exact" is equal in every number; "close" is within √ε of the largest value of the first, ε being the precision of the coarser
    type (1.5e-8 for float64, 3.5e-4 for float32); everything else, a number that is not finite too, is "different".

    Raises:
        ValueError: fewer than two tensors, or different shapes.

    Example:
        >>> table = compare_tensors(by_hand=torch.tensor([1., 2.]), autograd=torch.tensor([1., 2.]))
        >>> table[1].verdict, table.all_close
        ('exact', True)
    """
    if len(tensors) < 2:
        raise ValueError("a comparison needs at least two tensors")
    (_, first), *_ = tensors.items()
    rows = []
    for name, tensor in tensors.items():
        if tensor.shape != first.shape:
            raise ValueError(f"{name} has shape {tuple(tensor.shape)}, the first {tuple(first.shape)}")
        a, b = (t.detach().to("cpu", torch.float64) for t in (first, tensor))
        difference = (a - b).abs().max().item() if a.numel() else 0.0
        relative = difference / (a.abs().max().item() or 1.0) if a.numel() else 0.0
        tolerance = max(torch.finfo(t.dtype).eps if t.is_floating_point() else 0.0 for t in (first, tensor)) ** 0.5
        verdict = "exact" if difference == 0 else "close" if relative <= tolerance else "different"
        rows.append(ComparisonRow(name, str(tensor.dtype).removeprefix("torch."), difference, relative, verdict))
    return Comparison(rows)
