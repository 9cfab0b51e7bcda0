"""Per-sample gradients of any parameter in any network through torch.func.

The numbers are the same as those of the rules, but take longer. Here each sample's gradient is really computed, so only
as many samples are worked on at a time as memory allows.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vjp, vmap
from torch.utils._pytree import tree_map

from tutorial_lib._batching import run_in_batches
from tutorial_lib._validation import promote_to_float32
from tutorial_lib.gradients._context import translate_errors
from tutorial_lib.gradients._model_state import restore_model
from tutorial_lib.gradients._parameter_rules import BiasRule
from tutorial_lib.gradients._parameter_tracker import Statistic

# How many numbers of per-sample gradients are held at a time.
CHUNK_NUMEL = 2**26


def vmap_statistics(
    model: nn.Module,
    x: Tensor,
    values: Callable[..., Tensor],
    bound: Sequence[Tensor],
    n_values: int,
    statistic: Statistic,
    parameters: dict[str, nn.Parameter],
) -> dict[str, Tensor]:
    """Return the statistics of every sample's gradients of C values: one objective, or several logits.

    Args:
        model: any module that takes x alone.
        x: samples (n, …).
        values: ``values(outputs, *rows) -> (C,)`` of the outputs (1, …) of a single sample, and of its bound rows.
        bound: tensors (n, …) of one row per sample.
        n_values: C.
        statistic: what is computed from each gradient.
        parameters: name -> parameter, those to differentiate with respect to.

    Returns:
        name -> statistic (n, …).
    """
    theta = {name: parameter.detach() for name, parameter in parameters.items()}

    def sample_gradients(row: Tensor, *rows: Tensor) -> dict[str, Tensor]:
        # A copy of the row, because the model may write to its input.
        run = lambda theta: values(functional_call(model, theta, (row[None].clone(),)), *rows)
        J, vector_jacobian = vjp(run, theta)[:2]
        # One value after the other: vmap inside vmap gives wrong numbers for PReLU, without an error (torch 2.15).
        M = [vector_jacobian(e)[0] for e in torch.eye(n_values, dtype=J.dtype, device=J.device)]
        return {name: torch.stack([m[name] for m in M]) for name in theta}

    def sample_gradients_by_autograd(row: Tensor, *rows: Tensor) -> dict[str, Tensor]:
        leaves = {name: t.clone().requires_grad_() for name, t in theta.items()}
        with torch.enable_grad():
            J = values(functional_call(model, leaves, (row[None].clone(),)), *rows)
            if not J.requires_grad:  # `check_zero_gradients` finds out whether zero is right
                return {name: t.new_zeros(n_values, *t.shape) for name, t in theta.items()}
            M = [
                torch.autograd.grad(J[c], list(leaves.values()), retain_graph=True, materialize_grads=True)
                for c in range(n_values)
            ]
        return {name: torch.stack(gradients) for name, gradients in zip(theta, zip(*M))}

    def one_chunk(x: Tensor, *bound: Tensor) -> dict[str, Tensor]:
        M = vmap_or_loop(model, sample_gradients, x, *bound, alone=sample_gradients_by_autograd)
        M = {name: m.to(promote_to_float32(m)) for name, m in M.items()}
        # A rule without positions takes a gradient as it is.
        return {name: statistic(BiasRule(), m, m) for name, m in M.items()}

    step = max(1, CHUNK_NUMEL // (n_values * sum(t.numel() for t in theta.values())))
    # Without a graph around them, or it would record the parameters, which are constants here.
    with torch.no_grad(), ignore_vmap_warning():
        return run_in_batches(one_chunk, x, *bound, batch_size=step)


def vmap_or_loop(
    model: nn.Module, function: Callable[..., Any], *batch: Tensor, alone: Callable[..., Any] | None = None
) -> Any:
    """Return ``function`` of every row, stacked: vectorized if possible, otherwise in a loop.

    Not every network can be vectorized over its samples, for example one that branches on the value of a tensor.

    Args:
        model: the model that the function runs; it is left as it was.
        function: maps one row of each argument to tensors, in any nesting of tuples and dictionaries.
        *batch: tensors (n, …).
        alone: the same function without torch.func, which can run neither packed sequences nor the LSTM of oneDNN; it
            is used in the loop. None uses ``function``.

    Returns:
        The results in the same nesting, each tensor (n, …).

    Raises:
        ValueError: the model cannot be run on single samples.
    """

    def run(function: Callable[..., Any], *arguments: Tensor) -> Any:
        with restore_model(model):
            return function(*arguments)

    try:
        return run(vmap(function), *batch)
    except RuntimeError:
        with translate_errors(
            lambda: (
                f"this {type(model).__name__} does not take samples of {tuple(batch[0].shape[1:])} one by one (for a "
                "scripted, traced or parallel network, pass the network from which it was made; outside a block with "
                "saved_tensors_hooks or save_on_cpu, torch.func may be able to run it)"
            )
        ):
            rows = [run(alone or function, *row) for row in zip(*batch)]
        return tree_map(lambda *tensors: torch.stack(tensors), *rows)


@contextmanager
def ignore_vmap_warning() -> Iterator[None]:
    """Silence torch.func's notice that an operation is run sample by sample.

    The result is the same, only slower.

    Yields:
        Nothing.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*performance drop.*")
        yield
