"""Batches of samples: run a function on a few at a time, so that memory stays bounded, and broadcast over them."""

from collections.abc import Callable
from numbers import Integral
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

Result = TypeVar("Result")


def batch_slices(n: int, batch_size: int) -> list[slice]:
    """Return the slices that cut n rows into batches.

    Args:
        n: number of rows.
        batch_size: rows per batch; the last batch may be smaller.

    Returns:
        The slices, in order; an empty list if n is 0.

    Raises:
        ValueError: ``batch_size`` is not a whole number of at least 1.

    Example:
        >>> batch_slices(5, 2)
        [slice(0, 2, None), slice(2, 4, None), slice(4, 6, None)]
    """
    if not isinstance(batch_size, Integral) or batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, not {batch_size!r}: samples are whole")
    return [slice(i, i + batch_size) for i in range(0, n, batch_size)]


def run_in_batches(function: Callable[..., Result], x: Tensor, *row_arguments: Any, batch_size: int) -> Result:
    """Return ``function(x, *row_arguments)``, computed on a few samples at a time.

    Args:
        function: maps some rows of x, and the same rows of the other arguments, to a tensor, or to a tuple or a
            dictionary of tensors, each with one row per sample along axis 0.
        x: samples (N, …). An empty x is run as one empty batch, so that the function decides what an empty result looks
            like.
        *row_arguments: whatever else holds one row per sample: a tensor (N, …), or an object whose method
            ``select(rows)`` returns the same for some rows, such as an :class:`~tutorial_lib.gradients.Objective`.
        batch_size: samples per call; it bounds the memory.

    Returns:
        The results of all batches, concatenated along axis 0.

    Raises:
        ValueError: ``batch_size`` is not a whole number of at least 1.

    Example:
        >>> run_in_batches(lambda x, y: (x + y, x * y), torch.arange(3), torch.arange(3), batch_size=2)
        (tensor([0, 2, 4]), tensor([0, 1, 4]))
    """
    pieces = [
        function(x[rows], *(a[rows] if isinstance(a, Tensor) else a.select(rows) for a in row_arguments))
        for rows in batch_slices(max(1, len(x)), batch_size)
    ]
    return tree_map(lambda *tensors: torch.cat(tensors), *pieces)


def broadcast_per_sample(values: Tensor, x: Tensor) -> Tensor:
    """Return one value per sample in a shape that broadcasts against the samples.

    Args:
        values: values (N,).
        x: samples (N, …).

    Returns:
        The values, (N, 1, …), with as many axes as x.

    Example:
        >>> broadcast_per_sample(torch.tensor([2., 3.]), torch.ones(2, 1, 2)) * torch.ones(2, 1, 2)
        tensor([[[2., 2.]],
        <BLANKLINE>
                [[3., 3.]]])
    """
    return values.view(-1, *(1,) * (x.dim() - 1))


def sample_norms(x: Tensor) -> Tensor:
    """Return the L2 norm of each sample in a shape that broadcasts against the samples.

    The squares neither overflow nor underflow, because the samples are scaled first.

    Args:
        x: samples (N, …), at least one axis besides the first.

    Returns:
        Norms (N, 1, …), with as many axes as x.

    Example:
        >>> sample_norms(torch.tensor([[3., 4.], [0., 2.]]))
        tensor([[5.],
                [2.]])
    """
    scaled, scale = scale_by_power_of_two(x.flatten(1))
    return broadcast_per_sample(scale[:, 0] * scaled.norm(dim=1), x)


def scale_by_power_of_two(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return each sample divided by a power of two near its largest absolute value.

    The division is exact, so that squares and sums can be computed without overflow or underflow.

    Args:
        x: samples (N, …), floats.

    Returns:
        The scaled samples, like x, and the powers of two, (N, 1, …) with as many axes as x; 1 for a sample of zeros.

    Example:
        >>> scale_by_power_of_two(torch.tensor([[6.0, -3.0]]))
        (tensor([[ 1.5000, -0.7500]]), tensor([[4.]]))
    """
    largest = x.detach().flatten(1).abs().amax(1) if x.numel() else x.new_zeros(len(x))
    scale = torch.where((largest > 0) & largest.isfinite(), largest.log2().floor().exp2(), 1)
    return x / broadcast_per_sample(scale, x), broadcast_per_sample(scale, x)


def expand_to_samples(value: float | Tensor, x: Tensor) -> Tensor:
    """Return a number, one sample or one value for each sample in the shape of the samples.

    Args:
        value: a number, or a tensor that broadcasts against x.
        x: samples (N, …), floats.

    Returns:
        A tensor of the shape, dtype and device of x, without a graph.

    Raises:
        ValueError: a tensor of another shape.

    Example:
        >>> expand_to_samples(0.5, torch.zeros(2, 1))
        tensor([[0.5000],
                [0.5000]])
    """
    value = torch.as_tensor(value, dtype=x.dtype, device=x.device).detach()
    try:
        return value.expand_as(x)
    except RuntimeError:
        raise ValueError(
            f"expected a number, one sample, or one for each of the samples {tuple(x.shape)}, got {tuple(value.shape)}"
        ) from None
