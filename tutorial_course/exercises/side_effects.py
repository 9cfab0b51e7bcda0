"""What a function leaves behind on the things it was lent: tensors, arrays, networks."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, nn

HOOK_ATTRIBUTES = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
# What changed → how it is said, and what to look at.
SIDE_EFFECT_MESSAGES = {
    "values": (
        "{owner} was changed in place",
        "make a new tensor instead: `x = x + …`, not `x += …`, and clone before you write into one",
    ),
    "parameters": (
        "{owner} was changed in place",
        "the network is borrowed: write into a copy of it, `copy.deepcopy` makes one",
    ),
    "buffers": (
        "{owner} has moved",
        "running statistics move whenever a pass is made in training mode; work inside `with evaluating(model):`",
    ),
    "training": (
        "{owner} goes back in another mode than it came in",
        "`with evaluating(model):` puts every flag back, whichever it was",
    ),
    "grad": (
        "a gradient was left in `.grad` of {owner}",
        "`torch.autograd.grad` returns gradients and leaves none; `backward` leaves them",
    ),
    "requires_grad": (
        "`requires_grad` of {owner} was switched",
        "switch it on a copy of your own: `x.detach().clone().requires_grad_()`",
    ),
    "hooks": (
        "a hook was left on {owner}",
        "keep the handle that registering returns, and call its `remove()` in a `finally`",
    ),
    "members": (
        "{owner} has gained or lost a parameter, a buffer or a layer",
        "leave the network as it is, and keep what you need in variables",
    ),
}


class Snapshot:
    """How things are now; :meth:`change` says later what has become different.

    Example:
        >>> import torch
        >>> x = torch.zeros(2)
        >>> before = Snapshot({"x": x}); x += 1; before.first_change()[0]
        '`x` was changed in place'
    """

    def __init__(self, things: dict[str, Any]):
        self.things = things
        self.facts = collect_state(things)

    def first_change(self) -> tuple[str, str] | None:
        """The first thing that is no longer as it was, and what to look at; None where all is."""
        now = collect_state(self.things)
        for key, before in self.facts.items():
            if key not in now or not state_equal(before, now[key]):
                owner, kind = key
                off, look = SIDE_EFFECT_MESSAGES[kind]
                return off.format(owner=owner), look
        return None


def collect_state(things: dict[str, Any]) -> dict[tuple[str, str], Any]:
    """(owner, kind) → what can be seen of it."""
    seen: dict[tuple[str, str], Any] = {}
    for name, thing in things.items():
        if isinstance(thing, nn.Module):
            seen |= module_state(name, thing)
        elif isinstance(thing, Tensor):
            seen |= tensor_state(f"`{name}`", thing)
        elif isinstance(thing, np.ndarray):
            seen[f"`{name}`", "values"] = thing.copy()
        elif isinstance(thing, list | tuple):
            seen |= collect_state({f"{name}[{i}]": one for i, one in enumerate(thing)})
        elif isinstance(thing, dict):
            seen |= collect_state({f"{name}[{key!r}]": one for key, one in thing.items()})
    return seen


def tensor_state(owner: str, tensor: Tensor, values: str = "values") -> dict[tuple[str, str], Any]:
    return {
        (owner, values): tensor.detach().clone(),
        (owner, "requires_grad"): tensor.requires_grad,
        (owner, "grad"): tensor.grad.clone() if tensor.is_leaf and tensor.grad is not None else None,
        (owner, "hooks"): len(tensor._backward_hooks or ()),
    }


def module_state(name: str, network: nn.Module) -> dict[tuple[str, str], Any]:
    seen: dict[tuple[str, str], Any] = {
        (f"`{name}`", "training"): [module.training for module in network.modules()],
        (f"`{name}`", "members"): [list(network.state_dict()), [id(module) for module in network.modules()]],
        (f"`{name}`", "hooks"): [
            [len(getattr(module, kind)) for kind in HOOK_ATTRIBUTES] for module in network.modules()
        ],
    }
    for inside, tensor in network.named_parameters():
        seen |= tensor_state(f"`{name}.{inside}`", tensor, "parameters")
    for inside, tensor in network.named_buffers():
        seen |= tensor_state(f"`{name}.{inside}`", tensor, "buffers")
    return seen


def state_equal(before: Any, now: Any) -> bool:
    """Equal in every number; a NaN that stays is no change."""
    if isinstance(before, Tensor | np.ndarray):
        if type(before) is not type(now) or before.shape != now.shape or before.dtype != now.dtype:
            return False
        return bool(((before == now) | ((before != before) & (now != now))).all())
    return not isinstance(now, Tensor | np.ndarray) and before == now
