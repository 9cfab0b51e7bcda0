"""Changes that a function makes to its arguments: tensors, arrays and networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

HOOK_ATTRIBUTES = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
# Kind of change → the problem in words, and what to look at.
SIDE_EFFECT_MESSAGES = {
    "values": (
        "{owner} was changed in place",
        "make a new tensor instead: `x = x + …`, not `x += …`, and clone before you write into one",
    ),
    "parameters": (
        "{owner} was changed in place",
        "the network must stay as it is: write into a copy of it, `copy.deepcopy` makes one",
    ),
    "buffers": (
        "{owner} has changed",
        "running statistics change in every forward pass in training mode; work inside `with eval_mode(model):`",
    ),
    "training": (
        "{owner} is in another mode than before",
        "`with eval_mode(model):` restores the mode of every module",
    ),
    "grad": (
        "a gradient was left in `.grad` of {owner}",
        "`torch.autograd.grad` returns gradients and leaves none; `backward` leaves them",
    ),
    "requires_grad": (
        "`requires_grad` of {owner} was changed",
        "change it on your own copy: `x.detach().clone().requires_grad_()`",
    ),
    "hooks": (
        "a hook was left on {owner}",
        "keep the handle that the registration returns, and call its `remove()` in a `finally` block",
    ),
    "members": (
        "{owner} has gained or lost a parameter, a buffer or a layer",
        "leave the network as it is, and keep what you need in variables",
    ),
}


class Snapshot:
    """The state of some objects; :meth:`first_change` compares it with a later state.

    Args:
        objects: tensors, arrays, networks, or lists, tuples and dicts of these, by name.

    Example:
        >>> import torch
        >>> x = torch.zeros(2)
        >>> before = Snapshot({"x": x}); x += 1; before.first_change()[0]
        '`x` was changed in place'
    """

    def __init__(self, objects: dict[str, Any]):
        self.objects = objects
        self.state = _collect_state(objects)

    def first_change(self) -> tuple[str, str] | None:
        """Return the first change since the snapshot.

        Returns:
            The problem in words and what to look at; None if nothing has changed.
        """
        now = _collect_state(self.objects)
        for key, before in self.state.items():
            if key not in now or not _state_equal(before, now[key]):
                owner, kind = key
                problem, next_step = SIDE_EFFECT_MESSAGES[kind]
                return problem.format(owner=owner), next_step
        return None


def _collect_state(objects: dict[str, Any]) -> dict[tuple[str, str], Any]:
    """(owner, kind of state) → state."""
    state: dict[tuple[str, str], Any] = {}
    for name, value in objects.items():
        if isinstance(value, nn.Module):
            state |= _module_state(name, value)
        elif isinstance(value, Tensor):
            state |= _tensor_state(f"`{name}`", value)
        elif isinstance(value, np.ndarray):
            state[f"`{name}`", "values"] = value.copy()
        elif isinstance(value, list | tuple):
            state |= _collect_state({f"{name}[{i}]": item for i, item in enumerate(value)})
        elif isinstance(value, dict):
            state |= _collect_state({f"{name}[{key!r}]": item for key, item in value.items()})
    return state


def _tensor_state(owner: str, tensor: Tensor, values: str = "values") -> dict[tuple[str, str], Any]:
    """The state of a tensor; ``values`` is the kind of its values."""
    return {
        (owner, values): tensor.detach().clone(),
        (owner, "requires_grad"): tensor.requires_grad,
        (owner, "grad"): tensor.grad.clone() if tensor.is_leaf and tensor.grad is not None else None,
        (owner, "hooks"): len(tensor._backward_hooks or ()),
    }


def _module_state(name: str, network: nn.Module) -> dict[tuple[str, str], Any]:
    """The state of a network, its parameters and its buffers."""
    state: dict[tuple[str, str], Any] = {
        (f"`{name}`", "training"): [module.training for module in network.modules()],
        (f"`{name}`", "members"): [list(network.state_dict()), [id(module) for module in network.modules()]],
        (f"`{name}`", "hooks"): [
            [len(getattr(module, kind)) for kind in HOOK_ATTRIBUTES] for module in network.modules()
        ],
    }
    for path, parameter in network.named_parameters():
        state |= _tensor_state(f"`{name}.{path}`", parameter, "parameters")
    for path, buffer in network.named_buffers():
        state |= _tensor_state(f"`{name}.{path}`", buffer, "buffers")
    return state


def _state_equal(before: Any, now: Any) -> bool:
    """Whether two states are equal in every number; a NaN equals a NaN."""
    if isinstance(before, Tensor | np.ndarray):
        if type(before) is not type(now) or before.shape != now.shape or before.dtype != now.dtype:
            return False
        both_nan = (before != before) & (now != now)
        return bool(torch.as_tensor((before == now) | both_nan).all())
    return not isinstance(now, Tensor | np.ndarray) and before == now
