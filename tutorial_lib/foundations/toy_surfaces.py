"""Surfaces to descend on: four shapes in two parameters that every loss may have somewhere.

Each is scaled so that the steepest curvature at its lowest point is 20: one step length means the same on all of them, and the
longest step with which descent still comes down, close to that point, is 2/20.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from tutorial_lib._validation import check_shapes

MAX_CURVATURE = 20.0  # λ_max at the lowest point, before and after scaling, of every surface here


class ToySurface(NamedTuple):
    """``loss`` (N, 2) -> (N,); a ``start``; a lowest point, where the loss is ``lowest``; the ``window`` to draw: x, then y."""

    loss: Callable[[Tensor], Tensor]
    start: tuple[float, float]
    minimum: tuple[float, float]
    min_value: float
    plot_limits: tuple[tuple[float, float], tuple[float, float]]


def quadratic(H: Tensor) -> Callable[[Tensor], Tensor]:
    """L(θ) = ½ θᵀHθ for a symmetric H, (d, d), as a function (N, d) -> (N,).

    Raises:
        ValueError: H is not square.

    Example:
        >>> quadratic(torch.diag(torch.tensor([1., 20.])))(torch.tensor([[2., 1.]]))
        tensor([12.])
    """
    if H.dim() != 2 or H.shape[0] != H.shape[1]:
        raise ValueError(f"H must be (d, d), not {tuple(H.shape)}")

    def height(theta: Tensor) -> Tensor:
        check_shapes(H=(H, "floats d d"), theta=(theta, "floats N d"))
        return torch.einsum("ni,ij,nj->n", theta, H.to(theta), theta) / 2

    return height


def valley(theta: Tensor) -> Tensor:
    """½ (θ₁² + 20 θ₂²): twenty times steeper across than along."""
    x, y = theta.unbind(-1)
    return (x**2 + 20 * y**2) / 2


def saddle(theta: Tensor) -> Tensor:
    """10 θ₁² − 5 θ₂² + 2.5 θ₂⁴: at the origin downhill one way and uphill the other; the lowest points are (0, ±1)."""
    x, y = theta.unbind(-1)
    return 10 * x**2 - 5 * y**2 + 2.5 * y**4


def rosenbrock(theta: Tensor) -> Tensor:
    """(1 − θ₁)² + 5 (θ₂ − θ₁²)², scaled: a valley that bends; lowest, 0, at (1, 1).

    Source: Rosenbrock, 1960, doi 10.1093/comjnl/3.3.175, there with 100 for 5.
    """
    x, y = theta.unbind(-1)
    # Its Hessian at (1, 1) is [[42, −20], [−20, 10]].
    return MAX_CURVATURE / (26 + 656**0.5) * ((1 - x) ** 2 + 5 * (y - x**2) ** 2)


def beale(theta: Tensor) -> Tensor:
    """Σₖ (cₖ − θ₁ + θ₁ θ₂ᵏ)² for c = 1.5, 2.25, 2.625, scaled: nearly flat far out; lowest, 0, at (3, ½).

    Source: Beale, 1958, On an iterative method for finding a local minimum of a function of more than one variable.
    """
    x, y = theta.unbind(-1)
    residuals = torch.stack([c - x + x * y**k for k, c in ((1, 1.5), (2, 2.25), (3, 2.625))])
    # There the Hessian is 2JᵀJ with the rows (−1/2, 3), (−3/4, 3), (−7/8, 9/4) of J.
    trace, determinant = 2 * (1.578125 + 23.0625), 4 * (1.578125 * 23.0625 - 5.71875**2)
    steepest = trace / 2 + (trace**2 / 4 - determinant) ** 0.5
    return MAX_CURVATURE / steepest * residuals.square().sum(0)


SURFACES = {
    "valley": ToySurface(valley, (-1.6, 0.5), (0.0, 0.0), 0.0, ((-2, 2), (-1.1, 1.1))),
    "saddle": ToySurface(saddle, (0.9, 0.02), (0.0, 1.0), -2.5, ((-1.3, 1.3), (-1.5, 1.5))),
    "Rosenbrock": ToySurface(rosenbrock, (-1.2, 1.0), (1.0, 1.0), 0.0, ((-1.9, 1.9), (-0.9, 2.4))),
    "Beale": ToySurface(beale, (1.0, 1.4), (3.0, 0.5), 0.0, ((-0.5, 4.5), (-1.5, 1.8))),
}
