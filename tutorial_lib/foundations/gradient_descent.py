"""Gradient descent on any surface, and what became of it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tutorial_lib.gradients import input_gradient

SurfaceFunction = Callable[[Tensor], Tensor]


class _SurfaceModule(nn.Module):
    """A surface as a model whose input is the point on it."""

    def __init__(self, surface: SurfaceFunction):
        super().__init__()
        self.surface = surface

    def forward(self, theta: Tensor) -> Tensor:
        # Where the loss has left the range of numbers it has no slope: such a path stays, and others in its batch go on.
        return torch.nan_to_num(self.surface(theta))


def surface_gradient(surface: SurfaceFunction, theta: Tensor) -> Tensor:
    """The gradient of a surface at each of N points, ∂L/∂θ: (N, d) -> (N, d).

    Raises:
        ValueError: the points are no (N, d), or the surface does not give one number for each.

    Example:
        >>> surface_gradient(lambda theta: theta.square().sum(1), torch.tensor([[1., -2.]]))
        tensor([[ 2., -4.]])
    """
    if theta.dim() != 2:
        raise ValueError(f"points must be (N, d), not {tuple(theta.shape)}; one point alone is theta[None]")
    return input_gradient(_SurfaceModule(surface), theta, _check_per_point, batch_size=len(theta))


def _check_per_point(value: Tensor) -> Tensor:
    if value.dim() != 1:
        raise ValueError(
            f"a surface gives one number for each point, (N,), not {tuple(value.shape)}; sum over the rest"
        )
    return value


def numerical_hessian(surface: SurfaceFunction, theta: Tensor, *, eps: float | None = None) -> Tensor:
    """The Hessian of a surface at one point, by central differences of its gradients: (d,) -> (d, d), symmetric.

    Args:
        surface: (N, d) -> (N,).
        theta: the point, (d,); float64 where digits matter.
        reach: of the differences; the cube root of the precision when None. Take more on a surface with kinks.

    Raises:
        ValueError: theta is no single point.

    Example:
        >>> numerical_hessian(lambda theta: theta[:, 0] * theta[:, 1], torch.zeros(2, dtype=torch.float64)).round(decimals=6)
        tensor([[0., 1.],
                [1., 0.]], dtype=torch.float64)
    """
    if theta.dim() != 1 or not theta.is_floating_point():
        raise ValueError(f"the curvature is that at one point, (d,) floats, not {theta.dtype} {tuple(theta.shape)}")
    eps = eps if eps is not None else torch.finfo(theta.dtype).eps ** (1 / 3)
    offsets = eps * torch.eye(len(theta)).to(theta)
    ahead, behind = surface_gradient(surface, torch.cat([theta + offsets, theta - offsets])).chunk(2)
    H = (ahead - behind) / (2 * eps)
    return (H + H.T) / 2


def gradient_descent(
    surface: SurfaceFunction,
    start: Tensor,
    *,
    lr: float,
    n_steps: int,
    momentum: float = 0.0,
    gradient_noise_std: float = 0.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """The path of gradient descent: v ← μv + ∂L/∂θ, θ(t+1) = θ(t) − αv; without momentum the update rule itself.

    Args:
        surface: L, (N, d) -> (N,); any differentiable function of points, row by row.
        start: θ(0), (d,), or (N, d) for N paths at once, float.
        step: α.
        steps: how many.
        momentum: μ, as in :class:`torch.optim.SGD`.
        noise: standard deviation of what is added to every component of every gradient. The gradient of a batch of B samples
            scatters like σ/√B around the true one, σ being the scatter of a single sample.
        generator: source of the noise, on the CPU; without one, a fresh one seeded with 0.

    Returns:
        θ(0) … θ(steps): (steps + 1, d), or (steps + 1, N, d). A path whose loss leaves the range of numbers stays where it is.

    Raises:
        ValueError: start has no floats or another shape; steps or noise are negative.

    Source: the update rule of the tutorial's slides; momentum after Polyak, 1964, doi 10.1016/0041-5553(64)90137-5.

    Example:
        >>> gradient_descent(lambda theta: theta.square().sum(1), torch.tensor([4.]), lr=0.25, n_steps=2).flatten()
        tensor([4., 2., 1.])
    """
    if start.dim() not in (1, 2) or not start.is_floating_point() or not start.shape[-1]:
        raise ValueError(
            f"start must be a point (d,) or points (N, d) of floats, not {tuple(start.shape)} of {start.dtype}"
        )
    if n_steps < 0 or gradient_noise_std < 0:
        raise ValueError(f"steps and noise must not be negative, not {n_steps} and {gradient_noise_std}")
    generator = generator if generator is not None else torch.Generator().manual_seed(0)
    theta = start.detach().reshape(-1, start.shape[-1])
    v, path = torch.zeros_like(theta), [theta]
    for _ in range(n_steps):
        g = surface_gradient(surface, theta)
        if gradient_noise_std:
            g = g + gradient_noise_std * torch.randn(theta.shape, generator=generator).to(theta)
        v = momentum * v + g
        theta = theta - lr * v
        path.append(theta)
    return torch.stack(path).reshape(-1, *start.shape)


def classify_trajectory(surface: SurfaceFunction, path: Tensor, *, minimum: float = 0.0, rtol: float = 0.01) -> str:
    """What became of one path, in a word.

    ``"diverges"``: all of its last tenth is higher than its start, or nowhere. ``"settles"``: all of its last tenth is within
    ``near`` of the way down, from the start to ``lowest``. Otherwise it is still under way: ``"zigzags"`` where most steps turn
    back on the step before (an angle over 90°), else ``"creeps"``. path: (T, d).

    Raises:
        ValueError: the path is no (T, d) of three points or more.

    Example:
        >>> bowl, start = (lambda theta: theta.square().sum(1)), torch.tensor([4.])
        >>> [classify_trajectory(bowl, gradient_descent(bowl, start, lr=a, n_steps=40)) for a in (0.01, 0.3, 0.99, 1.01)]
        ['creeps', 'settles', 'zigzags', 'diverges']
    """
    if path.dim() != 2 or len(path) < 3:
        raise ValueError(f"a path is (T, d) with three points or more, not {tuple(path.shape)}")
    height = surface(path) - minimum
    last = height[-max(1, len(path) // 10) :]
    if not path.isfinite().all() or not last.min() <= height[0]:
        return "diverges"
    if (last <= rtol * height[0]).all():
        return "settles"
    moves = path.diff(dim=0)
    back = (moves[1:] * moves[:-1]).sum(1) < 0
    return "zigzags" if back.float().mean() > 0.5 else "creeps"
