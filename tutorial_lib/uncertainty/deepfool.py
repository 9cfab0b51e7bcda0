"""The nearest boundary, taken for flat: DeepFool."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tutorial_lib.gradients import model_outputs, outputs_and_class_gradients
from tutorial_lib.uncertainty.attack_success import check_labels_in_range, is_adversarial, resolve_labels
from tutorial_lib.uncertainty.perturbations import Bounds, check_bounds

# Where a boundary bends, steps to where it seems to be die out just before it: after the first they are this much longer.
BOUNDARY_OVERSTEP = 1e-4


def deepfool(
    model: nn.Module,
    x: Tensor,
    y: Tensor | int | None = None,
    *,
    n_steps: int = 50,
    n_candidates: int = 10,
    overshoot: float = 0.02,
    bounds: Bounds = (0.0, 1.0),
    batch_size: int = 64,
) -> Tensor:
    """The shortest way (L2) across the nearest boundary, as if all were flat, again and again until the answer changes.

    With f_k = z_k − z_y and w_k = ∂f_k/∂x, boundary k is |f_k| / ‖w_k‖ away. A step goes to the nearest, r = |f_k| w_k / ‖w_k‖²;
    x′ = x + (1 + overshoot) Σ r, cut at the bounds. For an affine network the first step is exact. x (N, …) -> like x.

    ``y``: (N,) labels, a class, or None, the class predicted. ``candidates``: how many other classes are looked at, the likeliest
    at x. Each picture stops when it is fooled, a wrong one at once; one that never is comes back as far as ``steps`` led.

    Raises:
        ValueError: pictures outside the bounds; no steps or candidates; and as :func:`tutorial_lib.gradients.class_jacobian` does.

    Source: Moosavi-Dezfooli, Fawzi, Frossard, CVPR 2016, arXiv 1511.04599.

    Example:
        >>> model = nn.Linear(2, 2, bias=False)
        >>> _ = model.weight.data.copy_(torch.tensor([[1., 0.], [0., 1.]]))
        >>> deepfool(model, torch.tensor([[0.6, 0.4]]), overshoot=0, n_steps=1)
        tensor([[0.5000, 0.5000]])
    """
    if n_steps < 1 or n_candidates < 1:
        raise ValueError(
            f"deepfool needs at least one step and one other class, not steps={n_steps}, candidates={n_candidates}"
        )
    x = check_bounds(x, bounds)
    y = resolve_labels(model, x, y, batch_size)
    logits = check_labels_in_range(model_outputs(model, x, batch_size=batch_size), y)
    at, way, open_ = x.clone(), torch.zeros_like(x), (~is_adversarial(logits, y)).nonzero()[:, 0]
    # The class itself first, whatever ties there are, then the others from the likeliest on.
    ranks = logits.scatter(1, y[:, None], torch.inf).topk(min(n_candidates + 1, logits.shape[1])).indices
    for turn in range(n_steps):
        if not len(open_):
            break
        for rows in open_.split(batch_size):
            logits, jacobian = outputs_and_class_gradients(model, at[rows], ranks[rows], batch_size=batch_size)
            way[rows] += step_to_nearest_boundary(
                logits, jacobian, ranks[rows], BOUNDARY_OVERSTEP * (bounds[1] - bounds[0]) if turn else 0.0
            )
        at[open_] = (x[open_] + (1 + overshoot) * way[open_]).clamp(*bounds)
        open_ = open_[~is_adversarial(model_outputs(model, at[open_], batch_size=batch_size), y[open_])]
    return at


def step_to_nearest_boundary(logits: Tensor, jacobian: Tensor, ranks: Tensor, beyond: float) -> Tensor:
    """The step to, and ``beyond``, the nearest boundary of a locally flat network: z (n, C), ∂z/∂x (n, K, …), classes (n, K)."""
    z = logits.gather(1, ranks)
    f, w = z[:, 1:] - z[:, :1], jacobian[:, 1:] - jacobian[:, :1]
    slopes = w.flatten(2).norm(dim=2)
    # A boundary that no step comes closer to is infinitely far.
    distances = torch.where(slopes > 0, f.abs() / slopes, torch.inf)
    rows, k = torch.arange(len(z), device=z.device), distances.argmin(1)
    reached = distances[rows, k].isfinite()
    size = torch.where(reached, (distances[rows, k] + beyond) / slopes[rows, k], torch.zeros_like(distances[:, 0]))
    return size.view(-1, *(1,) * (w.dim() - 2)) * w[rows, k]
