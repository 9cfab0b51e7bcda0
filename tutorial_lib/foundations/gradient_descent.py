"""Gradient descent on a differentiable surface, and the gradient and the Hessian of a surface."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from tutorial_lib._validation import convert_arguments
from tutorial_lib.gradients._context import detach_for_autograd, differentiate
from tutorial_lib.runtime import default_generator, random_normal

SurfaceFunction = Callable[[Tensor], Tensor]


@convert_arguments
def surface_gradient(surface: SurfaceFunction, theta: Tensor) -> Tensor:
    """Return the gradient of a surface at each point, ∂L/∂θ.

    Args:
        surface: L, a differentiable function (N, d) -> (N,) that treats each row alone.
        theta: points θ (N, d), floats.

    Returns:
        Gradients (N, d), signed.

    Raises:
        ValueError: the points are not (N, d), or the surface does not return one number per point.

    Example:
        >>> surface_gradient(lambda theta: theta.square().sum(1), torch.tensor([[1., -2.]]))
        tensor([[ 2., -4.]])
    """
    if theta.dim() != 2 or not theta.is_floating_point():
        raise ValueError(
            f"points must be floats (N, d), not {theta.dtype} {tuple(theta.shape)}; for a single point, pass "
            "theta[None]"
        )
    with torch.inference_mode(False), torch.enable_grad():
        leaf = detach_for_autograd(theta).requires_grad_()
        values = surface(leaf)
        if values.shape != theta.shape[:1]:
            raise ValueError(
                f"a surface must return one number for each point, ({len(theta)},), not {tuple(values.shape)}; "
                "sum over the other axes"
            )
        # A loss that has overflowed gets gradient zero: its path stops, and the other paths of the batch continue.
        return differentiate(torch.nan_to_num(values).sum(), leaf)


@convert_arguments
def numerical_hessian(surface: SurfaceFunction, theta: Tensor, *, eps: float | None = None) -> Tensor:
    """Return the Hessian of a surface at one point, from differences of gradients.

    Central differences, averaged with their transpose.

    Args:
        surface: L, a differentiable function (N, d) -> (N,) that treats each row alone.
        theta: the point (d,), floats; use float64 for an accurate result.
        eps: half the distance between the two gradients of a difference, in units of θ. None selects the cube root of
            the machine precision; on a surface with kinks, take a larger value.

    Returns:
        Hessian (d, d), symmetric.

    Raises:
        ValueError: theta is not a single point of floats.

    Example:
        >>> H = numerical_hessian(lambda theta: theta[:, 0] * theta[:, 1], torch.zeros(2, dtype=torch.float64))
        >>> H.round(decimals=6)
        tensor([[0., 1.],
                [1., 0.]], dtype=torch.float64)
    """
    if theta.dim() != 1 or not theta.is_floating_point():
        raise ValueError(
            f"the Hessian is computed at one point, (d,) of floats, not {theta.dtype} {tuple(theta.shape)}"
        )
    eps = eps if eps is not None else torch.finfo(theta.dtype).eps ** (1 / 3)
    if not 0 < eps < math.inf:
        raise ValueError(f"eps must be a finite number above 0, not {eps}")
    offsets = eps * torch.eye(len(theta), dtype=theta.dtype, device=theta.device)
    forward, backward = surface_gradient(surface, torch.cat([theta + offsets, theta - offsets])).chunk(2)
    H = (forward - backward) / (2 * eps)
    return (H + H.T) / 2


@convert_arguments
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
    """Return the path of gradient descent on a surface.

    v ← μv + ∂L/∂θ, θ(t+1) = θ(t) − αv. Without momentum this is the plain update rule.

    Args:
        surface: L, a differentiable function (N, d) -> (N,) that treats each row alone.
        start: θ(0), a point (d,), or points (N, d) for N paths at once; floats.
        lr: learning rate α.
        n_steps: number of steps.
        momentum: μ, as in :class:`torch.optim.SGD`; 0 is plain gradient descent.
        gradient_noise_std: standard deviation of the Gaussian noise that is added to every component of every gradient.
            It imitates mini-batches: the gradient of a batch of B samples has a standard deviation of σ/√B around the
            true gradient, where σ is that of a single sample.
        generator: source of the noise, on the CPU; None is a new one with seed 0.

    Returns:
        θ(0) … θ(n_steps): (n_steps + 1, d), or (n_steps + 1, N, d). A path whose loss overflows stays where it is.

    Raises:
        ValueError: start has another shape or no floats; the number of steps or the noise is negative.

    References:
        The update rule of the tutorial's slides; momentum: Polyak, 1964, doi:10.1016/0041-5553(64)90137-5.

    Example:
        >>> gradient_descent(lambda theta: theta.square().sum(1), torch.tensor([4.]), lr=0.25, n_steps=2).flatten()
        tensor([4., 2., 1.])
    """
    if start.dim() not in (1, 2) or not start.is_floating_point() or not start.shape[-1]:
        raise ValueError(
            f"start must be a point (d,) or points (N, d) of floats, not {tuple(start.shape)} of {start.dtype}"
        )
    if n_steps < 0 or gradient_noise_std < 0:
        raise ValueError(f"n_steps and gradient_noise_std must not be negative, not {n_steps} and {gradient_noise_std}")
    generator = default_generator(generator)
    theta = start.detach().reshape(-1, start.shape[-1])
    v, path = torch.zeros_like(theta), [theta]
    for _ in range(n_steps):
        g = surface_gradient(surface, theta)
        if gradient_noise_std:
            g = g + gradient_noise_std * random_normal(generator, *theta.shape).to(theta)
        v = momentum * v + g
        theta = theta - lr * v
        path.append(theta)
    return torch.stack(path).reshape(n_steps + 1, *start.shape)
