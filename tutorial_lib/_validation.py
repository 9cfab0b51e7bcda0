"""Names a person typed: found, or answered with the nearest ones."""

from collections.abc import Iterable
from difflib import get_close_matches


def check_choice(name: str, names: Iterable[str], kind: str) -> str:
    """Return ``name`` if it is one of ``names``; otherwise say which ones come close.

    Args:
        name: what was asked for.
        names: what there is.
        kind: what such a name stands for, in the singular ("sign", "layer"); it opens the error.

    Raises:
        ValueError: the name is unknown. The message holds the nearest names, or all of them where none is near.

    Example:
        >>> check_choice("stop", ["stop", "yield"], "sign")
        'stop'
        >>> check_choice("stpo", ["stop", "yield"], "sign")
        Traceback (most recent call last):
            ...
        ValueError: unknown sign 'stpo'; the nearest: 'stop'
    """
    names = list(names)
    if name in names:
        return name
    near = get_close_matches(str(name), names, n=3, cutoff=0.5)
    said = "the nearest" if near else "there are"
    raise ValueError(f"unknown {kind} {name!r}; {said}: " + ", ".join(map(repr, near or names)))


# ======== merged from tutorial_lib/tensors.py
"""Tensors as they are handed over: of the shape and kind that is wanted, or answered with what was wanted and what came."""

from __future__ import annotations

import torch
from torch import Tensor

DTYPE_CHECKS = {
    "floats": lambda t: t.is_floating_point(),
    "whole": lambda t: not (t.is_floating_point() or t.is_complex() or t.dtype == torch.bool),
    "bools": lambda t: t.dtype == torch.bool,
}
DTYPE_NAMES = {"floats": "floats", "whole": "whole numbers", "bools": "bools"}


def check_shapes(**given: tuple[Tensor, str]) -> None:
    """Check some tensors together: each of its kind, and a letter the same size wherever it stands.

    A wish is a kind, "floats", "whole" or "bools", and then the axes. N, the samples, may be 0; every other axis holds something.
    Only shapes and types are looked at, so that a GPU is never waited for.

    Raises:
        ValueError: one does not fit; the message holds what was expected, and what came.

    Example:
        >>> check_shapes(h=(torch.zeros(3, 2), "floats N d"), labels=(torch.zeros(3).long(), "whole N"))
        >>> check_shapes(h=(torch.zeros(3, 2), "floats N d"), labels=(torch.zeros(4).long(), "whole N"))
        Traceback (most recent call last):
            ...
        ValueError: expected h: floats (N, d), labels: whole numbers (N,); got float32 (3, 2), int64 (4,)
    """
    sizes: dict[str, int] = {}
    fits = True
    for tensor, wish in given.values():
        kind, *axes = wish.split()
        fits = fits and isinstance(tensor, Tensor) and DTYPE_CHECKS[kind](tensor) and tensor.dim() == len(axes)
        for axis, size in zip(axes, tensor.shape) if fits else ():
            fits = fits and sizes.setdefault(axis, size) == size and (size > 0 or axis == "N")
    if not fits:
        wanted = ", ".join(f"{name}: {_format_spec(*wish.split())}" for name, (_, wish) in given.items())
        raise ValueError(f"expected {wanted}; got {', '.join(_format_tensor(tensor) for tensor, _ in given.values())}")


def _format_spec(kind: str, *axes: str) -> str:
    return f"{DTYPE_NAMES[kind]} ({', '.join(axes)}{',' * (len(axes) == 1)})"


def _format_tensor(value: object) -> str:
    return (
        f"{value.dtype} {tuple(value.shape)}".removeprefix("torch.")
        if isinstance(value, Tensor)
        else type(value).__name__
    )


def promote_to_float32(*tensors: Tensor) -> torch.dtype:
    """The type in which some tensors meet, single precision at least: half is too coarse for sums, and for matrices unknown.

    Example:
        >>> promote_to_float32(torch.zeros(1, dtype=torch.bfloat16))
        torch.float32
    """
    found = torch.float32
    for tensor in tensors:
        found = torch.promote_types(found, tensor.dtype)
    return found
