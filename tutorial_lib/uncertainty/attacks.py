"""Adversarial attacks that follow the input gradient within a perturbation budget: FGSM, BIM and PGD."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tutorial_lib._tensor_ops import log_odds
from tutorial_lib._validation import check_choice, check_counts, check_nonnegative, convert_arguments
from tutorial_lib.gradients import Objective, outputs_and_input_gradient
from tutorial_lib.runtime import default_generator
from tutorial_lib.uncertainty.attack_success import resolve_labels
from tutorial_lib.uncertainty.perturbations import (
    Bounds,
    NormOrder,
    check_bounds,
    normalized_gradient,
    project,
    random_start_point,
)


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
    return bim(model, x, y, eps=eps, alpha=eps, n_steps=1, norm=norm, bounds=bounds, batch_size=batch_size)


@convert_arguments
def bim(
    model: nn.Module,
    x: Tensor,
    y: Tensor | int | None = None,
    *,
    eps: float,
    alpha: float | None = None,
    n_steps: int = 10,
    norm: NormOrder = "inf",
    return_point: str = "last",
    bounds: Bounds = (0.0, 1.0),
    batch_size: int = 64,
) -> Tensor:
    """Return adversarial images of the basic iterative method (BIM).

    Several small steps along the gradient:     x′ ← Π(x′ + α sign(g)) for ``norm="inf"`` and x′ ← Π(x′ + α g/‖g‖₂) for
    ``norm=2``, where g = ∂J/∂x′ is the gradient of the cross-entropy loss against ``y``. The first point is x, and Π
    projects each point back onto the ε-ball around x and into ``bounds``. One step with α = ε is :func:`fgsm`.

    Args:
        model: classifier, images (N, …) to logits (N, C); it is left as it was.
        x: images (N, …), floats within ``bounds``.
        y: integer labels (N,), one class for all images, or None for the classes predicted at x.
        eps: radius ε ≥ 0 of the ball, in the unit of the pixels.
        alpha: step size α; None is 2.5 ε / n_steps, with which the edge of the ball can be reached.
        n_steps: number of gradient steps, ≥ 1.
        norm: "inf" limits the change of each pixel to ε, 2 limits the L2 norm of the change of the image to ε.
        return_point: "last" returns the point after all steps, as published; "first" the first successful point of each
            image, or the last point if there is none, so that an image takes no further steps once its attack has
            succeeded.
        bounds: smallest and largest valid pixel value.
        batch_size: images per pass; it bounds the memory and does not change the result.

    Returns:
        Adversarial images of the shape, dtype and device of x.

    Raises:
        ValueError: x is not float, contains NaN or leaves the bounds; an unknown norm or return point; eps < 0 or
            n_steps < 1; labels that do not fit; outputs that are not finite.

    References:
        Kurakin, Goodfellow, Bengio, 2016, arXiv:1607.02533.

    Example:
        >>> x = torch.rand(4, 2)
        >>> (bim(nn.Linear(2, 3), x, eps=0.1) - x).abs().max() < 0.1 + 1e-6
        tensor(True)
    """
    stop_at_success = check_choice(return_point, ["last", "first"], "return_point") == "first"
    x = check_bounds(x, bounds)
    return _iterate_attack(model, x, x, y, eps, alpha, n_steps, norm, bounds, batch_size, stop_at_success)


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
        random_start: whether to start at a random point of the ball; False starts at x, which is :func:`bim`.
        bounds: smallest and largest valid pixel value.
        batch_size: images per pass; it bounds the memory and does not change the result.
        generator: source of the random points; None is a new one with seed 0.

    Returns:
        Adversarial images of the shape, dtype and device of x.

    Raises:
        ValueError: x is not float, contains NaN or leaves the bounds; an unknown norm; eps < 0 or n_steps < 1;
            labels that do not fit; outputs that are not finite.

    References:
        Madry et al., ICLR 2018, arXiv:1706.06083.

    Example:
        >>> x = torch.rand(4, 2)
        >>> (pgd(nn.Linear(2, 3), x, eps=0.5, norm=2) - x).norm(dim=1).max() < 0.5 + 1e-6
        tensor(True)
    """
    x = check_bounds(x, bounds)
    offset = eps * random_start_point(x, norm, default_generator(generator)) if random_start else 0
    start = project(x + offset, x, eps, norm, bounds)
    return _iterate_attack(model, x, start, y, eps, alpha, n_steps, norm, bounds, batch_size)


def _iterate_attack(
    model: nn.Module,
    x: Tensor,
    start: Tensor,
    y: Tensor | int | None,
    eps: float,
    alpha: float | None,
    n_steps: int,
    norm: NormOrder,
    bounds: Bounds,
    batch_size: int,
    stop_at_success: bool = False,
) -> Tensor:
    """The points after projected gradient steps from ``start``; each image can stop at its first successful point."""
    check_counts(n_steps=n_steps)
    step_size = 2.5 * eps / n_steps if alpha is None else alpha
    check_nonnegative(eps=eps, alpha=step_size)
    y = resolve_labels(model, x, y, batch_size)
    # The gradient of the cross-entropy −log p_y has the direction of the gradient of the log-odds, but underflows where
    # p_y rounds to 1.
    J = Objective(lambda z, y: -log_odds(z, y), y, classes=True)
    adversarial, active = start.clone(), torch.arange(len(x), device=x.device)
    for step in range(n_steps):
        at = adversarial[active]
        logits, gradient = outputs_and_input_gradient(
            model, at, J.select(active), batch_size=batch_size, check_independence=step == 0
        )
        if stop_at_success:
            unsuccessful = logits.argmax(1) == y[active]
            active, at, gradient = active[unsuccessful], at[unsuccessful], gradient[unsuccessful]
            if not len(active):
                break
        adversarial[active] = project(
            at + step_size * normalized_gradient(gradient, norm), x[active], eps, norm, bounds
        )
    return adversarial
