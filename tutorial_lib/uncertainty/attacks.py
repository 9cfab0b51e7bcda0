"""Adversarial attacks that follow the input gradient within a perturbation budget: FGSM, BIM and PGD."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tutorial_lib._batching import broadcast_per_sample
from tutorial_lib._validation import check_choice
from tutorial_lib.gradients import (
    Objective,
    cross_entropy,
    fix_predicted_class,
    input_gradient,
    log_prob,
    model_outputs,
    objective_values,
    outputs_and_input_gradient,
)
from tutorial_lib.gradients.objectives import ObjectiveLike
from tutorial_lib.runtime import default_generator
from tutorial_lib.uncertainty.attack_success import is_adversarial, resolve_labels
from tutorial_lib.uncertainty.perturbations import (
    Bounds,
    NormOrder,
    check_bounds,
    norm_order,
    normalized_gradient,
    project,
    random_start_point,
)


def fgsm(
    model: nn.Module,
    x: Tensor,
    y: Tensor | int | None = None,
    *,
    eps: float,
    norm: NormOrder = "inf",
    objective: ObjectiveLike = None,
    targeted: bool = False,
    bounds: Bounds = (0.0, 1.0),
    batch_size: int = 64,
) -> Tensor:
    """Return adversarial images of the fast gradient sign method (FGSM), one step of length ε.

    x′ = clip(x + ε sign(g)) for ``norm="inf"`` and x′ = clip(x + ε g/‖g‖₂) for ``norm=2``, where g = ∂J/∂x and clip
    restricts the pixels to ``bounds``.

    Args:
        model: classifier, images (N, …) to logits (N, C); it is left as it was.
        x: images (N, …), floats within ``bounds``.
        y: integer labels (N,), one class for all images, or None for the classes predicted at x.
        eps: budget ε ≥ 0, in the unit of the pixels.
        norm: "inf" limits the change of each pixel to ε, 2 limits the L2 norm of the change of the image to ε.
        objective: J, what is maximized; None is the cross-entropy against ``y``, or log p_y if ``targeted``. An int or
            integer labels (N,) stand for the logit of that class.
        targeted: whether y is the class that the attack aims at, not the one it moves away from.
        bounds: smallest and largest valid pixel value.
        batch_size: images per pass; it bounds the memory and does not change the result.

    Returns:
        Adversarial images of the shape, dtype and device of x.

    Raises:
        ValueError: x is not float, contains NaN or leaves the bounds; an unknown norm; eps < 0; labels or an objective
            that do not fit; a targeted attack without ``y``; outputs that are not finite.

    References:
        Goodfellow, Shlens, Szegedy, ICLR 2015, arXiv:1412.6572.

    Example:
        >>> model = nn.Linear(2, 2, bias=False)
        >>> _ = model.weight.data.copy_(torch.tensor([[1., -1.], [-1., 1.]]))
        >>> fgsm(model, torch.tensor([[0.6, 0.5]]), 0, eps=0.25)
        tensor([[0.3500, 0.7500]])
    """
    return bim(
        model,
        x,
        y,
        eps=eps,
        alpha=eps,
        n_steps=1,
        norm=norm,
        objective=objective,
        targeted=targeted,
        bounds=bounds,
        batch_size=batch_size,
    )


def bim(
    model: nn.Module,
    x: Tensor,
    y: Tensor | int | None = None,
    *,
    eps: float,
    alpha: float | None = None,
    n_steps: int = 10,
    norm: NormOrder = "inf",
    objective: ObjectiveLike = None,
    targeted: bool = False,
    return_point: str = "last",
    bounds: Bounds = (0.0, 1.0),
    batch_size: int = 64,
) -> Tensor:
    """Return adversarial images of the basic iterative method (BIM).

    Several small steps along the gradient:     x′ ← Π(x′ + α sign(g)) for ``norm="inf"`` and x′ ← Π(x′ + α g/‖g‖₂) for
    ``norm=2``, where g = ∂J/∂x′. The first point is x, and Π projects each point back onto the ε-ball around x and into
    ``bounds``. One step with α = ε is :func:`fgsm`.

    Args:
        model: classifier, images (N, …) to logits (N, C); it is left as it was.
        x: images (N, …), floats within ``bounds``.
        y: integer labels (N,), one class for all images, or None for the classes predicted at x.
        eps: radius ε ≥ 0 of the ball, in the unit of the pixels.
        alpha: step size α; None is 2.5 ε / n_steps, with which the edge of the ball can be reached.
        n_steps: number of gradient steps, ≥ 1.
        norm: "inf" limits the change of each pixel to ε, 2 limits the L2 norm of the change of the image to ε.
        objective: J, what is maximized; None is the cross-entropy against ``y``, or log p_y if ``targeted``. An int or
            integer labels (N,) stand for the logit of that class.
        targeted: whether y is the class that the attack aims at, not the one it moves away from.
        return_point: "last" returns the point after all steps, as published; "best" the point with the largest J;
            "first" the first successful point of each image, or the last point if there is none. With "first", an image
            takes no further steps once its attack has succeeded.
        bounds: smallest and largest valid pixel value.
        batch_size: images per pass; it bounds the memory and does not change the result.

    Returns:
        Adversarial images of the shape, dtype and device of x.

    Raises:
        ValueError: x is not float, contains NaN or leaves the bounds; an unknown norm or return point; eps < 0 or
            n_steps < 1; labels or an objective that do not fit; a targeted attack without ``y``; outputs that are not
            finite.

    References:
        Kurakin, Goodfellow, Bengio, 2016, arXiv:1607.02533.

    Example:
        >>> x = torch.rand(4, 2)
        >>> (bim(nn.Linear(2, 3), x, eps=0.1) - x).abs().max() < 0.1 + 1e-6
        tensor(True)
    """
    x, y, J = _prepare_attack(model, x, y, objective, targeted, bounds, batch_size)
    alpha = _resolve_step_size(eps, alpha, n_steps)
    return _iterate_attack(model, x, x, y, J, eps, alpha, n_steps, norm, targeted, return_point, bounds, batch_size)


def pgd(
    model: nn.Module,
    x: Tensor,
    y: Tensor | int | None = None,
    *,
    eps: float,
    alpha: float | None = None,
    n_steps: int = 10,
    norm: NormOrder = "inf",
    objective: ObjectiveLike = None,
    targeted: bool = False,
    return_point: str = "last",
    random_start: bool = True,
    restarts: int = 1,
    bounds: Bounds = (0.0, 1.0),
    batch_size: int = 64,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return adversarial images of projected gradient descent (PGD).

    Small steps along the gradient from a random point: x′ ← Π(x′ + α sign(g)) for ``norm="inf"`` and x′ ← Π(x′ + α
    g/‖g‖₂) for ``norm=2``, where g = ∂J/∂x′. The first point is uniform in the ε-ball around x, and Π projects each
    point back onto this ball and into ``bounds``. All images start with the same offset from their original, so that
    the result for an image depends on the generator, but neither on the other images nor on the batch size.

    Args:
        model: classifier, images (N, …) to logits (N, C); it is left as it was.
        x: images (N, …), floats within ``bounds``.
        y: integer labels (N,), one class for all images, or None for the classes predicted at x.
        eps: radius ε ≥ 0 of the ball, in the unit of the pixels.
        alpha: step size α; None is 2.5 ε / n_steps, with which the edge of the ball can be reached.
        n_steps: number of gradient steps, ≥ 1.
        norm: "inf" limits the change of each pixel to ε, 2 limits the L2 norm of the change of the image to ε.
        objective: J, what is maximized; None is the cross-entropy against ``y``, or log p_y if ``targeted``. An int or
            integer labels (N,) stand for the logit of that class.
        targeted: whether y is the class that the attack aims at, not the one it moves away from.
        return_point: "last" returns the point after all steps, as published; "best" the point with the largest J;
            "first" the first successful point of each image, or the last point if there is none. With "first", an image
            takes no further steps once its attack has succeeded.
        random_start: whether to start at a random point of the ball; False starts at x, which is :func:`bim`.
        restarts: number of runs from different random points. For each image a successful run is preferred to an
            unsuccessful one, and otherwise the run with the larger J.
        bounds: smallest and largest valid pixel value.
        batch_size: images per pass; it bounds the memory and does not change the result.
        generator: source of the random points; None is a new one with seed 0.

    Returns:
        Adversarial images of the shape, dtype and device of x.

    Raises:
        ValueError: x is not float, contains NaN or leaves the bounds; an unknown norm or return point; eps < 0,
            n_steps < 1 or restarts < 1; several restarts without a random start; labels or an objective that do not
            fit; a targeted attack without ``y``; outputs that are not finite.

    References:
        Madry et al., ICLR 2018, arXiv:1706.06083.

    Example:
        >>> x = torch.rand(4, 2)
        >>> (pgd(nn.Linear(2, 3), x, eps=0.5, norm=2) - x).norm(dim=1).max() < 0.5 + 1e-6
        tensor(True)
    """
    if restarts < 1 or (restarts > 1 and not random_start):
        raise ValueError(
            f"restarts must be at least 1, and more than one needs random_start=True, not restarts={restarts}"
        )
    x, y, J = _prepare_attack(model, x, y, objective, targeted, bounds, batch_size)
    alpha = _resolve_step_size(eps, alpha, n_steps)
    generator = default_generator(generator)
    for restart in range(restarts):
        start = project(x + eps * random_start_point(x, norm, generator), x, eps, norm, bounds) if random_start else x
        adversarial = _iterate_attack(
            model, x, start, y, J, eps, alpha, n_steps, norm, targeted, return_point, bounds, batch_size
        )
        if restarts == 1:
            return adversarial
        logits = model_outputs(model, adversarial, batch_size=batch_size)
        success, values = is_adversarial(logits, y, targeted), J(logits)
        if restart == 0:
            best, best_success, best_values = adversarial, success, values
            continue
        better = (success & ~best_success) | ((success == best_success) & (values > best_values))
        best = torch.where(broadcast_per_sample(better, x), adversarial, best)
        best_success, best_values = best_success | success, torch.where(better, values, best_values)
    return best


def _resolve_step_size(eps: float, alpha: float | None, n_steps: int) -> float:
    """The step size, 2.5 ε / n_steps by default, after checking the budget and the number of steps."""
    if n_steps < 1 or eps < 0:
        raise ValueError(f"an attack needs at least one step and eps ≥ 0, not n_steps={n_steps}, eps={eps}")
    return 2.5 * eps / n_steps if alpha is None else alpha


def _prepare_attack(
    model: nn.Module,
    x: Tensor,
    y: Tensor | int | None,
    objective: ObjectiveLike,
    targeted: bool,
    bounds: Bounds,
    batch_size: int,
) -> tuple[Tensor, Tensor, Objective]:
    """The checked images, their labels (N,) and the objective to maximize, all fixed at the original images."""
    if targeted and y is None:
        raise ValueError("a targeted attack needs y, the class that it aims at")
    x = check_bounds(x, bounds)
    y = resolve_labels(model, x, y, batch_size)
    if objective is None:
        return x, y, log_prob(y) if targeted else cross_entropy(y)
    return x, y, fix_predicted_class(model, x, objective, batch_size=batch_size)


def _iterate_attack(
    model: nn.Module,
    x: Tensor,
    adversarial: Tensor,
    y: Tensor,
    J: Objective,
    eps: float,
    alpha: float,
    n_steps: int,
    norm: NormOrder,
    targeted: bool,
    return_point: str,
    bounds: Bounds,
    batch_size: int,
) -> Tensor:
    """Maximize J by projected steps that start at ``adversarial``; the points that ``return_point`` selects."""
    check_choice(return_point, ["last", "best", "first"], "return_point")
    norm_order(norm)

    def step(adversarial: Tensor, x: Tensor, gradient: Tensor) -> Tensor:
        return project(adversarial + alpha * normalized_gradient(gradient, norm), x, eps, norm, bounds)

    if return_point == "last":
        for _ in range(n_steps):
            adversarial = step(adversarial, x, input_gradient(model, adversarial, J, batch_size=batch_size))
        return adversarial
    if return_point == "best":
        best, best_values = adversarial, None
        for _ in range(n_steps):
            logits, gradient = outputs_and_input_gradient(model, adversarial, J, batch_size=batch_size)
            best, best_values = _keep_best(best, best_values, adversarial, J(logits))
            adversarial = step(adversarial, x, gradient)
        return _keep_best(
            best, best_values, adversarial, objective_values(model, adversarial, J, batch_size=batch_size)
        )[0]
    adversarial, active = adversarial.clone(), torch.arange(len(x), device=x.device)
    for _ in range(n_steps):
        # A successful image stops here; the others continue in a smaller batch.
        logits, gradient = outputs_and_input_gradient(
            model, adversarial[active], J.select(active), batch_size=batch_size
        )
        unsuccessful = ~is_adversarial(logits, y[active], targeted)
        active, gradient = active[unsuccessful], gradient[unsuccessful]
        if not len(active):
            break
        adversarial[active] = step(adversarial[active], x[active], gradient)
    return adversarial


def _keep_best(best: Tensor, best_values: Tensor | None, candidates: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """For each image, the point with the larger value of the objective, and this value."""
    if best_values is None:
        return candidates, values
    better = values > best_values
    return (
        torch.where(broadcast_per_sample(better, candidates), candidates, best),
        torch.where(better, values, best_values),
    )
