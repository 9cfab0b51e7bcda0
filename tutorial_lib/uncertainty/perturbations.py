"""What an attacker may change: a ball around the picture, inside the box of possible pictures; and noise of the same size."""

from __future__ import annotations

import math

import torch
from torch import Tensor

NormOrder = float | str
Bounds = tuple[float, float]


def norm_order(norm: NormOrder) -> float:
    """The norm in which a budget is counted: 2, or infinity ("inf"), the largest change of any pixel.

    Example:
        >>> norm_order("inf"), norm_order(2)
        (inf, 2.0)
    """
    try:
        p = float(norm)
    except ValueError:
        p = math.nan
    if p not in (2.0, math.inf):
        raise ValueError(f"norm is 'inf' (each pixel by at most eps) or 2 (the whole picture by eps), not {norm!r}")
    return p


def check_bounds(x: Tensor, bounds: Bounds) -> Tensor:
    """The pictures without their graph, if they lie in the box.

    Raises:
        ValueError: x is not float, or leaves the bounds.
    """
    if not x.is_floating_point():
        raise ValueError(
            f"images must be float in [{bounds[0]}, {bounds[1]}], not {x.dtype}: divide by the largest value first"
        )
    x = x.detach()
    if x.numel() and not (x.amin() >= bounds[0] and x.amax() <= bounds[1]):
        if x.isnan().any():
            broken = x.isnan().flatten(1).any(1).nonzero().flatten().tolist()
            raise ValueError(f"pictures {broken[:8]} hold something that is no number")
        raise ValueError(
            f"the pictures lie in [{x.amin():.3g}, {x.amax():.3g}], outside the bounds {tuple(bounds)}: "
            "pass their true bounds, and keep normalisation inside the model"
        )
    return x


def per_image(value: float | Tensor, x: Tensor) -> float | Tensor:
    """A number for all pictures, or one for each, (N,), ready to be multiplied with x."""
    if not isinstance(value, Tensor) or value.dim() == 0:
        return value
    if value.shape != x.shape[:1]:
        raise ValueError(f"one number for all pictures or one for each, ({len(x)},), not {tuple(value.shape)}")
    return value.to(x).view(-1, *(1,) * (x.dim() - 1))


def l2_norms(change: Tensor) -> Tensor:
    """The L2 norm of each picture's change, (N, 1, …)."""
    return change.flatten(1).norm(dim=1).view(-1, *(1,) * (change.dim() - 1))


def project(at: Tensor, x: Tensor, eps: float | Tensor, norm: NormOrder, bounds: Bounds = (0.0, 1.0)) -> Tensor:
    """The nearest allowed picture: within eps of x, and inside the bounds. at, x (N, …) -> (N, …); eps a number, or (N,).

    Both limits hold at once: x lies in the box, so cutting at the box never leaves the ball.

    Example:
        >>> x = torch.tensor([[0.5, 0.95]])
        >>> project(x + 0.3, x, 0.1, "inf")
        tensor([[0.6000, 1.0000]])
    """
    change, eps = at - x, per_image(eps, x)
    if norm_order(norm) == 2:
        length = l2_norms(change)
        change = torch.where(length > eps, change * (eps / length), change)
    else:
        change = change.clamp(-eps, eps)
    return (x + change).clamp(*bounds)


def normalized_gradient(gradient: Tensor, norm: NormOrder) -> Tensor:
    """The step of length one that climbs fastest: sign(g) where every pixel counts alone, g / ‖g‖ where they count together.

    Where the gradient is zero there is no such step, and nothing moves.

    Example:
        >>> normalized_gradient(torch.tensor([[3., -4.]]), 2), normalized_gradient(torch.tensor([[3., -4.]]), "inf")
        (tensor([[ 0.6000, -0.8000]]), tensor([[ 1., -1.]]))
    """
    if norm_order(norm) == 2:
        length = l2_norms(gradient)
        return torch.where(length > 0, gradient / length.clamp(min=torch.finfo(gradient.dtype).tiny), gradient)
    return gradient.sign()


def random_start_point(x: Tensor, norm: NormOrder, generator: torch.Generator) -> Tensor:
    """A random point of the unit ball, uniform in it: (1, …), one for all pictures, so that none depends on its neighbours."""
    size = (1, *x.shape[1:])
    if norm_order(norm) == 2:
        way = torch.randn(size, generator=generator, device=generator.device)
        radius = torch.rand(1, generator=generator, device=generator.device) ** (1 / max(1, way.numel()))
        field = way / way.norm() * radius
    else:
        field = 2 * torch.rand(size, generator=generator, device=generator.device) - 1
    return field.to(x)


def random_noise(
    x: Tensor,
    *,
    eps: float | Tensor,
    norm: NormOrder = "inf",
    bounds: Bounds = (0.0, 1.0),
    generator: torch.Generator | None = None,
) -> Tensor:
    """The control of every attack: a change as large as the budget, in a direction that knows nothing. x (N, …) -> like x.

    ``norm="inf"``: every pixel by +eps or −eps, as FGSM does; ``norm=2``: a Gaussian direction of length eps. Then cut at the
    bounds. ``eps``: a number, or one for each picture, (N,), say the norms that an attack needed. Each picture has its own noise.

    Raises:
        ValueError: x leaves the bounds; another norm.

    Example:
        >>> x = torch.full((2, 3), 0.5)
        >>> (random_noise(x, eps=0.1) - x).abs().round(decimals=4).unique()
        tensor([0.1000])
    """
    x, generator = check_bounds(x, bounds), generator or torch.Generator().manual_seed(0)
    if not len(x):
        return x
    # One after the other: what a picture gets does not hang on how many follow.
    noise = torch.stack([torch.randn(x.shape[1:], generator=generator, device=generator.device) for _ in x]).to(x)
    return project(x + per_image(eps, x) * normalized_gradient(noise, norm), x, eps, norm, bounds)
