"""Engineer an adversarial picture: the gradient with respect to the picture, climbed in steps that stay within a budget."""

from __future__ import annotations

import torch
from torch import Tensor, nn

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
    objective=None,
    targeted: bool = False,
    bounds: Bounds = (0.0, 1.0),
    batch_size: int = 64,
) -> Tensor:
    """One step as large as the budget, the fast gradient sign method: x′ = clip(x + ε sign ∂J/∂x). x (N, …) -> like x.

    J is the cross-entropy against ``y``, (N,) labels, a class, or None: the class predicted. ``targeted``: towards y instead.
    ``norm="inf"``: no pixel changes by more than ``eps``; ``norm=2``: x + ε g/‖g‖. ``objective``: what is to be climbed instead.

    Raises:
        ValueError: pictures outside the bounds, another norm, eps < 0, and as :func:`tutorial_lib.gradients.input_gradient` does.

    Source: Goodfellow, Shlens, Szegedy, ICLR 2015, arXiv 1412.6572.

    Example:
        >>> model = nn.Linear(2, 2, bias=False)
        >>> _ = model.weight.data.copy_(torch.tensor([[1., -1.], [-1., 1.]]))
        >>> fgsm(model, torch.tensor([[0.6, 0.5]]), 0, eps=0.25)
        tensor([[0.3500, 0.7500]])
    """
    kind = {"norm": norm, "objective": objective, "targeted": targeted, "bounds": bounds, "batch_size": batch_size}
    return bim(model, x, y, eps=eps, alpha=eps, n_steps=1, **kind)


def bim(
    model: nn.Module,
    x: Tensor,
    y: Tensor | int | None = None,
    *,
    eps: float,
    alpha: float | None = None,
    n_steps: int = 10,
    norm: NormOrder = "inf",
    objective=None,
    targeted: bool = False,
    return_point: str = "last",
    bounds: Bounds = (0.0, 1.0),
    batch_size: int = 64,
) -> Tensor:
    """Small steps from the picture itself, the basic iterative method: x′ ← Π(x′ + α sign ∂J/∂x). x (N, …) -> like x.

    Π brings every step back into the budget around x and into the bounds. ``step`` is α; when not given, 2.5 ε / steps, so that
    the edge of the budget can be reached. ``keep``: "last", where the walk ends, as published; "best", where J was largest;
    "first", the first point that fools the network, where that picture stops and others walk on. One step of ε is :func:`fgsm`.

    Raises:
        ValueError: as :func:`fgsm` does; no steps, or an unknown ``keep``.

    Source: Kurakin, Goodfellow, Bengio, 2016, arXiv 1607.02533.

    Example:
        >>> x = torch.rand(4, 2)
        >>> (bim(nn.Linear(2, 3), x, eps=0.1) - x).abs().max() < 0.1 + 1e-6
        tensor(True)
    """
    x, y, J = prepare_attack(model, x, y, objective, targeted, bounds, batch_size)
    return iterate_attack(
        model,
        x,
        x,
        y,
        J,
        eps,
        resolve_step_size(eps, alpha, n_steps),
        n_steps,
        norm,
        targeted,
        return_point,
        bounds,
        batch_size,
    )


def pgd(
    model: nn.Module,
    x: Tensor,
    y: Tensor | int | None = None,
    *,
    eps: float,
    alpha: float | None = None,
    n_steps: int = 10,
    norm: NormOrder = "inf",
    objective=None,
    targeted: bool = False,
    return_point: str = "last",
    random_start: bool = True,
    restarts: int = 1,
    bounds: Bounds = (0.0, 1.0),
    batch_size: int = 64,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Projected gradient descent, the same walk from a random point of the budget: x (N, …) -> like x.

    ``restarts`` walks from other points; each picture keeps the walk that fools the network, among those the one of largest J.
    Every picture starts at the same random point of its own ball, so that the result depends neither on its neighbours nor on
    the chunk, only on the ``generator``. ``random_start=False`` is :func:`bim`; everything else is as there.

    Raises:
        ValueError: as :func:`bim` does; no walk at all, or restarts from one and the same point.

    Source: Madry et al., ICLR 2018, arXiv 1706.06083.

    Example:
        >>> x = torch.rand(4, 2)
        >>> (pgd(nn.Linear(2, 3), x, eps=0.5, norm=2) - x).norm(dim=1).max() < 0.5 + 1e-6
        tensor(True)
    """
    if restarts < 1 or (restarts > 1 and not random_start):
        raise ValueError(
            f"restarts must be at least 1, and more than one needs random_start=True, not restarts={restarts}"
        )
    x, y, J = prepare_attack(model, x, y, objective, targeted, bounds, batch_size)
    alpha = resolve_step_size(eps, alpha, n_steps)
    generator = generator or torch.Generator().manual_seed(0)
    best = fools = height = None
    for _ in range(restarts):
        start = project(x + eps * random_start_point(x, norm, generator), x, eps, norm, bounds) if random_start else x
        found = iterate_attack(
            model, x, start, y, J, eps, alpha, n_steps, norm, targeted, return_point, bounds, batch_size
        )
        if restarts == 1:
            return found
        said = model_outputs(model, found, batch_size=batch_size)
        fooled, J_found = is_adversarial(said, y, targeted), J(said)
        if best is None:
            best, fools, height = found, fooled, J_found
            continue
        better = (fooled & ~fools) | ((fooled == fools) & (J_found > height))
        best = torch.where(better.view(-1, *(1,) * (x.dim() - 1)), found, best)
        fools, height = fools | fooled, torch.where(better, J_found, height)
    return best


def resolve_step_size(eps: float, alpha: float | None, n_steps: int) -> float:
    """How long a step is, with budget and steps checked."""
    if n_steps < 1 or eps < 0:
        raise ValueError(f"an attack needs at least one step and a budget eps ≥ 0, not steps={n_steps}, eps={eps}")
    return 2.5 * eps / n_steps if alpha is None else alpha


def prepare_attack(
    model: nn.Module, x: Tensor, y: Tensor | int | None, objective, targeted: bool, bounds: Bounds, batch_size: int
) -> tuple[Tensor, Tensor, Objective]:
    """The pictures, their labels (N,), and what is to be climbed, all fixed at the pictures as they are."""
    if targeted and y is None:
        raise ValueError("a targeted attack needs y, the class to arrive at")
    x = check_bounds(x, bounds)
    y = resolve_labels(model, x, y, batch_size)
    if objective is None:
        return x, y, log_prob(y) if targeted else cross_entropy(y)
    return x, y, fix_predicted_class(model, x, objective, batch_size=batch_size)


def iterate_attack(
    model: nn.Module,
    x: Tensor,
    at: Tensor,
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
    """Climb J from ``at``, never further than eps from x, and return what is to be kept."""
    check_choice(return_point, ["last", "best", "first"], "point to keep")
    norm_order(norm)

    def onward(at: Tensor, x: Tensor, gradient: Tensor) -> Tensor:
        return project(at + alpha * normalized_gradient(gradient, norm), x, eps, norm, bounds)

    if return_point == "last":
        for _ in range(n_steps):
            at = onward(at, x, input_gradient(model, at, J, batch_size=batch_size))
        return at
    if return_point == "best":
        best, height = at, None
        for _ in range(n_steps):
            said, gradient = outputs_and_input_gradient(model, at, J, batch_size=batch_size)
            best, height = keep_best(best, height, at, J(said))
            at = onward(at, x, gradient)
        return keep_best(best, height, at, objective_values(model, at, J, batch_size=batch_size))[0]
    kept, open_ = at.clone(), torch.arange(len(x), device=x.device)
    for _ in range(n_steps):
        # Whoever is fooled stops here; the rest walk on in a smaller batch.
        said, gradient = outputs_and_input_gradient(model, kept[open_], J.select(open_), batch_size=batch_size)
        still = ~is_adversarial(said, y[open_], targeted)
        open_, gradient = open_[still], gradient[still]
        if not len(open_):
            break
        kept[open_] = onward(kept[open_], x[open_], gradient)
    return kept


def keep_best(best: Tensor, height: Tensor | None, at: Tensor, J: Tensor) -> tuple[Tensor, Tensor]:
    """Of each picture, the point where J is larger, and how large it is there."""
    if height is None:
        return at, J
    up = J > height
    return torch.where(up.view(-1, *(1,) * (at.dim() - 1)), at, best), torch.where(up, J, height)
