"""Toy loss surfaces with two parameters, for experiments with gradient descent.

Each surface is scaled so that the largest curvature at its minimum is 20. The same learning rate therefore means the
same on all of them, and the stability limit of gradient descent near the minimum is 2/20.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from tutorial_lib._validation import check_shapes, convert_arguments

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

    loss: Callable[[Tensor], Tensor]
    start: tuple[float, float]
    minimum: tuple[float, float]
    min_value: float
    plot_limits: tuple[tuple[float, float], tuple[float, float]]


@convert_arguments
def quadratic(H: Tensor) -> Callable[[Tensor], Tensor]:
    """Return the quadratic surface L(θ) = ½ θᵀHθ.

    Args:
        H: the Hessian (d, d), symmetric, floats.

    Returns:
        A differentiable function (N, d) -> (N,).

    Raises:
        ValueError: H is not square, or the function is called with points of another dimension.

    Example:
        >>> quadratic(torch.diag(torch.tensor([1., 20.])))(torch.tensor([[2., 1.]]))
        tensor([12.])
    """
    check_shapes(H=(H, "floats d d"))

    @convert_arguments
    def loss(theta: Tensor) -> Tensor:
        check_shapes(H=(H, "floats d d"), theta=(theta, "floats N d"))
        return torch.einsum("ni,ij,nj->n", theta, H.to(theta), theta) / 2

    return loss


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


def beale(theta: Tensor) -> Tensor:
    """Return the values of Beale's function, Σₖ (cₖ − θ₁ + θ₁ θ₂ᵏ)², scaled.

    c = 1.5, 2.25, 2.625. The surface is nearly flat far from its minimum.

    Args:
        theta: points (N, 2), floats.

    Returns:
        Values (N,), ≥ 0; the minimum is 0 at (3, ½).

    References:
        Beale, 1958, On an iterative method for finding a local minimum of a function of more than one variable.
    """
    x, y = theta.unbind(-1)
    residuals = torch.stack([c - x + x * y**k for k, c in ((1, 1.5), (2, 2.25), (3, 2.625))])
    # The Hessian at (3, ½) is 2JᵀJ, where the rows of J are (−1/2, 3), (−3/4, 3), (−7/8, 9/4).
    trace, determinant = 2 * (1.578125 + 23.0625), 4 * (1.578125 * 23.0625 - 5.71875**2)
    max_curvature = trace / 2 + (trace**2 / 4 - determinant) ** 0.5
    return MAX_CURVATURE / max_curvature * residuals.square().sum(0)


SURFACES = {
    "valley": ToySurface(valley, (-1.6, 0.5), (0.0, 0.0), 0.0, ((-2, 2), (-1.1, 1.1))),
    "saddle": ToySurface(saddle, (0.9, 0.02), (0.0, 1.0), -2.5, ((-1.3, 1.3), (-1.5, 1.5))),
    "Rosenbrock": ToySurface(rosenbrock, (-1.2, 1.0), (1.0, 1.0), 0.0, ((-1.9, 1.9), (-0.9, 2.4))),
    "Beale": ToySurface(beale, (1.0, 1.4), (3.0, 0.5), 0.0, ((-0.5, 4.5), (-1.5, 1.8))),
}
