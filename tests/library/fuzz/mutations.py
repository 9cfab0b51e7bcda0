"""Typical mistakes in arguments, and the check of what follows: a clear error or a correct result."""

import copy
import linecache
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor, nn

import tutorial_lib

HOME = str(Path(tutorial_lib.__file__).parent)
DTYPE_TOLERANCE = {torch.float64: 1e-9, torch.float32: 2e-3, torch.float16: 0.1, torch.bfloat16: 0.4}


@dataclass(frozen=True)
class Case:
    """A public function with valid arguments.

    Attributes:
        call: takes the ``arguments`` by name.
        arguments: valid arguments.
        rows: names of the arguments with one row per sample.
        each: whether the result has one row per sample as well; otherwise it is computed from all samples together.
        blind: names of the arguments whose values do not matter, because only shape, order or size is used.
        far: why finite arguments may give an infinite result; empty if they may not.
        skip: names of mutations that do not apply.
        slow: whether arguments of other types are tried for the first argument only.
    """

    call: Callable
    arguments: dict
    rows: str = "x"
    each: bool = True
    blind: str = ""
    far: str = ""
    skip: set | tuple = ()
    slow: bool = False


# Each mutation maps (arguments, name, case) to the changed arguments, or to None where it does not apply.


def _all_rows(args, case, f):
    rows = [name for name in case.rows.split() if isinstance(args[name], Tensor) and args[name].dim()]
    return args | {name: f(args[name]) for name in rows}


def _one(args, name, f):
    return args | {name: f(args[name])}


def _floats(t):
    return isinstance(t, Tensor) and t.is_floating_point()


def _whole(t):
    return isinstance(t, Tensor) and not t.is_floating_point() and t.dtype != torch.bool


def _row(value):
    def f(args, name, case):
        t = args[name]
        if not _floats(t) or not t.numel() or not t.dim():
            return None
        # A single value of a single sample.
        t = t.detach().clone(memory_format=torch.contiguous_format)
        t.view(len(t), -1)[len(t) // 2, 0] = value
        return args | {name: t}

    return f


def _cast(dtype):
    return lambda args, name, case: _one(args, name, lambda t: t.to(dtype)) if _floats(args[name]) else None


def move(value, target):
    """Return copies of all tensors and modules in a value, on another device or with another dtype of floats."""
    if isinstance(value, nn.Module):
        return copy.deepcopy(value).to(target)
    if isinstance(value, dict):
        return {key: move(element, target) for key, element in value.items()}
    if isinstance(value, list):
        return [move(element, target) for element in value]
    moves = isinstance(value, Tensor) and (value.is_floating_point() or isinstance(target, torch.device))
    return value.to(target) if moves else value


def _everything(dtype):
    return lambda args, name, case: move(args, dtype)


def _on(kind, change):
    return lambda args, name, case: _one(args, name, change) if kind(args[name]) and args[name].numel() else None


def _strided(t):
    if t.dim() == 0:
        return t
    wide = torch.stack([t, t], -1)
    return wide[..., 0]


MUTATIONS = {
    "nothing": lambda args, name, case: args,
    "no samples": lambda args, name, case: (
        _all_rows(args, case, lambda t: t[:0]) if name in case.rows.split() else None
    ),
    "one sample": lambda args, name, case: (
        _all_rows(args, case, lambda t: t[:1]) if name in case.rows.split() else None
    ),
    "two samples": lambda args, name, case: (
        _all_rows(args, case, lambda t: t[:2]) if name in case.rows.split() else None
    ),
    "a row less": _on(lambda t: isinstance(t, Tensor) and t.dim() > 0, lambda t: t[:-1]),
    "an empty one": _on(lambda t: isinstance(t, Tensor) and t.dim() > 0, lambda t: t[:0]),
    "an axis less": _on(lambda t: isinstance(t, Tensor) and t.dim() > 0, lambda t: t[0]),
    "an axis more": _on(lambda t: isinstance(t, Tensor), lambda t: t[None]),
    "an axis behind": _on(lambda t: isinstance(t, Tensor), lambda t: t[..., None]),
    "a column less": _on(lambda t: isinstance(t, Tensor) and t.dim() > 1, lambda t: t[..., :-1]),
    "no columns": _on(lambda t: isinstance(t, Tensor) and t.dim() > 1, lambda t: t[..., :0]),
    "strided": _on(lambda t: isinstance(t, Tensor), _strided),
    "with a graph": _on(_floats, lambda t: t.clone().requires_grad_()),
    "nan": _row(torch.nan),
    "inf": _row(torch.inf),
    "-inf": _row(-torch.inf),
    "constant": _on(_floats, lambda t: torch.full_like(t, 0.5)),
    "zero": _on(_floats, torch.zeros_like),
    "ties": _on(_floats, lambda t: t.round()),
    "negative": _on(_floats, lambda t: -t),
    "huge": _on(_floats, lambda t: t * 1e30),
    "tiny": _on(_floats, lambda t: t * 1e-30),
    "float32": _cast(torch.float32),
    "float16": _cast(torch.float16),
    "bfloat16": _cast(torch.bfloat16),
    "int64": _cast(torch.int64),
    "uint8": _cast(torch.uint8),
    "bool": _cast(torch.bool),
    "all float32": _everything(torch.float32),
    "all float16": _everything(torch.float16),
    "all bfloat16": _everything(torch.bfloat16),
    "out of range": _on(_whole, lambda t: t + 100),
    "below zero": _on(_whole, lambda t: t - 100),
    "labels of floats": _on(_whole, lambda t: t.double()),
    "labels of int32": _on(_whole, lambda t: t.int()),
    "labels of uint8": _on(_whole, lambda t: t.to(torch.uint8)),
    "labels of bool": _on(_whole, lambda t: t.bool()),
    "mask of ints": _on(lambda t: isinstance(t, Tensor) and t.dtype == torch.bool, lambda t: t.long()),
    "batch_size 0": lambda args, name, case: args | {"batch_size": 0} if name == "batch_size" else None,
    "batch_size -1": lambda args, name, case: args | {"batch_size": -1} if name == "batch_size" else None,
    "batch_size 1.5": lambda args, name, case: args | {"batch_size": 1.5} if name == "batch_size" else None,
    "batch_size 1": lambda args, name, case: args | {"batch_size": 1} if name == "batch_size" else None,
    "batch_size 2": lambda args, name, case: args | {"batch_size": 2} if name == "batch_size" else None,
    "a class out of range": lambda args, name, case: (
        args | {name: 100} if name in ("target", "other", "contrast_class", "label") else None
    ),
    "a class below zero": lambda args, name, case: (
        args | {name: -1} if name in ("target", "other", "contrast_class", "label") else None
    ),
}
BROKEN_MODELS = {"nan", "inf", "-inf"}


def _number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


def _tensor(value):
    return isinstance(value, Tensor)


# The same values in other types: kind of argument, and the conversion. The result must be the same, or a clear error.
ENTRANCES = {
    "NumPy array": (_tensor, lambda t: t.numpy()),
    "NumPy array of other strides and byte order": (
        lambda t: _tensor(t) and t.dim() > 0,
        lambda t: t.flip(0).numpy()[::-1].astype(t.numpy().dtype.newbyteorder(">")),
    ),
    "read-only NumPy array": (_tensor, lambda t: np.broadcast_to(t.numpy(), t.shape)),
    "list": (_tensor, lambda t: t.tolist()),
    "tuple of rows": (lambda t: _tensor(t) and t.dim() > 0, tuple),
    "sparse tensor": (_tensor, lambda t: t.to_sparse()),
    "integers of 16 bits": (_whole, lambda t: t.to(torch.uint16)),
    "NumPy integers of 8 bits": (_whole, lambda t: t.numpy().astype(np.int8)),
    "NumPy number": (_number, lambda value: np.asarray(value)[()]),
    "NumPy array without axes": (_number, np.asarray),
    "tensor without axes": (_number, torch.tensor),
}
# Other values: the result must be a clear error, or, because some functions accept them, a result of any value.
WRONG_TYPES = {
    "None": (lambda value: _tensor(value) or _number(value), lambda value: None),
    "text": (lambda value: _tensor(value) or _number(value), lambda value: "text"),
    "bool": (lambda value: _tensor(value) or _number(value), lambda value: True),
    "number": (_tensor, lambda t: 0.5),
    "NaN": (_number, lambda value: float("nan")),
    "complex number": (_number, lambda value: 1j),
    "whole number": (_tensor, lambda t: 1),
    "value": (_tensor, lambda t: t.flatten()[0]),
    "PIL image": (_tensor, lambda t: Image.new("RGB", (12, 12))),
    "PIL images": (_tensor, lambda t: [Image.new("RGB", (12, 12))] * 3),
    "masked array": (_tensor, lambda t: np.ma.masked_array(t.numpy(), t.numpy() > 0.5)),
    "ragged list": (_tensor, lambda t: [[0.5], [0.5, 0.5], 1]),
    "list of text": (_tensor, lambda t: ["a", "b", "c"]),
    "bytes of an image": (_floats, lambda t: (255 * t).to(torch.uint8)),
    "image of 16 bits": (_floats, lambda t: (65535 * t.clamp(0, 1)).numpy().astype(np.uint16)),
    "numbers of 0 to 255": (_floats, lambda t: 255 * t),
    "complex": (_floats, lambda t: t.to(torch.complex128)),
    "one-hot": (_whole, lambda t: nn.functional.one_hot(t.long()) if (t >= 0).all() else t[..., None]),
    "tensor of another device": (_tensor, lambda t: t.to("meta")),
    "model": (_tensor, lambda t: nn.Identity()),
    "tensor for a model": (lambda value: isinstance(value, nn.Module), lambda model: torch.zeros(3)),
    "class of a model": (lambda value: isinstance(value, nn.Module), type),
}


def check_entrances(case, entrances, *, same_result):
    """Return the violations among ``entrances``, tried on every argument of the case."""
    expected = tensors(case.call(**case.arguments))
    violations = []
    for name, value in list(case.arguments.items())[: 1 if case.slow else None]:
        for entrance, (kind, convert) in entrances.items():
            if not kind(value) or entrance in case.skip:
                continue
            try:
                result = tensors(case.call(**case.arguments | {name: convert(value)}))
            except (ValueError, TypeError) as error:
                if not is_own_error(error):
                    violations.append(f"{name} as {entrance}: error from outside the library: {error!r}")
            except Exception as error:
                violations.append(f"{name} as {entrance}: {type(error).__name__}: {str(error)[:200]}")
            else:
                if same_result and not all(close(r, e, 1e-9) for r, e in zip(result, expected, strict=True)):
                    violations.append(f"{name} as {entrance}: another result")
    return violations


def applicable_mutations(case):
    """Return every (argument, mutation) that applies to the valid arguments of the case."""
    return [
        (name, mutation)
        for name in case.arguments
        for mutation in MUTATIONS
        if mutation not in case.skip and MUTATIONS[mutation](case.arguments, name, case) is not None
    ]


def mutated_arguments(applicable):
    """Return a strategy of one mutation or two at once."""
    changes = [(name, mutation) for name, mutation in applicable if mutation != "nothing"]
    return st.lists(st.sampled_from(changes), min_size=1, max_size=2, unique=True)


def is_own_error(error):
    """Return whether the library raised the error on purpose, with a message that explains it."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    line = linecache.getline(last.filename, last.lineno).strip()
    message = str(error)
    # The layers of PyTorch and of this library state what was expected and what was received.
    from_shape_check = "expected" in message.lower() and ("got" in message or "match" in message)
    return from_shape_check or (last.filename.startswith(HOME) and line.startswith("raise ") and len(message) > 15)


def tensors(value):
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        return [t for v in value.values() for t in tensors(v)]
    if isinstance(value, list | tuple):
        return [t for v in value for t in tensors(v)]
    if isinstance(value, float | int) and not isinstance(value, bool):
        return [torch.tensor(float(value), dtype=torch.float64)]
    return []


def state(args):
    """Return copies of everything that a call must not change: tensors, and the state of a model."""
    snapshot = {}
    for key, value in args.items():
        if isinstance(value, Tensor):
            snapshot[key] = value.detach().clone()
        elif isinstance(value, nn.Module):
            snapshot[key] = [t.detach().clone() for t in (*value.parameters(), *value.buffers())]
            snapshot[key + " flags"] = [
                (m.training, len(m._forward_hooks), len(m._forward_pre_hooks)) for m in value.modules()
            ]
            snapshot[key + " grads"] = [(p.grad is None, p.requires_grad) for p in value.parameters()]
    return snapshot


def same(a, b):
    if isinstance(a, Tensor):
        return a.dtype == b.dtype and a.shape == b.shape and torch.equal(a.nan_to_num(7.5), b.nan_to_num(7.5))
    if isinstance(a, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    return a == b


def close(a, b, tolerance):
    """Return whether tensors are equal up to rounding on the scale of each, with the same non-finite values."""
    a, b = a.detach().to(torch.float64), b.detach().to(torch.float64)
    if a.shape != b.shape or not same(torch.where(a.isfinite(), 0, a), torch.where(b.isfinite(), 0, b)):
        return False
    a, b = (torch.where(t.isfinite(), t, 0) for t in (a, b))
    return not a.numel() or bool(((a - b).abs() <= tolerance * a.abs().max().clamp(min=1e-6)).all())


def check_contract(case, mutations):
    """Apply the mutations, call the function and return the violation, or None for a clear error or correct result."""
    args = dict(case.arguments)
    for name, mutation in mutations:
        mutated = MUTATIONS[mutation](args, name, case)
        if mutated is None:
            return None
        args = mutated
    names = {mutation for _, mutation in mutations}
    before, random = state(args), torch.get_rng_state()
    try:
        result = case.call(**args)
    except (ValueError, TypeError) as error:
        if not same(list(before.values()), list(state(args).values())):
            return "changed its arguments, and raised"
        return None if is_own_error(error) else f"an error from outside the library: {type(error).__name__}: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:200]}"
    if not same(list(before.values()), list(state(args).values())):
        return "changed its arguments"
    if not torch.equal(random, torch.get_rng_state()):
        return "changed the global random state"
    outputs = tensors(result)
    inputs = [t for t in args.values() if isinstance(t, Tensor)]
    rows = [name for name in case.rows.split() if isinstance(args[name], Tensor) and args[name].dim()]
    broken = {
        name for name, mutation in mutations if mutation in BROKEN_MODELS and not args[name].isfinite().all()
    } - set(case.blind.split())
    nans = {name for name in broken if args[name].isnan().any()}
    finite = all(t.isfinite().all() for t in inputs if t.is_floating_point())
    if (
        finite
        and not (case.far or {"huge", "tiny"} & names)
        and not all(t.isfinite().all() for t in outputs if not t.is_complex())
    ):
        return "finite arguments, non-finite result"
    narrow = max([DTYPE_TOLERANCE[t.dtype] for t in [*inputs, *outputs] if t.dtype in DTYPE_TOLERANCE] or [1e-9])
    if not case.each or not rows:
        if nans and outputs and not any(t.isnan().any() for t in outputs if t.is_floating_point()):
            return "NaN in, finite result out"
        return None
    n = len(args[rows[0]])
    if any(t.dim() == 0 or len(t) != n for t in outputs):
        return f"{n} rows in, {[tuple(t.shape) for t in outputs]} out"
    for i in range(n):
        single = args | {name: args[name][i : i + 1] for name in rows}
        try:
            alone = tensors(case.call(**single))
        except (ValueError, TypeError) as error:
            if not (broken and i == n // 2):
                return f"row {i} alone raises {error}"
            continue
        for t, a in zip(outputs, alone, strict=True):
            if not ({"huge", "tiny"} & names) and not close(t[i : i + 1], a, narrow):
                return f"row {i} alone gives {a.flatten()[:4].tolist()}, not {t[i].flatten()[:4].tolist()}"
        broken_here = any(args[name][i].isnan().any() for name in nans & set(rows))
        if broken_here and not any(t[i].isnan().any() for t in outputs if t.is_floating_point()):
            return "NaN in, finite result out"
        unaffected = broken and broken <= set(rows) and i != n // 2 and not (case.far or {"huge", "tiny"} & names)
        if unaffected and not all(t[i].isfinite().all() for t in outputs if t.is_floating_point()):
            return f"row {i} is affected by another row"
    return None
