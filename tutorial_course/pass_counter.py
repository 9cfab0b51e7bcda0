"""Count the forward and backward passes that a method makes, and the memory that it holds meanwhile."""

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

from tutorial_lib.gradients import skip_independence_check


@dataclass
class PassCounts:
    """What was counted inside a block of :func:`count_passes`.

    Attributes:
        forward: samples that went through the network.
        backward: gradients that entered the network at its outputs, one for each sample and each output or loss that is
            differentiated, however far they went back and however many were computed together.
        peak_bytes: bytes of the tensors made inside the block, at the moment when they were most. Memory that an
            operation needs only while it runs is not counted.

    Example:
        >>> PassCounts(forward=2, backward=1).backward
        1
    """

    forward: int = 0
    backward: int = 0
    peak_bytes: int = 0


class _MarkBackward(torch.autograd.Function):
    """The identity; its backward pass contains one operation that no network uses and that the counter recognizes.

    Attributes:
        generate_vmap_rule: lets torch vectorize the function under vmap.
    """

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
    """Sees every operation below functorch: gradients that vmap computes together are counted apart.

    Args:
        counts: what is counted; it is changed in place.
    """

    def __init__(self, counts: PassCounts):
        super().__init__()
        self.counts, self.outputs_per_sample = counts, 1
        self.alive: dict[int, weakref.ref] = {}
        self.bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.aten.special_i0e.default:
            self.counts.backward += args[0].numel() // self.outputs_per_sample
        before = {storage._cdata for storage in self._storages((args, kwargs))}
        result = func(*args, **(kwargs or {}))
        for storage in self._storages(result):
            # The memory of an argument was not made here, and other results may share memory.
            if storage._cdata not in before and storage._cdata not in self.alive:
                self._hold(storage)
        return result

    @staticmethod
    def _storages(tree) -> Iterator[torch.UntypedStorage]:
        """The memory of all tensors in nested arguments."""
        return (leaf.untyped_storage() for leaf in tree_leaves(tree) if isinstance(leaf, Tensor))

    def _hold(self, storage: torch.UntypedStorage) -> None:
        """Count the bytes of a storage until it is released."""
        key, size = storage._cdata, storage.nbytes()

        def release(_, key=key, size=size):
            if self.alive.pop(key, None) is not None:
                self.bytes -= size

        self.alive[key] = weakref.ref(storage, release)
        self.bytes += size
        self.counts.peak_bytes = max(self.counts.peak_bytes, self.bytes)


@contextmanager
def count_passes(model: nn.Module) -> Iterator[PassCounts]:
    """Count the passes through a network inside the block, whatever code makes them.

    Divide by the number of samples to get the cost of one. A gradient that stops at a late layer counts as a backward
    pass; where a closed form replaces the backward pass, nothing is counted. Inside the block, the functions of
    :mod:`tutorial_lib.gradients` do not check that samples are independent, since this needs one more sample.

    Args:
        model: the network; a forward hook counts, and it is removed at the end.

    Yields:
        The counts, which grow while the block runs.

    Example:
        >>> from tutorial_lib.gradients import class_jacobian
        >>> model = nn.Linear(2, 3)
        >>> with count_passes(model) as passes:
        ...     _ = class_jacobian(model, torch.rand(4, 2))
        >>> passes.forward, passes.backward
        (4, 12)
    """
    counts = PassCounts()
    counter = _PassCounterMode(counts)

    def mark(module: nn.Module, inputs: tuple, outputs: Tensor) -> Tensor:
        counts.forward += len(outputs)
        counter.outputs_per_sample = max(1, prod(outputs.shape[1:]))
        return _MarkBackward.apply(outputs) if outputs.requires_grad else outputs

    with model.register_forward_hook(mark), counter, skip_independence_check():
        yield counts
