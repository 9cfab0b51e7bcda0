"""Perturbation budgets: the ball around an image that an attack stays in, and random noise of the same norm."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from tutorial_lib._batching import broadcast_per_sample, sample_norms
from tutorial_lib._validation import check_nonnegative, check_range, convert_arguments, format_tensor
from tutorial_lib.runtime import default_generator, random_normal, random_uniform

NormOrder = float | str
Bounds = tuple[float, float]


def norm_order(norm: NormOrder) -> float:
    """Return the order of the norm in which a budget is measured, 2 or infinity.

    Args:
        norm: 2, the L2 norm of the change of an image, or infinity ("inf"), the largest change of any pixel.

    Returns:
        2.0 or ``math.inf``.

    Raises:
        ValueError: the norm is neither of them.

    Example:
        >>> norm_order("inf"), norm_order(2)
        (inf, 2.0)
    """
    if str(norm) not in ("inf", "2", "2.0"):
        raise ValueError(f"norm is 'inf' (each pixel by at most eps) or 2 (the whole image by eps), not {norm!r}")
    return float(norm)


def check_bounds(x: Tensor, bounds: Bounds) -> Tensor:
    """Return the images without their graph, after checking their type and bounds.

    Args:
        x: images (N, …), floats.
        bounds: smallest and largest valid pixel value.

    Returns:
        x, detached.

    Raises:
        ValueError: x is not float, contains NaN or leaves the bounds, or the bounds are not two increasing numbers.

    Example:
        >>> check_bounds(torch.tensor([[0.2, 1.0]]), (0.0, 1.0))
        tensor([[0.2000, 1.0000]])
    """
    if not x.is_floating_point():
        raise ValueError(
            f"images must be float in [{bounds[0]}, {bounds[1]}], not {x.dtype}: divide by the largest value first"
        )
    if not -math.inf < bounds[0] < bounds[1] < math.inf:
        raise ValueError(f"bounds must be two finite numbers, the smaller one first, not {bounds}")
    check_range(
        "the images",
        x,
        *bounds,
        "pass their true bounds, keep normalization inside the model, and remove images with NaN",
    )
    return x.detach()


def _per_image(value: float | Tensor, x: Tensor) -> Any:
    """One number for all images, or one per image (N,), in a shape that can be multiplied by x."""
    # The result is Any because the annotations of torch.clamp do not accept a union of float and Tensor.
    if not isinstance(value, Tensor) or value.dim() == 0:
        return value
    if value.shape != x.shape[:1] or value.is_complex():
        raise ValueError(f"eps is one number for all images or one per image, ({len(x)},), not {format_tensor(value)}")
    return broadcast_per_sample(value.to(x), x)


def project(at: Tensor, x: Tensor, eps: float | Tensor, norm: NormOrder, bounds: Bounds = (0.0, 1.0)) -> Tensor:
    """Return the nearest points that lie within ε of x and within the bounds.

    The change is limited to the ε-ball first, and the pixels are clipped afterwards. Since x lies within the bounds,
    clipping never leaves the ball, so both limits hold at once.

    Args:
        at: the points (N, …) to project.
        x: original images (N, …) within ``bounds``.
        eps: radius ε of the ball, one number for all images or one per image (N,).
        norm: "inf" limits the change of each pixel to ε, 2 limits the L2 norm of the change of the image to ε.
        bounds: smallest and largest valid pixel value.

    Returns:
        Images (N, …) like x.

    Raises:
        ValueError: an unknown norm, or an ``eps`` of another shape.

    Example:
        >>> x = torch.tensor([[0.5, 0.95]])
        >>> project(x + 0.3, x, 0.1, "inf")
        tensor([[0.6000, 1.0000]])
    """
    change, radius = at - x, _per_image(eps, x)
    if norm_order(norm) == 2:
        norms = sample_norms(change)
        change = torch.where(norms > radius, change * (radius / norms), change)
    else:
        change = change.clamp(-radius, radius)
    return (x + change).clamp(*bounds)


def normalized_gradient(gradient: Tensor, norm: NormOrder) -> Tensor:
    """Return the direction of steepest ascent of length 1 in the given norm.

    sign(g) for ``norm="inf"``, g/‖g‖₂ of each image for ``norm=2``. A gradient of zero has no direction, and the result
    is zero.

    Args:
        gradient: gradients g (N, …).
        norm: "inf" or 2.

    Returns:
        Directions (N, …) like the gradients.

    Raises:
        ValueError: an unknown norm.

    Example:
        >>> normalized_gradient(torch.tensor([[3., -4.]]), 2), normalized_gradient(torch.tensor([[3., -4.]]), "inf")
        (tensor([[ 0.6000, -0.8000]]), tensor([[ 1., -1.]]))
    """
    if norm_order(norm) == 2:
        norms = sample_norms(gradient)
        return torch.where(norms > 0, gradient / norms, gradient)
    return gradient.sign()


def random_start_point(x: Tensor, norm: NormOrder, generator: torch.Generator) -> Tensor:
    """Return a random point of the unit ball, uniformly distributed in it.

    All images share the same point, so that the start of an image does not depend on the other images.

    Args:
        x: images (N, …), of which only the shape, dtype and device are used.
        norm: norm of the ball, "inf" or 2.
        generator: random source.

    Returns:
        Offset (1, …) of norm ≤ 1, with the dtype and device of x.

    Raises:
        ValueError: an unknown norm.

    Example:
        >>> offset = random_start_point(torch.zeros(5, 3), "inf", torch.Generator().manual_seed(0))
        >>> offset.shape, bool(offset.abs().max() <= 1)
        (torch.Size([1, 3]), True)
    """
    shape = (1, *x.shape[1:])
    if norm_order(norm) == 2:
        direction = random_normal(generator, *shape)
        radius = random_uniform(generator, 1) ** (1 / max(1, direction.numel()))
        offset = direction / direction.norm() * radius
    else:
        offset = 2 * random_uniform(generator, *shape) - 1
    return offset.to(x)


@convert_arguments
def random_noise(
    x: Tensor,
    *,
    eps: float | Tensor,
    norm: NormOrder = "inf",
    bounds: Bounds = (0.0, 1.0),
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return the images with random noise of norm ε, the control experiment for every attack.

    For ``norm="inf"`` each pixel changes by +ε or −ε, as in FGSM; for ``norm=2`` the change is a Gaussian direction of
    length ε. The result is clipped to ``bounds``. Each image has its own noise.

    Args:
        x: images (N, …), floats within ``bounds``.
        eps: norm ε of the noise, one number for all images or one per image (N,), for example the norms of the changes
            that an attack needed.
        norm: "inf" or 2.
        bounds: smallest and largest valid pixel value.
        generator: source of the noise; None is a new one with seed 0.

    Returns:
        Noisy images of the shape, dtype and device of x.

    Raises:
        ValueError: x is not float, contains NaN or leaves the bounds; an unknown norm, or an ``eps`` of another shape.

    Example:
        >>> x = torch.full((2, 3), 0.5)
        >>> (random_noise(x, eps=0.1) - x).abs().round(decimals=4).unique()
        tensor([0.1000])
    """
    x, generator, radius = check_bounds(x, bounds), default_generator(generator), _per_image(eps, x)
    if not len(x):
        return x
    for extreme in eps.detach().aminmax() if isinstance(eps, Tensor) else (eps,):
        check_nonnegative(eps=float(extreme))
    # One image after the other, so that the noise of an image does not depend on how many follow.
    noise = torch.stack([random_normal(generator, *x.shape[1:]) for _ in x]).to(x)
    return project(x + radius * normalized_gradient(noise, norm), x, eps, norm, bounds)
