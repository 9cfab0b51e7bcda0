"""Stability limits, mini-batch noise and random walks, for sections 1.3, 1.D and 1.I."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from tutorial_lib.foundations import gradient_descent
from tutorial_lib.foundations.gradient_descent import SurfaceFunction


class StabilityTest(NamedTuple):
    """Gradient descent near a minimum with many learning rates.

    Attributes:
        ratios: final loss divided by initial loss for each learning rate (n,).
        limit: the lowest of the learning rates with which the loss increases at the end.
    """

    ratios: Tensor
    limit: float


def measure_stability(
    surface: SurfaceFunction, minimum: Tensor, rates: Tensor, *, momentum: float = 0.0, n_steps: int = 300
) -> StabilityTest:
    """Return how gradient descent from a start close to a minimum ends, for each learning rate.

    Args:
        surface: loss (N, d) -> (N,).
        minimum: position of the minimum (d,), in float64.
        rates: increasing learning rates (n,), in float64.
        momentum: momentum β.
        n_steps: number of steps.

    Returns:
        The ratios of the losses, and the measured stability limit.

    Raises:
        ValueError: no learning rate reaches the limit.
    """
    start = minimum + torch.full((len(rates), len(minimum)), 1e-4, dtype=torch.float64)
    # A learning rate α on the loss L is a learning rate 1 on αL, so that all rates run in parallel.
    path = gradient_descent(lambda theta: rates * surface(theta), start, lr=1.0, n_steps=n_steps, momentum=momentum)
    height = surface(path.flatten(0, 1)).view(len(path), -1) - surface(minimum[None])
    late, before = height[-20:].amax(0), height[-60:-40].amax(0)
    grows = (late >= before) & (late > 1e-12 * height[0])  # below, the loss is as small as rounding errors
    if not grows.any():
        raise ValueError(f"the loss decreases with every learning rate up to {float(rates[-1]):g}; pass larger ones")
    return StabilityTest(height[-1] / height[0], float(rates[grows].min()))


class BatchNoise(NamedTuple):
    """The gradients of random mini-batches, compared with the gradient of all samples.

    Attributes:
        deviation: root mean square of ‖g_B − g‖, divided by ‖g‖.
        predicted: the same from the covariance of the per-sample gradients.
        cosine: mean cosine between g_B and g.
    """

    deviation: float
    predicted: float
    cosine: float


def minibatch_noise(per_sample: Tensor, batch_size: int, *, n_batches: int = 2000, seed: int = 0) -> BatchNoise:
    """Return how far the gradients of random mini-batches are from the gradient of all samples.

    Batches are drawn without replacement, so that E‖g_B − g‖² = tr Σ / B · (N − B) / N, where Σ is the covariance
    of the per-sample gradients.

    Args:
        per_sample: gradients (N, d).
        batch_size: B, at most N.
        n_batches: number of random batches.
        seed: seed of the batches.

    Returns:
        The measured and the predicted deviation, and the cosine.
    """
    generator, n = torch.Generator().manual_seed(seed), len(per_sample)
    inner = (per_sample @ per_sample.T).cpu().double()  # inner products of the gradients; nothing else is needed
    order = torch.rand(n_batches, n, generator=generator).argsort(1)
    chosen = torch.zeros(n_batches, n, dtype=torch.float64).scatter_(1, order[:, :batch_size], 1 / batch_size)
    norm = inner.mean().sqrt()
    difference = chosen - 1 / n
    squared_deviation = ((difference @ inner) * difference).sum(1)
    batch_norms = ((chosen @ inner) * chosen).sum(1).sqrt()
    trace = (inner.diagonal().sum() - n * inner.mean()) / (n - 1)
    return BatchNoise(
        deviation=float(squared_deviation.mean().sqrt() / norm),
        predicted=float((trace / batch_size * (n - batch_size) / n).sqrt() / norm),
        cosine=float((chosen @ inner.mean(1) / (batch_norms * norm)).mean()),
    )
