"""Toy loss surfaces with two parameters, and the classification of descent paths on them, for section 1.3.

Each surface is scaled so that the largest curvature at its minimum is 20. The same learning rate therefore means the
same on all of them, and the stability limit of gradient descent near the minimum is 2/20.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from tutorial_lib.foundations.gradient_descent import SurfaceFunction

MAX_CURVATURE = 20.0  # λ_max of the Hessian at the minimum of every surface


class ToySurface(NamedTuple):
    """A loss surface with two parameters.

    Attributes:
        loss: L, a differentiable function (N, 2) -> (N,).
        start: a starting point for gradient descent.
        minimum: position of a minimum.
        min_value: the loss at the minimum.
        plot_limits: limits for a figure, first of θ₁ and then of θ₂, each (lowest, highest).
    """

    loss: SurfaceFunction
    start: tuple[float, float]
    minimum: tuple[float, float]
    min_value: float
    plot_limits: tuple[tuple[float, float], tuple[float, float]]


def quadratic(H: Tensor) -> SurfaceFunction:
    """Return the quadratic surface L(θ) = ½ θᵀHθ.

    Args:
        H: the Hessian (d, d), symmetric.

    Returns:
        A differentiable function (N, d) -> (N,).
    """
    return lambda theta: torch.einsum("ni,ij,nj->n", theta, H, theta) / 2


def valley(theta: Tensor) -> Tensor:
    """Return the values of an elongated quadratic valley, ½ (θ₁² + 20 θ₂²).

    The curvature across the valley is twenty times the curvature along it.

    Args:
        theta: points (N, 2), floats.

    Returns:
        Values (N,), ≥ 0; the minimum is 0 at (0, 0).
    """
    x, y = theta.unbind(-1)
    return (x**2 + 20 * y**2) / 2


def saddle(theta: Tensor) -> Tensor:
    """Return the values of a surface with a saddle point, 10 θ₁² − 5 θ₂² + 2.5 θ₂⁴.

    At the origin the surface falls along θ₂ and rises along θ₁.

    Args:
        theta: points (N, 2), floats.

    Returns:
        Values (N,), ≥ −2.5; the minima are −2.5 at (0, ±1).
    """
    x, y = theta.unbind(-1)
    return 10 * x**2 - 5 * y**2 + 2.5 * y**4


def rosenbrock(theta: Tensor) -> Tensor:
    """Return the values of a curved valley, (1 − θ₁)² + 5 (θ₂ − θ₁²)², scaled.

    Args:
        theta: points (N, 2), floats.

    Returns:
        Values (N,), ≥ 0; the minimum is 0 at (1, 1).

    References:
        Rosenbrock, 1960, doi:10.1093/comjnl/3.3.175, with 100 in place of 5.
    """
    x, y = theta.unbind(-1)
    # The Hessian at (1, 1) is [[42, −20], [−20, 10]].
    return MAX_CURVATURE / (26 + 656**0.5) * ((1 - x) ** 2 + 5 * (y - x**2) ** 2)


SURFACES = {
    "valley": ToySurface(valley, (-1.6, 0.5), (0.0, 0.0), 0.0, ((-2, 2), (-1.1, 1.1))),
    "saddle": ToySurface(saddle, (0.9, 0.02), (0.0, 1.0), -2.5, ((-1.3, 1.3), (-1.5, 1.5))),
    "Rosenbrock": ToySurface(rosenbrock, (-1.2, 1.0), (1.0, 1.0), 0.0, ((-1.9, 1.9), (-0.9, 2.4))),
}


def classify_trajectory(surface: SurfaceFunction, path: Tensor, *, minimum: float = 0.0, rtol: float = 0.01) -> str:
    """Return one word for the behavior of a descent path.

    - ``"diverges"``: the whole last tenth of the path is higher than the start, or the path is not finite;
    - ``"settles"``: the whole last tenth lies within ``rtol`` of the total decrease above the minimum;
    - ``"zigzags"``: neither, and most steps turn by more than 90° from the step before;
    - ``"creeps"``: neither, and most steps continue in the same direction.

    Args:
        surface: L, a function (N, d) -> (N,).
        path: θ(0) … θ(T − 1), (T, d), T ≥ 3.
        minimum: lowest value of the surface.
        rtol: how close to the minimum a path has to end, as a share of the decrease from the start to the minimum.

    Returns:
        ``"diverges"``, ``"settles"``, ``"zigzags"`` or ``"creeps"``.

    Raises:
        ValueError: the path is not (T, d), or has fewer than three points.
    """
    if path.dim() != 2 or len(path) < 3:
        raise ValueError(f"a path must be (T, d), of at least three points, not {tuple(path.shape)}")
    height = surface(path) - minimum
    last = height[-max(1, len(path) // 10) :]
    if not path.isfinite().all() or not last.min() <= height[0]:
        return "diverges"
    if (last <= rtol * height[0]).all():
        return "settles"
    steps = path.diff(dim=0)
    reversals = (steps[1:] * steps[:-1]).sum(1) < 0
    return "zigzags" if reversals.float().mean() > 0.5 else "creeps"
