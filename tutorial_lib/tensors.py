"""Tensors as they are handed over: of the shape and kind that is wanted, or answered with what was wanted and what came."""

from __future__ import annotations

import torch
from torch import Tensor

KINDS = {
    "floats": lambda t: t.is_floating_point(),
    "whole": lambda t: not (t.is_floating_point() or t.is_complex() or t.dtype == torch.bool),
    "bools": lambda t: t.dtype == torch.bool,
}
WORDS = {"floats": "floats", "whole": "whole numbers", "bools": "bools"}


def fitting(**given: tuple[Tensor, str]) -> None:
    """Check some tensors together: each of its kind, and a letter the same size wherever it stands.

    A wish is a kind, "floats", "whole" or "bools", and then the axes. N, the samples, may be 0; every other axis holds something.
    Only shapes and types are looked at, so that a GPU is never waited for.

    Raises:
        ValueError: one does not fit; the message holds what was expected, and what came.

    Example:
        >>> fitting(h=(torch.zeros(3, 2), "floats N d"), labels=(torch.zeros(3).long(), "whole N"))
        >>> fitting(h=(torch.zeros(3, 2), "floats N d"), labels=(torch.zeros(4).long(), "whole N"))
        Traceback (most recent call last):
            ...
        ValueError: expected h: floats (N, d), labels: whole numbers (N,); got float32 (3, 2), int64 (4,)
    """
    sizes: dict[str, int] = {}
    fits = True
    for tensor, wish in given.values():
        kind, *axes = wish.split()
        fits = fits and isinstance(tensor, Tensor) and KINDS[kind](tensor) and tensor.dim() == len(axes)
        for axis, size in zip(axes, tensor.shape) if fits else ():
            fits = fits and sizes.setdefault(axis, size) == size and (size > 0 or axis == "N")
    if not fits:
        wanted = ", ".join(f"{name}: {_wish(*wish.split())}" for name, (_, wish) in given.items())
        raise ValueError(f"expected {wanted}; got {', '.join(_found(tensor) for tensor, _ in given.values())}")


def _wish(kind: str, *axes: str) -> str:
    return f"{WORDS[kind]} ({', '.join(axes)}{',' * (len(axes) == 1)})"


def _found(value: object) -> str:
    return (
        f"{value.dtype} {tuple(value.shape)}".removeprefix("torch.")
        if isinstance(value, Tensor)
        else type(value).__name__
    )


def fine(*tensors: Tensor) -> torch.dtype:
    """The type in which some tensors meet, single precision at least: half is too coarse for sums, and for matrices unknown.

    Example:
        >>> fine(torch.zeros(1, dtype=torch.bfloat16))
        torch.float32
    """
    found = torch.float32
    for tensor in tensors:
        found = torch.promote_types(found, tensor.dtype)
    return found
