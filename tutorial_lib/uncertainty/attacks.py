"""Adversarial attacks along the input gradient within a budget, random noise of the same norm, and success rates."""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from tutorial_lib._batching import broadcast_per_sample, sample_norms
from tutorial_lib._tensor_ops import log_odds
from tutorial_lib._validation import (
    check_counts,
    check_nonnegative,
    check_range,
    check_shapes,
    convert_arguments,
    format_tensor,
    promote_to_float32,
)
from tutorial_lib.gradients import (
    Objective,
    as_objective,
    fix_predicted_class,
    logit,
    model_outputs,
    outputs_and_input_gradient,
    skip_independence_check,
)
from tutorial_lib.gradients._context import preserve_model
from tutorial_lib.runtime import default_generator, random_normal, random_uniform

NormOrder = float | str
Bounds = tuple[float, float]


@convert_arguments
def fgsm(
    model: nn.Module,
    x: Tensor,
    y: Tensor | int | None = None,
    *,
    eps: float,
    norm: NormOrder = "inf",
    bounds: Bounds = (0.0, 1.0),
    batch_size: int = 64,
) -> Tensor:
    """Return adversarial images of the fast gradient sign method (FGSM), one step of length ε.

    x′ = clip(x + ε sign(g)) for ``norm="inf"`` and x′ = clip(x + ε g/‖g‖₂) for ``norm=2``, where g = ∂J/∂x is the
    gradient of the cross-entropy loss against ``y``, and clip restricts the pixels to ``bounds``.

    Args:
        model: classifier, images (N, …) to logits (N, C); it is left as it was.
        x: images (N, …), floats within ``bounds``.
        y: integer labels (N,), one class for all images, or None for the classes predicted at x.
        eps: budget ε ≥ 0, in the unit of the pixels.
        norm: "inf" limits the change of each pixel to ε, 2 limits the L2 norm of the change of the image to ε.
        bounds: smallest and largest valid pixel value.
        batch_size: images per pass; it bounds the memory and does not change the result.

    Returns:
        Adversarial images of the shape, dtype and device of x.

    Raises:
        ValueError: x is not float, contains NaN or leaves the bounds; an unknown norm; eps < 0; labels that
            do not fit; outputs that are not finite.

    References:
        Goodfellow, Shlens, Szegedy, ICLR 2015, arXiv:1412.6572.

    Example:
        >>> model = nn.Linear(2, 2, bias=False)
        >>> _ = model.weight.data.copy_(torch.tensor([[1., -1.], [-1., 1.]]))
        >>> fgsm(model, torch.tensor([[0.6, 0.5]]), 0, eps=0.25)
        tensor([[0.3500, 0.7500]])
    """
    return pgd(
        model, x, y, eps=eps, alpha=eps, n_steps=1, norm=norm, random_start=False, bounds=bounds, batch_size=batch_size
    )


@convert_arguments
def pgd(
    model: nn.Module,
    x: Tensor,
    y: Tensor | int | None = None,
    *,
    eps: float,
    alpha: float | None = None,
    n_steps: int = 10,
    norm: NormOrder = "inf",
    random_start: bool = True,
    bounds: Bounds = (0.0, 1.0),
    batch_size: int = 64,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return adversarial images of projected gradient descent (PGD).

    Small steps along the gradient from a random point: x′ ← Π(x′ + α sign(g)) for ``norm="inf"`` and x′ ← Π(x′ + α
    g/‖g‖₂) for ``norm=2``, where g = ∂J/∂x′ is the gradient of the cross-entropy loss against ``y``. The first point is
    uniform in the ε-ball around x, and Π projects each point back onto this ball and into ``bounds``. All images start
    with the same offset from their original, so that the result for an image depends on the generator, but neither on
    the other images nor on the batch size.

    Args:
        model: classifier, images (N, …) to logits (N, C); it is left as it was.
        x: images (N, …), floats within ``bounds``.
        y: integer labels (N,), one class for all images, or None for the classes predicted at x.
        eps: radius ε ≥ 0 of the ball, in the unit of the pixels.
        alpha: step size α; None is 2.5 ε / n_steps, with which the edge of the ball can be reached.
        n_steps: number of gradient steps, ≥ 1.
        norm: "inf" limits the change of each pixel to ε, 2 limits the L2 norm of the change of the image to ε.
        random_start: whether to start at a random point of the ball; False starts at x, which is the basic iterative
            method (BIM).
        bounds: smallest and largest valid pixel value.
        batch_size: images per pass; it bounds the memory and does not change the result.
        generator: source of the random points; None is a new one with seed 0.

    Returns:
        Adversarial images of the shape, dtype and device of x.

    Raises:
        ValueError: x is not float, contains NaN or leaves the bounds; an unknown norm; eps < 0 or n_steps < 1;
            labels that do not fit; outputs that are not finite.

    References:
        Madry et al., ICLR 2018, arXiv:1706.06083; BIM: Kurakin, Goodfellow, Bengio, 2016, arXiv:1607.02533.

    Example:
        >>> x = torch.rand(4, 2)
        >>> (pgd(nn.Linear(2, 3), x, eps=0.5, norm=2) - x).norm(dim=1).max() < 0.5 + 1e-6
        tensor(True)
    """
    check_counts(n_steps=n_steps)
    step_size = 2.5 * eps / n_steps if alpha is None else alpha
    check_nonnegative(eps=eps, alpha=step_size)
    x = check_bounds(x, bounds)
    # The gradient of the cross-entropy −log p_y has the direction of the gradient of the log-odds, but underflows where
    # p_y rounds to 1.
    J = Objective(lambda z, y: -log_odds(z, y), *logit(y).bound, classes=True)
    offset = eps * random_start_point(x, norm, default_generator(generator)) if random_start else 0
    with preserve_model(model, x):  # the weights are copied once, and not in each step
        J = fix_predicted_class(model, x, J, batch_size=batch_size)
        adversarial = project(x + offset, x, eps, norm, bounds)
        for step in range(n_steps):
            with skip_independence_check() if step else nullcontext():
                _, gradient = outputs_and_input_gradient(model, adversarial, J, batch_size=batch_size)
            adversarial = project(adversarial + step_size * normalized_gradient(gradient, norm), x, eps, norm, bounds)
    return adversarial


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


@convert_arguments
def attack_success(
    model: nn.Module,
    x: Tensor,
    adversarial: Tensor,
    y: Tensor | int | None = None,
    *,
    batch_size: int = 64,
) -> tuple[Tensor, Tensor]:
    """Return which images count in the success rate of an attack, and which attacks succeeded.

    An image counts if it was classified correctly before the attack, f(x) = y, because an image that was misclassified
    already is not a success of the attack. The attack on an image that counts succeeds if f(x′) ≠ y. The success
    rate is ``succeeded[counted].float().mean()``.

    Args:
        model: classifier, images (N, …) to logits (N, C); it is left as it was.
        x: original images (N, …).
        adversarial: attacked images x′, of the same shape as x.
        y: integer labels (N,), one class for all images, or None for the classes predicted at x; with None every image
            counts.
        batch_size: images per pass; it bounds the memory and does not change the result.

    Returns:
        Two masks (N,) of bools: the images that count, and those among them whose attack succeeded.

    Raises:
        ValueError: ``adversarial`` and ``x`` differ in shape, or the labels do not fit.

    Example:
        >>> model, x = nn.Flatten(), torch.tensor([[2., 1.], [1., 2.], [3., 1.]])
        >>> counted, succeeded = attack_success(model, x, x.flip(1), torch.tensor([0, 0, 0]))
        >>> counted, succeeded[counted].float().mean()
        (tensor([ True, False,  True]), tensor(1.))
    """
    if adversarial.shape != x.shape:
        raise ValueError(f"adversarial must have the shape of x, {tuple(x.shape)}, not {tuple(adversarial.shape)}")
    y, logits = labels_and_logits(model, x, y, batch_size)
    counted = logits.argmax(1) == y
    return counted, counted & (model_outputs(model, adversarial, batch_size=batch_size).argmax(1) != y)


def labels_and_logits(
    model: nn.Module, x: Tensor, y: Tensor | int | None, batch_size: int = 64
) -> tuple[Tensor, Tensor]:
    """Return the labels that an argument ``y`` stands for, and the logits of the images.

    Args:
        model: classifier, images (N, …) to logits (N, C); it is left as it was.
        x: images (N, …).
        y: integer labels (N,), one class for all images, or None for the classes predicted at x.
        batch_size: images per pass; it bounds the memory and does not change the result.

    Returns:
        Labels (N,), int64, and logits (N, C), both on the device of x.

    Raises:
        ValueError: labels that are not whole numbers (N,) in 0…C − 1, or fewer than two classes.

    Example:
        >>> labels_and_logits(nn.Flatten(), torch.tensor([[2., 1.], [1., 2.]]), None)[0]
        tensor([0, 1])
    """
    logits = model_outputs(model, x, batch_size=batch_size)
    check_shapes(logits=(logits, "logits N C"))
    (label,) = as_objective(logit(y), x).resolve(logits).bound
    return torch.as_tensor(label, device=x.device).expand(len(x)), logits


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
    low, high = torch.tensor(bounds, dtype=x.dtype, device="cpu").tolist()  # rounded as the pixels are
    check_range(
        "the images",
        x,
        low,
        high,
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
    clipping never leaves the ball, so both limits hold at once. They hold in the dtype of x: where rounding would make
    a change larger than ε, it is rounded down instead.

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
    dtype, size = promote_to_float32(x), sample_norms if norm_order(norm) == 2 else torch.abs
    exact = x.to(dtype)
    change, radius = at.to(dtype) - exact, _per_image(eps, exact)
    if norm_order(norm) == 2:
        norms = sample_norms(change)
        change = torch.where(norms > radius, change * (radius / norms), change)
    else:
        change = change.clamp(-radius, radius)
    rounded = (exact + change).to(x.dtype).clamp(*bounds)
    rounded_change = rounded.to(dtype) - exact
    # Rounding x + change may leave the ball; the next number towards x does not.
    outside = (size(rounded_change) > radius) & (rounded_change.abs() > change.abs())
    return torch.where(outside, rounded.nextafter(x), rounded)


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
