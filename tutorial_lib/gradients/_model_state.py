"""A forward pass may write to a model: it is given copies to write to, and its own contents are put back afterwards."""

import copy
import random
from argparse import Namespace
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from operator import is_
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

CONTAINERS = (dict, list, set, deque, tuple)
NAMESPACES = (nn.Module, SimpleNamespace, Namespace, torch.quasirandom.SobolEngine)
# Other values that can be changed in place: how to read what they hold, and how to write it back.
VALUES: dict[type, tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]] = {
    np.ndarray: (np.copy, lambda array, numbers: np.copyto(array, numbers) if array.flags.writeable else None),
    np.random.Generator: (lambda g: g.bit_generator.state, lambda g, state: setattr(g.bit_generator, "state", state)),
    np.random.RandomState: (np.random.RandomState.get_state, np.random.RandomState.set_state),
    random.Random: (random.Random.getstate, random.Random.setstate),
    torch.Generator: (torch.Generator.get_state, torch.Generator.set_state),
}
# The most frequent types of attributes, which are looked up faster than the others.
HOOKS, NUMBERS = {dict, OrderedDict, set}, {bool, int, float, str, type(None)}
# The models inside :func:`restore_weights`.
COPIED: ContextVar[tuple[nn.Module, ...]] = ContextVar("COPIED", default=())


@contextmanager
def restore_model(model: nn.Module, *, freeze: bool = False) -> Iterator[None]:
    """Leave a model as it was before the block, also after an exception.

    Inside the block, buffers and other tensors of the model are copies, so that nothing can be written to its own. On
    exit the model has its own tensors again, and the same attributes, hooks, flags and ``.grad`` as before. This
    includes dictionaries, lists, sets, queues, namespaces, arrays, random generators, and objects of the packages that
    define the modules, for example a cache, in any nesting. Values of parameters, and what other objects hold, are not
    copied; :func:`restore_weights` copies the former.

    Args:
        model: any module.
        freeze: let no parameter require gradients inside the block, so that no graph is recorded for them.

    Yields:
        Nothing.
    """
    parts, own_tensors, values = _mutable_parts(model)
    # Most of them are empty dictionaries of hooks, which are not worth a copy.
    empty, filled = [part for part in parts if not part], [(part, part.copy()) for part in parts if part]
    tensors = [(tensor, tensor.data) for tensor in own_tensors]
    states = [(value, VALUES[type(value)][0](value)) for value in values]
    parameters = [(p, p.requires_grad, p.grad) for p in model.parameters()]
    try:
        for tensor, data in tensors:
            # The model keeps the tensor object, but writes to other memory.
            tensor.data = data.clone()
        for p, _, _ in parameters if freeze else ():
            p.requires_grad_(False)
        yield
    finally:
        for tensor, data in tensors:
            tensor.data = data
        for container in empty:
            container.clear()
        for container, contents in filled:
            _restore_contents(container, contents)
        for value, state in states:
            VALUES[type(value)][1](value, state)
        for p, requires_grad, grad in parameters:
            p.requires_grad_(requires_grad)
            p.grad = grad


@contextmanager
def restore_weights(model: nn.Module) -> Iterator[None]:
    """Leave the values of parameters as they were, also if a forward pass overwrites them, as weight clipping does.

    Inside the block, the parameters hold copies of their values, so that nothing can be written to their own. They get
    their own values back after the whole block, because a backward pass needs the values of its forward pass. The
    copies take as much memory as the parameters. A block inside another one for the same model makes no copies.

    Args:
        model: any module.

    Yields:
        Nothing.
    """
    parameters = () if any(model is other for other in COPIED.get()) else model.parameters()
    weights, token = [(p, p.data) for p in parameters], COPIED.set((*COPIED.get(), model))
    try:
        for p, data in weights:
            p.data = data.clone()
        yield
    finally:
        COPIED.reset(token)
        for p, data in weights:
            p.data = data


def copy_model(model: nn.Module) -> nn.Module:
    """Return a copy of a model, also if a hook computes weights, as in pruning and in the old weight normalization.

    Such a weight is an attribute with a graph, which ``copy.deepcopy`` refuses. It is copied without its graph.

    Args:
        model: any module.

    Returns:
        The copy.
    """
    attributes = [value for module in model.modules() for value in vars(module).values()]
    computed = {id(t): t.detach().clone() for t in attributes if isinstance(t, Tensor) and not t.is_leaf}
    return copy.deepcopy(model, computed)


def _mutable_parts(model: nn.Module) -> tuple[list[Any], list[Tensor], list[Any]]:
    """What a model holds and can change in place, except its parameters: containers, tensors and other values."""
    containers, tensors, others = [], [], []
    packages = {type(module).__module__.partition(".")[0] for module in model.modules()} - {"torch"}
    pending: list[Any] = [vars(model), *model.buffers()]
    visited = set()
    while pending:
        part = pending.pop()
        if id(part) in visited:
            continue
        visited.add(id(part))
        if isinstance(part, CONTAINERS):
            for value in part.values() if isinstance(part, dict) else part:
                kind = type(value)
                # Most values are numbers, and empty dictionaries of hooks, which need no search.
                if kind in HOOKS and not value:
                    containers.append(value)
                elif kind not in NUMBERS:
                    is_object = isinstance(value, NAMESPACES) or (
                        kind.__module__.partition(".")[0] in packages and not isinstance(value, CONTAINERS)
                    )
                    pending.append(vars(value) if is_object and hasattr(value, "__dict__") else value)
            if not isinstance(part, tuple):
                containers.append(part)
        elif type(part) is Tensor:
            tensors.append(part)
        elif type(part) in VALUES:
            others.append(part)
    return containers, tensors, others


def _restore_contents(container: Any, contents: Any) -> None:
    """Put back what a container held, if it holds something else now."""
    same = len(container) == len(contents) and all(map(is_, container, contents))
    if same and isinstance(container, dict):
        same = all(map(is_, container.values(), contents.values()))
    if not same:
        container.clear()
        (container.extend if isinstance(container, list | deque) else container.update)(contents)


def random_states(device: torch.device) -> list[Any]:
    """Return the states of all global random generators, in a form that can be compared.

    Args:
        device: the device of the samples; its generator is included.

    Returns:
        The states of torch, Python and NumPy.
    """
    numpy = np.random.get_state(legacy=False)
    position = numpy["state"]["key"].tobytes(), numpy["state"]["pos"], numpy["has_gauss"]
    states = [torch.get_rng_state().numpy().tobytes(), random.getstate(), position]
    if device.type != "cpu":
        states.append(torch.get_device_module(device).get_rng_state(device).numpy().tobytes())
    return states


@contextmanager
def restore_global_state(device: torch.device) -> Iterator[None]:
    """Restore the random states and the defaults of torch after the block, also after an exception.

    Args:
        device: the device whose random state is restored, besides that of the CPU.

    Yields:
        Nothing.
    """
    dtype, default_device = torch.get_default_dtype(), torch.get_default_device()
    python, numpy = random.getstate(), np.random.get_state()
    accelerators = [] if device.type == "cpu" else [device]
    with torch.random.fork_rng(accelerators, device_type=device.type if accelerators else "cuda"):
        try:
            yield
        finally:
            torch.set_default_dtype(dtype)
            if torch.get_default_device() != default_device:
                torch.set_default_device(default_device)
            random.setstate(python)
            np.random.set_state(numpy)
