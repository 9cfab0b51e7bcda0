"""How far does the straight line hold? A gradient promises a change in proportion to the step; curves and kinks break it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call

from tutorial_lib._batching import batch_slices
from tutorial_lib._validation import check_shapes
from tutorial_lib.gradients import as_objective, input_gradient, model_outputs, per_sample_gradients
from tutorial_lib.gradients._context import eval_mode


def linearization_radius(
    losses: Tensor, slope: Tensor, start: Tensor, distances: Tensor, tolerance: float = 0.1
) -> Tensor:
    """How far along a line the predicted *change* of a loss is right: the first t with |st − ΔJ(t)| > tolerance · |ΔJ(t)|.

    losses J(t) (N, T), slope s = dJ/dt at 0 (N,), start J(0) (N,), distances t (T,) -> (N,) ≥ 0, straight between the distances
    looked at; infinite where the line holds at all of them. ΔJ(t) = J(t) − J(0). For ΔJ = st + ½qt² it is 2τ/(1 ± τ) · |s/q|,
    with the plus where the curve bends back towards 0. It is 0 where the slope is 0 and the loss moves.

    Raises:
        ValueError: distances that do not increase from above 0, losses of another length, or a tolerance not in (0, 1).

    Example:
        >>> t = torch.linspace(0.01, 1, 100)
        >>> linearization_radius((t - t**2)[None], torch.ones(1), torch.zeros(1), t)
        tensor([0.0909])
    """
    check_shapes(
        losses=(losses, "floats N T"),
        slope=(slope, "floats N"),
        start=(start, "floats N"),
        distances=(distances, "floats T"),
    )
    grid = torch.cat([distances[:1] * 0, distances])
    if not (grid.diff() > 0).all():
        found = f"{tuple(distances.shape)} and {tuple(losses.shape)}"
        raise ValueError(f"increasing distances (T,) above 0 and losses (N, T) expected, not {found}")
    if not 0 < tolerance < 1:
        raise ValueError(f"a tolerance is a share between 0 and 1, not {tolerance}")
    predicted, change = slope[:, None] * distances, losses - start[:, None]
    # In units of the prediction the excess is -τ at 0, and bounded where the change passes through 0.
    excess = ((predicted - change).abs() - tolerance * change.abs()) / predicted.abs().clamp(
        min=torch.finfo(losses.dtype).tiny
    )
    # A loss that has left the range of numbers is off by any measure; what is no number is not called right.
    excess = torch.where(change.isinf(), torch.inf, excess)
    over = ~(excess <= 0)
    first = over.int().argmax(1, keepdim=True)
    before = torch.cat([torch.full_like(excess[:, :1], -tolerance), excess], 1).gather(1, first)[:, 0]
    after, near, far = excess.gather(1, first)[:, 0], grid[first[:, 0]], grid[first[:, 0] + 1]
    radius = near - (far - near) * before / (after - before)
    return torch.where((slope == 0) & ~after.isnan(), 0.0, radius).where(over.any(1), torch.inf)


def input_linearization_radius(
    model: nn.Module, x: Tensor, objective=None, *, distances: Tensor, tolerance: float = 0.1, batch_size: int = 512
) -> Tensor:
    """How far the straight line holds when the *picture* steps down: t along −g/‖g‖ with g = ∂J/∂x, x (N, …) -> (N,).

    Distances are Euclidean, in the units of x (:func:`validity_radius`). "The class predicted" is that of x, all along the line.

    Raises:
        ValueError: as :func:`tutorial_lib.gradients.input_gradient` and :func:`validity_radius`.

    Example:
        >>> t = torch.linspace(0.01, 1, 100)
        >>> input_linearization_radius(nn.Linear(2, 3), torch.ones(1, 2), 1, distances=t)  # a straight line holds for ever
        tensor([inf])
    """
    check_shapes(distances=(distances, "floats T"))
    with eval_mode(model), torch.no_grad():
        said = model_outputs(model, x, batch_size=batch_size)
        objective = as_objective(objective, x).resolve(said)
        g = input_gradient(model, x, objective, batch_size=batch_size)
        size = g.flatten(1).norm(dim=1)
        down = -g / size.reshape(-1, *[1] * (x.dim() - 1)).clamp(min=torch.finfo(g.dtype).tiny)
        steps, parts = distances.to(x), batch_slices(len(x), batch_size)
        losses = [torch.cat([objective.select(part)(model(x[part] + t * down[part])) for part in parts]) for t in steps]
        return linearization_radius(torch.stack(losses, 1), -size, objective(said), steps, tolerance)


def weight_linearization_radius(
    model: nn.Module,
    x: Tensor,
    objective=None,
    *,
    distances: Tensor,
    tolerance: float = 0.1,
    layers=None,
    batch_size: int = 16,
) -> Tensor:
    """The same when the *network* steps: every sample's own step along −g/‖g‖ with g = ∂J/∂θ. x (N, …) -> (N,).

    Distances are Euclidean, in the units of θ; ``layers`` narrows the step to some of them. The model itself is never changed.
    ``batch_size``: how many distances are tried together for one sample, each with a network of its own.

    Raises:
        ValueError: as :func:`tutorial_lib.gradients.per_sample_gradients` and :func:`validity_radius`.

    Example:
        >>> t = torch.linspace(0.01, 1, 100)
        >>> weight_linearization_radius(nn.Linear(2, 3), torch.ones(1, 2), 1, distances=t)
        tensor([inf])
    """
    check_shapes(distances=(distances, "floats T"))
    objective, parts = as_objective(objective, x), batch_slices(len(distances), batch_size)
    with eval_mode(model), torch.no_grad():
        steps, radii = distances.to(x), []
        parameters = {name: p.detach() for name, p in model.named_parameters()}
        for row in x.split(1):
            said = model_outputs(model, row)
            goal = objective.select(slice(len(radii), len(radii) + 1)).resolve(said)
            g = per_sample_gradients(model, row, goal, layers=layers)
            size = torch.stack([v.norm() for v in g.values()]).norm()
            down = {name: -v[0] / size.clamp(min=torch.finfo(v.dtype).tiny) for name, v in g.items()}

            def loss(t, row=row, down=down, goal=goal):
                return goal(
                    functional_call(model, {name: parameters[name] + t * v for name, v in down.items()}, (row,))
                )[0]

            losses = torch.cat([torch.vmap(loss)(steps[part]) for part in parts])
            radii.append(linearization_radius(losses[None], -size[None], goal(said), steps, tolerance))
        return torch.cat(radii)
