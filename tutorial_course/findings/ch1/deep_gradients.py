"""How gradients change with the depth of a network, for section 1.H."""

from __future__ import annotations

import torch
from torch import Tensor


def _random_layers(depth: int, width: int, gain: float, generator: torch.Generator) -> Tensor:
    """Weights (depth, width, width) with independent normal entries of variance gain² / width."""
    return gain / width**0.5 * torch.randn(depth, width, width, generator=generator, dtype=torch.float64)


def layer_gradient_norms(
    depth: int, gain: float, *, residual: bool = False, width: int = 100, n_samples: int = 20, seed: int = 0
) -> Tensor:
    """Return the norm of the gradient behind each layer of a random ReLU network, relative to the last layer.

    A layer is h ← relu(Wh), or h ← h + W relu(h) with ``residual``. The gradient of a random linear function of the
    last h is propagated back to every h.

    Args:
        depth: number of layers.
        gain: standard deviation of the weights times √width; √2 keeps the norm constant on average (He et al.).
        residual: whether each layer has a skip connection.
        width: units per layer.
        n_samples: random inputs, over which the root mean square of the norm is computed.
        seed: seed of weights and inputs.

    Returns:
        Norms (depth + 1,), from the input to the last layer; the last one is 1.

    References:
        He et al., 2015, arXiv:1502.01852.

    Example:
        >>> layer_gradient_norms(2, 1.0)[-1].item()
        1.0
    """
    generator = torch.Generator().manual_seed(seed)
    weights = _random_layers(depth, width, gain, generator)
    h = torch.randn(n_samples, width, generator=generator, dtype=torch.float64)
    inputs = [h]
    for W in weights:
        h = h + h.relu() @ W.T if residual else (h @ W.T).relu()
        inputs.append(h)
    delta = torch.randn(n_samples, width, generator=generator, dtype=torch.float64)
    norms = [delta.square().sum(1).mean().sqrt()]
    for W, before, after in zip(weights.flip(0), inputs[-2::-1], inputs[:0:-1]):
        delta = delta + (delta @ W) * (before > 0) if residual else (delta * (after > 0)) @ W
        norms.append(delta.square().sum(1).mean().sqrt())
    return torch.stack(norms[::-1]) / norms[0]


def gradient_autocorrelation(
    depth: int,
    *,
    residual: bool = False,
    width: int = 200,
    n_points: int = 256,
    n_networks: int = 10,
    max_lag: int = 15,
) -> Tensor:
    """Return how strongly the gradients at neighboring inputs of a random network correlate.

    The network f maps a number in [−2, 2] to a number, through ``depth`` ReLU layers of He-initialized weights. Each
    layer is normalized over the points of the line, as batch normalization does, and ``residual`` adds skip
    connections, h ← h + W relu(normalized h). The gradient df/dx is computed at every point of an even grid.

    Args:
        depth: number of hidden layers.
        residual: whether the hidden layers have skip connections.
        width: units per layer.
        n_points: points on the line.
        n_networks: random networks, over which the autocorrelation is averaged.
        max_lag: largest distance of two points, in grid steps.

    Returns:
        Autocorrelation of the gradient (max_lag + 1,), from 1 at lag 0. White noise gives 0 at every other lag.

    References:
        Balduzzi et al., 2017, arXiv:1702.08591.

    Example:
        >>> gradient_autocorrelation(1, width=10, n_points=32, n_networks=1, max_lag=2)[0].item()
        1.0
    """
    total = torch.zeros(max_lag + 1, dtype=torch.float64)
    for seed in range(n_networks):
        g = _gradient_on_line(depth, residual, width, n_points, torch.Generator().manual_seed(seed))
        g = g - g.mean()
        total += torch.stack([(g[: n_points - lag] * g[lag:]).sum() for lag in range(max_lag + 1)]) / g.square().sum()
    return total / n_networks


def _gradient_on_line(depth: int, residual: bool, width: int, n_points: int, generator: torch.Generator) -> Tensor:
    """df/dx at each point (n_points,); the statistics of the normalization count as constants, as in evaluation."""
    x = torch.linspace(-2, 2, n_points, dtype=torch.float64)[:, None].requires_grad_()
    first, bias = torch.randn(2, width, generator=generator, dtype=torch.float64)
    h = x * first + bias
    for W in _random_layers(depth, width, 2**0.5, generator):
        normalized = (h - h.mean(0).detach()) / (h.std(0).detach() + 1e-6)
        branch = normalized.relu() @ W.T
        h = h + branch if residual else branch
    readout = torch.randn(width, generator=generator, dtype=torch.float64)
    return torch.autograd.grad((h @ readout).sum(), x)[0][:, 0]
