"""What a method costs: how often a picture goes forward through a network, a gradient comes back, and what is held meanwhile."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


@dataclass
class PassCounts:
    """``forward``: pictures that went through the network. ``backward``: gradients, one for each picture and question, that
    entered it at its outputs, however far they went back and however many were taken together. ``held``: bytes of the tensors
    made inside the block, at the moment when they were most; what an operation needs only for itself is not seen.

    Example:
        >>> PassCounts(forward=2, backward=1).backward
        1
    """

    forward: int = 0
    backward: int = 0
    peak_bytes: int = 0


class _MarkBackward(torch.autograd.Function):
    """The identity, whose way back holds one operation that no network uses and that a counter can recognise."""

    generate_vmap_rule = True

    @staticmethod
    def forward(outputs):
        return outputs.view_as(outputs)

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, gradient):
        return gradient + 0 * torch.special.i0e(gradient)


class _PassCounterMode(TorchDispatchMode):
    # Below functorch: gradients that vmap takes together arrive here side by side, and are counted one by one.
    def __init__(self, passes: PassCounts):
        super().__init__()
        self.passes, self.each = passes, 1
        self.alive: dict[int, weakref.ref] = {}
        self.now = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.aten.special_i0e.default:
            self.passes.backward += args[0].numel() // self.each
        before = {self._storage(leaf)._cdata for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)}
        made = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(made):
            if (
                isinstance(leaf, Tensor) and self._storage(leaf)._cdata not in before
            ):  # what was there before is not ours
                self._keep(self._storage(leaf))
        return made

    @staticmethod
    def _storage(tensor: Tensor):
        return tensor.untyped_storage()

    def _keep(self, storage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self.alive:
            return

        def forget(_, key=key, size=size):
            if self.alive.pop(key, None) is not None:
                self.now -= size

        self.alive[key] = weakref.ref(storage, forget)
        self.now += size
        self.passes.peak_bytes = max(self.passes.peak_bytes, self.now)


@contextmanager
def count_passes(model: nn.Module) -> Iterator[PassCounts]:
    """Count passes through a network inside the block, whoever makes them; divide by the pictures for the price of one.

    A gradient that stops at a late layer, or never enters the network because a closed form was used, is seen for what it is:
    the first counts as one, the second as none. The network is given back without the counter.

    Example:
        >>> from tutorial_lib.gradients import class_jacobian
        >>> model = nn.Linear(2, 3)
        >>> with count_passes(model) as passes:
        ...     _ = class_jacobian(model, torch.rand(4, 2))
        >>> passes.forward, passes.backward
        (4, 12)
    """
    passes = PassCounts()
    counter = _PassCounterMode(passes)

    def mark(module: nn.Module, inputs: tuple, outputs: Tensor) -> Tensor:
        passes.forward += len(outputs)
        counter.each = max(1, prod(outputs.shape[1:]))
        return _MarkBackward.apply(outputs) if outputs.requires_grad else outputs

    handle = model.register_forward_hook(mark)
    try:
        with counter:
            yield passes
    finally:
        handle.remove()
