"""Checks of arguments: a name from a list, and the shapes and types of tensors.

Every message says what was expected and what was received. Only shapes and types are looked at, unless a docstring says
otherwise, so that no check has to wait for a GPU.
"""

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from functools import reduce

import torch
from torch import Tensor

DTYPE_CHECKS: dict[str, Callable[[Tensor], bool]] = {
    "floats": lambda t: t.is_floating_point(),
    "whole": lambda t: not (t.is_floating_point() or t.is_complex() or t.dtype == torch.bool),
    "bools": lambda t: t.dtype == torch.bool,
}
DTYPE_NAMES = {"floats": "floats", "whole": "whole numbers", "bools": "bools"}
CONVERSIONS = {"floats": ".float()", "whole": ".long()", "bools": " > 0.5"}


def check_choice(name: str, names: Iterable[str], kind: str) -> str:
    """Return ``name`` if it is one of ``names``; otherwise raise with the nearest ones.

    Args:
        name: the name to look up.
        names: the names that are allowed.
        kind: what such a name stands for, in the singular ("layer", "rule"); it opens the error message.

    Returns:
        ``name``, unchanged.

    Raises:
        ValueError: the name is unknown. The message holds the nearest names, or all of them if none is near.

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
    nearest = get_close_matches(str(name), names, n=3, cutoff=0.5)
    introduction = "the nearest" if nearest else "there are"
    raise ValueError(f"unknown {kind} {name!r}; {introduction}: " + ", ".join(map(repr, nearest or names)))


def check_counts(**counts: int | None) -> None:
    """Raise an error unless each argument is a whole number above 0, or None.

    Args:
        **counts: argument name -> value.

    Raises:
        ValueError: one of the values is something else; the message names it.

    Example:
        >>> check_counts(limit=None, size=48)
        >>> check_counts(limit=0)
        Traceback (most recent call last):
            ...
        ValueError: limit must be a whole number above 0; got 0
    """
    for name, count in counts.items():
        if count is not None and (not isinstance(count, int) or count < 1):
            raise ValueError(f"{name} must be a whole number above 0; got {count!r}")


def check_shapes(**specs: tuple[Tensor, str]) -> None:
    """Raise an error unless some tensors have the expected types and consistent shapes.

    A specification is a type, "floats", "whole" or "bools", followed by the names of the axes. A name stands for the
    same size in every specification. The axis N, the samples, may have size 0; every other axis must not be empty.

    Args:
        **specs: argument name -> (tensor, specification).

    Raises:
        ValueError: one of the tensors does not fit; the message lists what was expected and what was received, and how
            to convert an argument of another type or without an axis for the samples.

    Example:
        >>> check_shapes(h=(torch.zeros(3, 2), "floats N d"), labels=(torch.zeros(3).long(), "whole N"))
        >>> check_shapes(h=(torch.zeros(3, 2), "floats N d"), labels=(torch.zeros(4).long(), "whole N"))
        Traceback (most recent call last):
            ...
        ValueError: expected h: floats (N, d), labels: whole numbers (N,); got float32 (3, 2), int64 (4,)
    """
    sizes: dict[str, int] = {}
    valid = True
    for tensor, spec in specs.values():
        kind, *axes = spec.split()
        valid = valid and isinstance(tensor, Tensor) and DTYPE_CHECKS[kind](tensor) and tensor.dim() == len(axes)
        for axis, size in zip(axes, tensor.shape) if valid else ():
            valid = valid and sizes.setdefault(axis, size) == size and (size > 0 or axis == "N")
    if not valid:
        expected = ", ".join(f"{name}: {_format_spec(*spec.split())}" for name, (_, spec) in specs.items())
        received = ", ".join(format_tensor(tensor) for tensor, _ in specs.values())
        remedies = dict.fromkeys(_remedy(name, *argument) for name, argument in specs.items())
        raise ValueError("; ".join([f"expected {expected}", f"got {received}", *filter(None, remedies)]))


def _remedy(name: str, value: object, spec: str) -> str:
    """What to do about one argument of another type or number of axes; empty if that is not known."""
    kind, *axes = spec.split()
    if not isinstance(value, Tensor):
        return f"pass a tensor: torch.as_tensor({name})"
    if not DTYPE_CHECKS[kind](value):
        bytes_to_floats = " / 255" * (kind == "floats" and value.dtype == torch.uint8)
        return f"convert it: {name}{CONVERSIONS[kind]}{bytes_to_floats}"
    if value.dim() == len(axes) - 1 and axes[0] == "N":
        return f"add an axis for the samples: {name}[None]"
    return ""


def _format_spec(kind: str, *axes: str) -> str:
    """A specification as it is printed: "floats (N, d)"."""
    return f"{DTYPE_NAMES[kind]} ({', '.join(axes)}{',' * (len(axes) == 1)})"


def format_tensor(value: object) -> str:
    """Return what was received, as error messages print it.

    Args:
        value: a tensor, or anything that was passed in its place.

    Returns:
        Data type and shape of a tensor, or the type of another object.

    Example:
        >>> format_tensor(torch.zeros(3, 2)), format_tensor([1, 2])
        ('float32 (3, 2)', 'list')
    """
    if not isinstance(value, Tensor):
        return type(value).__name__
    return f"{value.dtype} {tuple(value.shape)}".removeprefix("torch.")


def promote_to_float32(*tensors: Tensor) -> torch.dtype:
    """Return the common dtype of some tensors, single precision at least.

    Half precision is too coarse for sums, and many matrix routines do not support it.

    Args:
        *tensors: tensors of any dtype.

    Returns:
        ``torch.float32``, or the wider dtype to which torch promotes all of them.

    Example:
        >>> promote_to_float32(torch.zeros(1, dtype=torch.bfloat16))
        torch.float32
    """
    return reduce(torch.promote_types, (tensor.dtype for tensor in tensors), torch.float32)


def check_floating(x: Tensor) -> None:
    """Raise an error unless x is a tensor of floats with a batch axis.

    Only such a tensor can be differentiated with respect to.

    Args:
        x: inputs (N, …).

    Raises:
        ValueError: x holds whole numbers, or has no axis.

    Example:
        >>> check_floating(torch.zeros(2, 3))
    """
    if not (x.is_floating_point() or x.is_complex()) or x.dim() == 0:
        raise ValueError(f"a gradient with respect to the input needs floats (N, …), not {x.dtype} {tuple(x.shape)}")


def check_classes(outputs: Tensor, classes: Sequence[int] | None) -> list[int]:
    """Return the selected classes as a list of ints, after checking them against the outputs.

    Args:
        outputs: logits (n, C).
        classes: class indices, each in 0…C−1; None selects all C classes.

    Returns:
        At least one class index.

    Raises:
        ValueError: outputs of another shape, no class, or a class out of range.

    Example:
        >>> check_classes(torch.zeros(2, 3), None)
        [0, 1, 2]
    """
    if outputs.dim() != 2:
        raise ValueError(f"classes need outputs of shape (n, C), not {tuple(outputs.shape)}")
    indices = list(range(outputs.shape[1])) if classes is None else [int(c) for c in classes]
    if not indices or not all(0 <= c < outputs.shape[1] for c in indices):
        raise ValueError(f"classes must lie in 0…{outputs.shape[1] - 1}, and there must be at least one")
    return indices
