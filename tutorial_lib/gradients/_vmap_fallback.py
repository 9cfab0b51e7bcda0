"""Per-sample gradients of any parameter in any network through torch.func.

The numbers are the same as those of the rules, but take longer. Here each sample's gradient is really computed, so only
as many samples are worked on at a time as memory allows.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vjp, vmap
from torch.utils._pytree import tree_map

from tutorial_lib.gradients._context import translate_errors
from tutorial_lib.gradients._parameter_rules import GivenGradientRule
from tutorial_lib.gradients._parameter_tracker import Statistic
from tutorial_lib.gradients.objectives import Objective

# How many numbers of per-sample gradients are held at a time.
CHUNK_NUMEL = 2**26

Gradients = dict[str, Tensor]


def vmap_loss_statistics(
    model: nn.Module, x: Tensor, objective: Objective, parameters: dict[str, nn.Parameter], statistic: Statistic
) -> dict[str, Tensor]:
    """Return the statistics of every sample's ∂J/∂θ, C = 1.

    Args:
        model: any module that takes x alone.
        x: samples (n, …).
        objective: the objective of these samples, resolved.
        parameters: name -> parameter, those to differentiate with respect to.
        statistic: what is computed from each gradient.

    Returns:
        name -> statistic (n, …).
    """
    theta = {name: parameter.detach() for name, parameter in parameters.items()}

    def sample_gradients(row: Tensor, *bound: Tensor) -> Gradients:
        J = objective.rebind(b[None] for b in bound)
        M = grad(lambda theta: J(functional_call(model, theta, (row[None],)))[0])(theta)
        return {name: m[None] for name, m in M.items()}

    return _statistics(model, sample_gradients, x, objective.tensors, theta, 1, statistic)


def vmap_class_statistics(
    model: nn.Module, x: Tensor, classes: Sequence[int], parameters: dict[str, nn.Parameter], statistic: Statistic
) -> dict[str, Tensor]:
    """Return the statistics of every sample's ∂z_c/∂θ, C = len(classes).

    Args:
        model: any module that takes x alone.
        x: samples (n, …).
        classes: class indices.
        parameters: name -> parameter, those to differentiate with respect to.
        statistic: what is computed from each gradient.

    Returns:
        name -> statistic (n, …).
    """
    theta = {name: parameter.detach() for name, parameter in parameters.items()}

    def sample_gradients(row: Tensor) -> Gradients:
        z, vector_jacobian = vjp(lambda theta: functional_call(model, theta, (row[None],))[0, classes], theta)[:2]
        # One class after the other: vmap inside vmap gives wrong numbers for PReLU, without an error (torch 2.15).
        M = [vector_jacobian(e)[0] for e in torch.eye(len(classes)).to(z)]
        return {name: torch.stack([m[name] for m in M]) for name in theta}

    return _statistics(model, sample_gradients, x, [], theta, len(classes), statistic)


def _statistics(
    model: nn.Module,
    sample_gradients: Callable[..., Gradients],
    x: Tensor,
    bound: list[Tensor],
    theta: dict[str, Tensor],
    n_directions: int,
    statistic: Statistic,
) -> dict[str, Tensor]:
    """name -> statistic (n, …), from a function that gives one sample's gradients, name -> (C, *parameter)."""
    step = max(1, CHUNK_NUMEL // (n_directions * sum(t.numel() for t in theta.values())))
    chunks = []
    # Without a graph around them, or it would record the parameters, which are constants here.
    with torch.no_grad(), ignore_vmap_warning():
        for i in range(0, len(x), step):
            with translate_errors(
                lambda: f"this {type(model).__name__} does not take samples of {tuple(x.shape[1:])} one by one"
            ):
                M = vmap_or_loop(sample_gradients, *(t[i : i + step] for t in (x, *bound)))
            chunks.append(
                {name: statistic(GivenGradientRule(m.shape[2:]), _at_least_float32(m)) for name, m in M.items()}
            )
    return {name: torch.cat([chunk[name] for chunk in chunks]) for name in theta}


def _at_least_float32(m: Tensor) -> Tensor:
    """Half precision is too coarse to add squares in."""
    return m.to(torch.promote_types(m.dtype, torch.float32))


def vmap_or_loop(function: Callable[..., Any], *batch: Tensor) -> Any:
    """Return ``function`` of every row, stacked: vectorized if possible, otherwise in a loop.

    Not every network can be vectorized over its samples, for example one that branches on the value of a tensor.

    Args:
        function: maps one row of each argument to tensors, in any nesting of tuples and dictionaries.
        *batch: tensors (n, …).

    Returns:
        The results in the same nesting, each tensor (n, …).
    """
    try:
        return vmap(function)(*batch)
    except RuntimeError:
        rows = [function(*row) for row in zip(*batch)]
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
