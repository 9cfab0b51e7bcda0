"""What a function changes besides returning a value: tensors, arrays, networks and the global settings of torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

HOOK_ATTRIBUTES = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
# What has changed, and what to do instead.
CHANGED_IN_PLACE = (
    "{owner} was changed in place",
    "work on a copy: write `x = x + …` instead of `x += …`, and copy a network with `copy.deepcopy`",
)
BUFFER_CHANGED = (
    "{owner} has changed",
    "running statistics change in every forward pass in training mode; work inside `with gradients.eval_mode(model):`",
)
MODE_CHANGED = (
    "{owner} is in a different mode than before",
    "work inside `with gradients.eval_mode(model):`, which restores the mode of every module afterwards",
)
GRADIENT_LEFT = (
    "a gradient was left in `.grad` of {owner}",
    "`torch.autograd.grad` returns gradients and leaves none; `backward` leaves them",
)
REQUIRES_GRAD_CHANGED = (
    "`requires_grad` of {owner} was changed",
    "change it on your own copy: `x.detach().clone().requires_grad_()`",
)
HOOK_LEFT = (
    "a hook was left on {owner}",
    "keep the handle that the registration returns, and call its `remove()` in a `finally` block",
)
MEMBERS_CHANGED = (
    "{owner} has gained or lost a parameter, a buffer or a layer",
    "leave the network as it is, and keep what you need in variables",
)
SETTING_CHANGED = (
    "the global setting {owner} was changed",
    "pass `dtype=` and `device=` to the functions that create tensors, and use `with torch.no_grad():` for a part of "
    "the code, because a global setting changes every later cell",
)
State = dict[tuple[str, tuple[str, str]], Any]
# How to read and write each global setting.
GLOBAL_SETTINGS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "torch.get_default_dtype()": (torch.get_default_dtype, torch.set_default_dtype),
    "torch.get_default_device()": (
        torch.get_default_device,
        lambda device: torch.set_default_device(None if device.type == "cpu" else device),
    ),
    "torch.is_grad_enabled()": (torch.is_grad_enabled, torch.set_grad_enabled),
    "torch.get_num_threads()": (torch.get_num_threads, torch.set_num_threads),
    "torch.get_float32_matmul_precision()": (
        torch.get_float32_matmul_precision,
        torch.set_float32_matmul_precision,
    ),
    "torch.is_anomaly_enabled()": (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    "torch.are_deterministic_algorithms_enabled()": (
        torch.are_deterministic_algorithms_enabled,
        torch.use_deterministic_algorithms,
    ),
    "numpy.geterr()": (np.geterr, lambda settings: np.seterr(**settings)),
}


def global_state() -> State:
    """Return the global settings of torch and NumPy that a function should leave unchanged.

    The random state does not belong to them, because a solution may need random numbers.

    Returns:
        (name, message) → setting.
    """
    return {(f"`{name}`", SETTING_CHANGED): read() for name, (read, _) in GLOBAL_SETTINGS.items()}


def restore_global_state(state: State) -> None:
    """Set the global settings to what they were.

    Args:
        state: what :func:`global_state` returned.
    """
    for (owner, _), value in state.items():
        read, write = GLOBAL_SETTINGS[owner.strip("`")]
        if read() != value:
            write(value)


def state_of(name: str, value: Any) -> State:
    """Return the state of a tensor, an array, a network, or a list, tuple or dict of these.

    Args:
        name: how messages call the object.
        value: the object; other objects have no state.

    Returns:
        (name of the part, message if it changes) → its state.
    """
    owner, state = f"`{name}`", {}
    if isinstance(value, Tensor):
        state[owner, CHANGED_IN_PLACE] = _numbers(value)
        state[owner, REQUIRES_GRAD_CHANGED] = value.requires_grad
        state[owner, GRADIENT_LEFT] = _numbers(value.grad) if value.is_leaf and value.grad is not None else None
        state[owner, HOOK_LEFT] = len(value._backward_hooks or ())
    elif isinstance(value, np.ndarray):
        state[owner, CHANGED_IN_PLACE] = _numbers(value)
    elif isinstance(value, nn.Module):
        modules = list(value.modules())
        state[owner, MODE_CHANGED] = [module.training for module in modules]
        state[owner, MEMBERS_CHANGED] = [list(value.state_dict()), list(map(id, modules))]
        state[owner, HOOK_LEFT] = [len(getattr(module, kind)) for module in modules for kind in HOOK_ATTRIBUTES]
        for path, parameter in value.named_parameters():
            state |= state_of(f"{name}.{path}", parameter)
        for path, buffer in value.named_buffers():
            state[f"`{name}.{path}`", BUFFER_CHANGED] = _numbers(buffer)
    elif isinstance(value, list | tuple | dict):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            state |= state_of(f"{name}[{key!r}]", item)
    return state


def _numbers(value: Tensor | np.ndarray) -> tuple:
    """The type, the shape and the bytes of a tensor or array, which are equal only if every number is."""
    array = np.asarray(value.detach().cpu()) if isinstance(value, Tensor) else value
    return array.dtype, array.shape, array.tobytes()


def first_change(before: State, now: State) -> tuple[str, str] | None:
    """Return the first difference between two states.

    Args:
        before: the state before a call.
        now: the state after it.

    Returns:
        The problem in words and what to do instead; None if nothing has changed.
    """
    changed = (key for key, value in before.items() if key not in now or now[key] != value)
    for owner, (problem, next_step) in changed:
        return problem.format(owner=owner), next_step
    return None
