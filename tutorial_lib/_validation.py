"""Checks of arguments: their types, a name from a list, and the shapes and types of tensors.

Every message says what was expected and what was received. Only shapes and types are looked at, unless a docstring says
otherwise, so that no check has to wait for a GPU.

Every public function is decorated with :func:`convert_arguments`, so that one rule holds for all of them:

- Where a tensor is expected, NumPy arrays, lists of numbers and lists of tensors of one shape are accepted as well. An
  array keeps its data type; the numbers of a list become float64 or int64. PIL images and masked arrays are refused,
  because it is not known which axes, which range or which fill value is meant.
- Where a number is expected, NumPy numbers, fractions and tensors without axes are accepted, and NaN is refused.
- Where a whole number is expected, floats and bools are refused.
- The entries of sequences and dictionaries follow the same rule.
- Any other value of a wrong type is refused with a ValueError, and so are tensors on two devices, unless the function
  moves them, as it does with labels.
- Autocast is off, so that the precision of a result is that of the arguments. A function of the caller, such as an
  objective, runs without autocast as well.
"""

import inspect
import math
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from difflib import get_close_matches
from functools import reduce, wraps
from itertools import chain, repeat
from numbers import Integral, Rational, Real
from typing import Any, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
import torch
from torch import Tensor

P = ParamSpec("P")
R = TypeVar("R")
TYPE_NAMES = {
    Tensor: "a tensor or an array",
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    types.NoneType: "None",
}
DTYPE_CHECKS: dict[str, Callable[[Tensor], bool]] = {
    "floats": lambda t: t.is_floating_point(),
    "logits": lambda t: t.is_floating_point(),
    "whole": lambda t: not (t.is_floating_point() or t.is_complex() or t.dtype == torch.bool),
    "bools": lambda t: t.dtype == torch.bool,
}
DTYPE_NAMES = {"floats": "floats", "logits": "floats", "whole": "whole numbers", "bools": "bools"}
TWO_LOGITS = "a binary classifier needs two logits instead of one logit z: torch.cat([-z / 2, z / 2], 1)"
CONVERSIONS = {"floats": ".float()", "logits": ".float()", "whole": ".long()", "bools": " > 0.5"}


def convert_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """Return the function with its arguments converted and checked according to their annotations.

    The docstring of this module states the rule.

    Args:
        function: a function or a method with annotations.

    Returns:
        The function; it raises a ValueError that names an argument whose type does not fit.

    Example:
        >>> @convert_arguments
        ... def scale(x: Tensor, factor: float = 1.0) -> Tensor:
        ...     return factor * x
        >>> scale(np.array([1, 2]), np.float32(2))
        tensor([2., 4.])
        >>> scale([1, 2], None)
        Traceback (most recent call last):
            ...
        ValueError: scale: expected factor to be a number, got NoneType
    """
    parameters = inspect.signature(function).parameters.values()
    positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    variadic = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "")
    hints: dict[str, Any] = {}

    @wraps(function)
    def converted(*args: P.args, **kwargs: P.kwargs) -> R:
        if not hints:  # The annotations are evaluated at the first call, when all modules have been imported.
            hints.update(get_type_hints(function))

        def convert(name: str, value: Any) -> Any:
            return _convert(f"{function.__name__}: expected {name}", value, hints[name]) if name in hints else value

        values = [*map(convert, chain(positional, repeat(variadic)), args)]
        options = {name: convert(name, value) for name, value in kwargs.items()}
        devices = {str(value.device) for value in (*values, *options.values()) if isinstance(value, Tensor)}
        with ExitStack() as without_autocast:
            for kind in filter(
                torch.is_autocast_enabled, {"cpu", "cuda", *(device.split(":")[0] for device in devices)}
            ):
                without_autocast.enter_context(torch.autocast(kind, enabled=False))
            try:
                return function(*values, **options)
            except RuntimeError as error:
                if "device" not in str(error) or len(devices) < 2:
                    raise
                raise ValueError(
                    f"{function.__name__}: expected tensors on one device, got them on "
                    f"{' and '.join(sorted(devices))}; move them with .to(device)"
                ) from error

    return converted


def _convert(expected: str, value: Any, hint: Any) -> Any:
    """An argument, converted to the type of its annotation and checked; ``expected`` opens the error message."""
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    entries = {get_origin(option): get_args(option) for option in options}
    is_list = isinstance(value, list | tuple | range | np.ndarray)
    is_array = is_list or hasattr(value, "__array_interface__") or hasattr(value, "__array__")
    is_number = int in options or float in options
    if isinstance(value, np.generic) or (is_array and is_number and getattr(value, "shape", None) == ()):
        value, is_list, is_array = value.item(), False, False
    if is_array and Tensor in options and not (is_list and Sequence in entries):
        return _as_tensor(expected, value)
    if (is_list or isinstance(value, Tensor)) and (tuple in entries or Sequence in entries):
        kinds = entries[tuple if tuple in entries else Sequence]
        kinds = kinds[:1] * len(value) if len(kinds) == 1 or ... in kinds else kinds
        if len(value) != len(kinds):
            raise ValueError(f"{expected} to have {len(kinds)} entries, got {value}")
        return tuple(_convert(f"{expected}[{i}]", value[i], kind) for i, kind in enumerate(kinds))
    if isinstance(value, Mapping) and (dict in entries or Mapping in entries):
        kind = entries[dict if dict in entries else Mapping][1]
        return {
            key: v if isinstance(v, Tensor) and v.dim() == 0 else _convert(f"{expected}[{key!r}]", v, kind)
            for key, v in value.items()
        }
    classes = tuple(get_origin(option) or option for option in options)
    if not all(isinstance(kind, type) for kind in classes) or Any in classes:
        return value
    if isinstance(value, Real):
        wanted = (bool,) if isinstance(value, bool) else (int, float) if isinstance(value, Integral) else (float,)
        fits = not math.isnan(value) and any(kind in classes for kind in wanted)
    else:
        fits = str in classes if isinstance(value, str) else isinstance(value, classes)  # a string is a sequence
    if not fits:
        names = " or ".join(TYPE_NAMES.get(kind, kind.__name__) for kind in classes)
        received = format_tensor(value) if is_array or not isinstance(value, Real | str) else repr(value)
        raise ValueError(f"{expected} to be {names}, got {received}")
    return float(value) if isinstance(value, Rational) and not isinstance(value, Integral) else value


def _as_tensor(expected: str, value: Any) -> Tensor:
    """A tensor, an array, or a list of numbers or tensors, as a tensor with at least one axis."""
    first = value[0] if isinstance(value, list | tuple) and value else value
    remedy = "stack the samples in one tensor or array of numbers"
    try:
        if isinstance(first, Tensor):
            tensor = value if isinstance(value, Tensor) else torch.stack(list(value))
        elif hasattr(first, "getbands"):
            raise TypeError(
                remedy := "convert each PIL image: torchvision.transforms.functional.to_tensor(image)[None]"
            )
        elif isinstance(first, np.ma.MaskedArray):
            raise TypeError(remedy := "replace the masked values: array.filled(value)")
        else:
            array = np.asarray(value)
            tensor = torch.from_numpy(array.astype(array.dtype.newbyteorder("="), order="C"))
        if tensor.is_meta or not tensor.dim():
            raise TypeError(remedy := "a tensor needs values and at least one axis")
        # PyTorch has hardly any operations for these types, and for the unsigned integers below.
        if tensor.is_nested or tensor.is_quantized or (tensor.is_floating_point() and tensor.itemsize == 1):
            raise TypeError(
                remedy := "pad nested samples to one shape, and convert other floats: .dequantize(), .float()"
            )
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"{expected} to be a tensor or an array, got {format_tensor(value)}; {remedy}") from None
    tensor = tensor if tensor.layout == torch.strided else tensor.to_dense()
    tensor = tensor.long() if tensor.dtype in (torch.uint16, torch.uint32, torch.uint64) else tensor
    # NumPy cannot take a tensor that is only marked as negative, for example the imaginary part of a conjugate.
    return tensor.resolve_conj().resolve_neg()


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

    A specification is a type, "floats", "logits" (floats with at least two classes along the last axis), "whole" or
    "bools", followed by the names of the axes. A name stands for the
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
        valid = valid and DTYPE_CHECKS[kind](tensor) and tensor.dim() == len(axes)
        for axis, size in zip(axes, tensor.shape) if valid else ():
            valid = valid and sizes.setdefault(axis, size) == size and (size > 0 or axis == "N")
        valid = valid and (kind != "logits" or tensor.shape[-1] > 1)
    if not valid:
        expected = ", ".join(f"{name}: {_format_spec(*spec.split())}" for name, (_, spec) in specs.items())
        received = ", ".join(format_tensor(tensor) for tensor, _ in specs.values())
        remedies = dict.fromkeys(_remedy(name, *argument) for name, argument in specs.items())
        raise ValueError("; ".join([f"expected {expected}", f"got {received}", *filter(None, remedies)]))


def _remedy(name: str, value: Tensor, spec: str) -> str:
    """What to do about one argument of another type or number of axes; empty if that is not known."""
    kind, *axes = spec.split()
    if not DTYPE_CHECKS[kind](value):
        bytes_to_floats = " / 255" * (kind in ("floats", "logits") and value.dtype == torch.uint8)
        return f"convert it: {name}{CONVERSIONS[kind]}{bytes_to_floats}"
    if value.dim() == len(axes) - 1 and axes[0] == "N":
        return f"add an axis for the samples: {name}[None]"
    if kind == "whole" and len(axes) == 1 and value.dim() == 2:
        return f"pass class indices: {name}" + ("[:, 0]" if value.shape[1] == 1 else ".argmax(1) if they are one-hot")
    if kind == "logits" and value.dim() == len(axes) and value.shape[-1] == 1:
        return TWO_LOGITS
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
    if not isinstance(value, Tensor) or value.is_nested:
        return type(value).__name__
    return f"{value.dtype} {tuple(value.shape)}".removeprefix("torch.")


def check_nonnegative(**values: float) -> None:
    """Raise an error unless each argument is a finite number of at least 0.

    Args:
        **values: argument name -> value.

    Raises:
        ValueError: one of the values is something else; the message names it.

    Example:
        >>> check_nonnegative(eps=0.1)
        >>> check_nonnegative(eps=-0.1)
        Traceback (most recent call last):
            ...
        ValueError: eps must be a finite number of at least 0; got -0.1
    """
    for name, value in values.items():
        if not 0 <= value < math.inf:
            raise ValueError(f"{name} must be a finite number of at least 0; got {value}")


def check_range(name: str, x: Tensor, low: float, high: float, remedy: str) -> None:
    """Raise an error unless all values of a tensor lie between two numbers.

    The values are looked at, so the check waits for a GPU.

    Args:
        name: name of the argument.
        x: any tensor; it may be empty.
        low: smallest valid value.
        high: largest valid value.
        remedy: what to do if values lie outside.

    Raises:
        ValueError: a value lies outside, or is NaN.

    Example:
        >>> check_range("x", torch.tensor([0.0, 255.0]), 0, 1, "divide by 255")
        Traceback (most recent call last):
            ...
        ValueError: expected x to lie in [0, 1], got values from 0 to 255; divide by 255
    """
    if x.is_complex():
        raise ValueError(f"expected {name} to hold real numbers in [{low:g}, {high:g}], got {x.dtype}; {remedy}")
    smallest, largest = torch.stack(x.detach().aminmax()).tolist() if x.numel() else (low, high)
    if not (low <= smallest and largest <= high):  # NaN fails both
        raise ValueError(
            f"expected {name} to lie in [{low:g}, {high:g}], got values from {smallest:.3g} to {largest:.3g}; {remedy}"
        )


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


def to_float64(values: Tensor) -> Tensor:
    """Return real numbers as float64 on the CPU, without a graph.

    Args:
        values: real numbers of any dtype.

    Returns:
        The same numbers.

    Raises:
        ValueError: whole numbers that float64 cannot represent.

    Example:
        >>> to_float64(torch.tensor([1, 2]))
        tensor([1., 2.], dtype=torch.float64)
    """
    exact = values.detach().cpu().contiguous()
    converted = exact.double()
    if not exact.is_floating_point() and (converted.long() != exact).any():
        raise ValueError(
            "expected whole numbers of at most 2**53, because larger ones would be rounded; subtract an offset first"
        )
    return converted


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
        raise ValueError(
            f"a gradient with respect to the input needs floats (N, …), not {x.dtype} {tuple(x.shape)}; convert them, "
            "bytes by x.float() / 255"
        )


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
    indices = list(range(outputs.shape[1]) if classes is None else classes)
    if not indices or not all(0 <= c < outputs.shape[1] for c in indices):
        raise ValueError(f"classes must lie in 0…{outputs.shape[1] - 1}, and there must be at least one; got {indices}")
    return indices
