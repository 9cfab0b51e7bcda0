"""Does a model treat each sample alone? One sample of a batch is run again alone, and its outputs are compared.

All functions of this package compute the gradients of a whole batch in one pass, and this is the gradient of each
sample only if no sample influences another one. The check runs one more sample in each call. It cannot be certain,
since it sees one sample of the first batch only, but it notices statistics of the batch, mixed or reordered samples,
and a random generator that belongs to the model. A batch of one sample is not checked: its result is the gradient of
this sample.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

from tutorial_lib._validation import promote_to_float32

# Whether the next batch has to be checked. `check_rows` clears it after the first batch of a call, and `preserve_model`
# restores it at the end of the call.
CHECK_INDEPENDENCE: ContextVar[bool] = ContextVar("CHECK_INDEPENDENCE", default=True)

# By how much outputs may differ, relative to the largest, if low precision rounds a batch of another shape differently.
LOW_PRECISION_TOLERANCE = 0.1


@contextmanager
def skip_independence_check() -> Iterator[None]:
    """Switch off, inside the block, the check that samples do not influence each other.

    Every function that runs a model runs one sample of the first batch again alone (two, if there are fewer than four),
    and raises an error unless the outputs are the same. Inside the block, all functions save the time for this. If a
    network mixes its samples, gradients are then those of the sum over the batch.

    Yields:
        Nothing.

    Example:
        >>> from tutorial_lib.gradients import model_outputs
        >>> with skip_independence_check(): model_outputs(torch.nn.Softmax(dim=0), torch.ones(2, 1))
        tensor([[0.5000],
                [0.5000]])
    """
    token = CHECK_INDEPENDENCE.set(False)
    try:
        yield
    finally:
        CHECK_INDEPENDENCE.reset(token)


def rows_to_check(n: int) -> list[int]:
    """Return which samples of a batch are run again alone.

    A row in the middle of a mirrored batch stays where it is, the first row of accumulated samples is correct, and so
    is the last one of a batch that is shifted by one. So the last row but one is taken, or both ends of a short batch.

    Args:
        n: number of samples.

    Returns:
        Indices of rows; none for a single sample.

    Example:
        >>> rows_to_check(64), rows_to_check(3), rows_to_check(1)
        ([62], [0, 2], [])
    """
    if n > 3:
        return [n - 2]
    return [0, n - 1] if n > 1 else []


def rows_agree(batch: Tensor, row: int, alone: Tensor, tolerance: float | None = None) -> bool:
    """Return whether a row of a batch is equal to what a sample gave alone, up to rounding.

    Args:
        batch: values (n, …).
        row: index of the sample.
        alone: its values (1, …).
        tolerance: largest difference, relative to the largest value of the batch; None is the root of the precision.

    Returns:
        Whether shape and values agree.
    """
    if alone.shape != (1, *batch.shape[1:]):
        return False
    dtype = promote_to_float32(batch)
    if tolerance is None:
        tolerance = torch.finfo(batch.dtype if batch.is_floating_point() or batch.is_complex() else dtype).eps ** 0.5
    batch = batch.detach().to(dtype)
    difference = (batch[row] - alone[0].detach().to(dtype)).abs()
    return not difference.numel() or bool(difference.max() <= tolerance * batch.abs().max())


def check_rows(run: Callable[[Tensor], tuple[Tensor, ...]], x: Tensor, *batch: Tensor) -> None:
    """Raise an error unless the samples that are checked give the same values alone as in their batch.

    Only the first batch of a call is checked. Where the values differ by little, the batch is run once more with copies
    of the sample in all rows. The same shape is rounded in the same way, so that the values are equal if the other
    samples have no influence.

    Args:
        run: runs the model on other samples, and returns what is compared.
        x: samples (n, …).
        *batch: what it returned for x, one row per sample.

    Raises:
        ValueError: the values differ, or a sample cannot be run alone.
    """
    if not CHECK_INDEPENDENCE.get():
        return
    CHECK_INDEPENDENCE.set(False)
    for row in rows_to_check(len(x)):
        try:
            alone = run(x[row : row + 1])
        except ValueError as error:
            problem = f"sample {row} alone cannot be run ({error})"
        else:
            if all(rows_agree(values, row, single) for values, single in zip(batch, alone)):
                continue
            if all(rows_agree(values, row, single, LOW_PRECISION_TOLERANCE) for values, single in zip(batch, alone)):
                copies = run(x[row].expand_as(x))
                if all(rows_agree(values, row, copy[row : row + 1]) for values, copy in zip(batch, copies)):
                    continue
            problem = f"sample {row} of {len(x)} has other values in the batch than alone"
        raise ValueError(
            f"the outputs of each sample must depend on this sample alone, but {problem}: look for statistics of the "
            "batch, samples that are reordered or mixed, and random numbers. Pass batch_size=1, if the function takes "
            "it, to run every sample alone, or skip_independence_check() if the outputs of a batch are what you want"
        )
