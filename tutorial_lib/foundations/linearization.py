"""Radius of validity of the first-order (linear) approximation of a loss."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tutorial_lib._batching import batch_slices, sample_norms
from tutorial_lib._validation import check_shapes, convert_arguments
from tutorial_lib.gradients import ObjectiveLike, as_objective, input_gradient, model_outputs
from tutorial_lib.gradients._context import eval_mode


@convert_arguments
def linearization_radius(
    losses: Tensor, slope: Tensor, start: Tensor, distances: Tensor, tolerance: float = 0.1
) -> Tensor:
    """Return the distance up to which the linear prediction of a loss change is accurate.

    The first t with |st − ΔJ(t)| > τ |ΔJ(t)|, where ΔJ(t) = J(t) − J(0) is the change along a line, s = dJ/dt its slope
    at 0 and τ the tolerance. For a parabola ΔJ = st + ½qt² the radius is 2τ/(1 ± τ) · |s/q|, with the plus if s and q
    have opposite signs.

    Args:
        losses: J(t) (N, T), floats.
        slope: s (N,).
        start: J(0) (N,).
        distances: t (T,), positive and increasing.
        tolerance: τ in (0, 1), the largest accepted error as a share of the actual change.

    Returns:
        Radii (N,), ≥ 0, in the unit of the distances, interpolated linearly between them. Infinite if the prediction is
        accurate at all distances; 0 if the slope is 0 and the loss changes.

    Raises:
        ValueError: distances that are not positive and increasing, losses of another length, or a tolerance outside
            (0, 1).

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
        raise ValueError("distances (T,) must be positive and increasing; sort them, and omit 0 and repeated values")
    if not 0 < tolerance < 1:
        raise ValueError(f"the tolerance is a share between 0 and 1, not {tolerance}")
    predicted, change = slope[:, None] * distances, losses - start[:, None]
    # In units of the prediction the excess error is -τ at 0, and it is bounded where the change passes through 0.
    excess = ((predicted - change).abs() - tolerance * change.abs()) / predicted.abs().clamp(
        min=torch.finfo(losses.dtype).tiny
    )
    # A loss that has overflowed is never predicted accurately, and neither is one that is NaN.
    excess = torch.where(change.isinf(), torch.inf, excess)
    inaccurate = ~(excess <= 0)
    first = inaccurate.int().argmax(1, keepdim=True)
    before = torch.cat([torch.full_like(excess[:, :1], -tolerance), excess], 1).gather(1, first)[:, 0]
    after, near, far = excess.gather(1, first)[:, 0], grid[first[:, 0]], grid[first[:, 0] + 1]
    radius = near - (far - near) * before / (after - before)
    return torch.where((slope == 0) & ~after.isnan(), 0.0, radius).where(inaccurate.any(1), torch.inf)


@convert_arguments
def input_linearization_radius(
    model: nn.Module,
    x: Tensor,
    objective: ObjectiveLike = None,
    *,
    distances: Tensor,
    tolerance: float = 0.1,
    batch_size: int = 512,
) -> Tensor:
    """Return the radius of the linear approximation when the *input* moves downhill.

    Each input moves along −g/‖g‖ with g = ∂J/∂x; the radius is the distance up to which the linear prediction of the
    change of J is accurate, see :func:`linearization_radius`.

    Args:
        model: maps x to outputs with one row per sample; it is left as it was and runs in evaluation mode.
        x: samples (N, …), floats.
        objective: what is differentiated, see :data:`~tutorial_lib.gradients.objectives.ObjectiveLike`; None is the
            logit of the class that is predicted for x, and this class is kept along the whole line.
        distances: Euclidean distances at which the loss is evaluated (T,), in the units of x, positive and increasing.
        tolerance: largest accepted error, as a share of the actual change, in (0, 1).
        batch_size: samples per pass; it bounds the memory and does not change the result.

    Returns:
        Radii (N,), ≥ 0, in the units of x; infinite if the prediction is accurate at all distances.

    Raises:
        ValueError: x is not float, the outputs are not finite, the objective does not fit, the distances are not
            positive and increasing, or the tolerance is outside (0, 1).

    Example:
        >>> t = torch.linspace(0.01, 1, 100)
        >>> input_linearization_radius(nn.Linear(2, 3), torch.ones(1, 2), 1, distances=t)  # a linear model
        tensor([inf])
    """
    check_shapes(distances=(distances, "floats T"))
    with eval_mode(model), torch.no_grad():
        outputs = model_outputs(model, x, batch_size=batch_size)
        resolved = as_objective(objective, x).resolve(outputs)
        g = input_gradient(model, x, resolved, batch_size=batch_size)
        norms = sample_norms(g)
        norm, downhill = norms.flatten(), -g / torch.where(norms == 0, 1, norms)
        steps, batches = distances.to(x), batch_slices(len(x), batch_size)
        losses = [
            torch.cat([resolved.select(rows)(model(x[rows] + t * downhill[rows])) for rows in batches]) for t in steps
        ]
        return linearization_radius(torch.stack(losses, 1), -norm, resolved(outputs), steps, tolerance)
