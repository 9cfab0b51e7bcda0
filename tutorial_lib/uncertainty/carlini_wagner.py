"""The smallest change that fools, searched for by descent: the attack of Carlini and Wagner in L2."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from tutorial_lib._batching import batch_slices
from tutorial_lib.gradients import Objective, model_outputs, outputs_and_input_gradient
from tutorial_lib.uncertainty.attack_success import check_labels_in_range, is_adversarial, resolve_labels
from tutorial_lib.uncertainty.perturbations import Bounds, check_bounds

# Adam's usual constants.
ADAM_BETA1, ADAM_BETA2, ADAM_EPS = 0.9, 0.999, 1e-8
BISECTION_STEPS = 6


def carlini_wagner(
    model: nn.Module,
    x: Tensor,
    y: Tensor | int | None = None,
    *,
    confidence: float = 0.0,
    n_steps: int = 100,
    binary_search_steps: int = 6,
    lr: float = 0.01,
    initial_const: float = 0.01,
    early_stop: bool = True,
    targeted: bool = False,
    bounds: Bounds = (0.0, 1.0),
    batch_size: int = 64,
) -> Tensor:
    """The smallest change (L2) that fools: min ‖x′ − x‖² + c · max(margin(x′), −κ) over w, where x′ = ½ (1 + tanh w).

    So x′ stays in the bounds, whatever w is. margin = z_y − max_{i≠y} z_i, or with ``targeted`` its negative; κ is the
    ``confidence`` by which the answer must be wrong. Adam with rate ``lr`` for ``steps``, then another c, ``searches`` times:
    ten times larger for a picture until it is fooled, halfway after that. Every picture has its own c and keeps the smallest
    change that ever fooled; with ``early_stop`` it ends a search on its own when two tenths of the steps have brought it no
    further. Last, the way back to x is halved while that fools. x (N, …) -> like x; a picture that was wrong before, or is
    never fooled, comes back as it is.

    Raises:
        ValueError: pictures outside the bounds; no steps, searches or c; as :func:`tutorial_lib.gradients.input_gradient` does.

    Source: Carlini and Wagner, IEEE S&P 2017, arXiv 1608.04644.

    Example:
        >>> model = nn.Linear(2, 2, bias=False)
        >>> _ = model.weight.data.copy_(torch.tensor([[1., 0.], [0., 1.]]))
        >>> x = torch.tensor([[0.6, 0.4]])
        >>> (carlini_wagner(model, x) - x).norm().item() < 0.15
        True
    """
    if n_steps < 1 or binary_search_steps < 1 or initial_const <= 0 or confidence < 0:
        said = f"steps={n_steps}, searches={binary_search_steps}, c={initial_const}, confidence={confidence}"
        raise ValueError(f"carlini_wagner needs steps, searches, c > 0 and confidence ≥ 0, not {said}")
    if targeted and y is None:
        raise ValueError("a targeted attack needs y, the class to arrive at")
    x = check_bounds(x, bounds)
    y = resolve_labels(model, x, y, batch_size)
    best, J = x.clone(), cw_margin(y, targeted)
    for part in batch_slices(max(1, len(x)), batch_size):
        rows = torch.arange(len(x), device=x.device)[part]
        logits = check_labels_in_range(model_outputs(model, x[rows], batch_size=batch_size), y[rows])
        rows = rows[~is_adversarial_with_margin(logits, y[rows], J.select(rows), confidence, targeted)]
        if len(rows):
            asked = x[rows], y[rows], J.select(rows)
            best[rows] = minimize_perturbation(
                model, *asked, confidence, n_steps, binary_search_steps, lr, initial_const, early_stop, targeted, bounds
            )
    return best


def cw_margin(y: Tensor, targeted: bool) -> Objective:
    """By how much the answer that has to go still leads (``targeted``: the one to arrive at still trails): (n, C) -> (n,)."""

    def lead(z: Tensor, y: Tensor) -> Tensor:
        own = z.gather(1, y[:, None])[:, 0]
        # Masked by −∞: masked by a product with zero, the runner-up of negative logits would be 0.
        others = z.scatter(1, y[:, None], -torch.inf).amax(1)
        return others - own if targeted else own - others

    return Objective(lead, y, classes=True)


def is_adversarial_with_margin(logits: Tensor, y: Tensor, J: Objective, confidence: float, targeted: bool) -> Tensor:
    return is_adversarial(logits, y, targeted) & (J(logits) <= -confidence)


def minimize_perturbation(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    J: Objective,
    confidence: float,
    n_steps: int,
    binary_search_steps: int,
    lr: float,
    initial_const: float,
    early_stop: bool,
    targeted: bool,
    bounds: Bounds,
) -> Tensor:
    """The search for pictures that are not fooled yet: the smallest change found for each, or the picture itself."""
    middle, half = (bounds[1] + bounds[0]) / 2, (bounds[1] - bounds[0]) / 2
    # A little inside: a black or white pixel would lie at infinity.
    start = ((x - middle) / half * (1 - 1e-6)).atanh()
    best, size = x.clone(), x.new_full((len(x),), torch.inf)
    low, high, now = torch.zeros_like(size), torch.full_like(size, torch.inf), torch.full_like(size, initial_const)
    every = math.ceil(n_steps / 10)
    for _ in range(binary_search_steps):
        w, first, second = start.clone(), torch.zeros_like(x), torch.zeros_like(x)
        open_, before, idle = (
            torch.arange(len(x), device=x.device),
            torch.full_like(size, torch.inf),
            torch.zeros_like(size),
        )
        found = torch.zeros_like(size, dtype=torch.bool)
        for t in range(1, n_steps + 1):
            bent = w.tanh()
            at = middle + half * bent
            logits, slope = outputs_and_input_gradient(model, at, J.select(open_), batch_size=len(at))
            change, lead = at - x[open_], J.select(open_)(logits)
            squares, short = change.flatten(1).square().sum(1), lead > -confidence
            fools = is_adversarial_with_margin(logits, y[open_], J.select(open_), confidence, targeted)
            closer = fools & (squares.sqrt() < size[open_])
            found[open_] |= fools
            best[open_[closer]], size[open_[closer]] = at[closer], squares[closer].sqrt()
            # d/dw of the sum, by the chain rule: dx′/dw = half · (1 − tanh² w).
            push = (now[open_] * short).view(-1, *(1,) * (x.dim() - 1))
            g = (2 * change + push * slope) * half * (1 - bent.square())
            first.mul_(ADAM_BETA1).add_(g, alpha=1 - ADAM_BETA1)
            second.mul_(ADAM_BETA2).addcmul_(g, g, value=1 - ADAM_BETA2)
            w = w - lr * (first / (1 - ADAM_BETA1**t)) / ((second / (1 - ADAM_BETA2**t)).sqrt() + ADAM_EPS)
            if early_stop and (t - 1) % every == 0:
                # Whoever has come no further in two tenths of the steps stops, and nobody else.
                loss = squares + now[open_] * (lead + confidence).clamp(min=0)
                idle = torch.where(loss <= 0.9999 * before, 0, idle + 1)
                before, on = loss, idle < 2
                if not on.any():
                    break
                if not on.all():
                    open_, before, idle, w, first, second = (
                        each[on] for each in (open_, before, idle, w, first, second)
                    )
        high, low = torch.where(found, now, high), torch.where(found, low, now)
        now = torch.where(high.isinf(), 10 * now, (low + high) / 2)
    return bisect_towards_original(
        x,
        best,
        lambda at: is_adversarial_with_margin(model_outputs(model, at, batch_size=len(at)), y, J, confidence, targeted),
    )


def bisect_towards_original(x: Tensor, best: Tensor, holds: Callable[[Tensor], Tensor]) -> Tensor:
    """The nearest point on the straight way back to the picture that still holds, found by halving; forward passes only.

    Descent in steps of a fixed length finds no change that is smaller than its first step.
    """
    short, far = (torch.full((len(x), *(1,) * (x.dim() - 1)), share).to(x) for share in (0.0, 1.0))
    for _ in range(BISECTION_STEPS):
        share = (short + far) / 2
        fine = holds(x + share * (best - x)).view_as(share)
        short, far = torch.where(fine, short, share), torch.where(fine, share, far)
    return torch.where(far < 1, x + far * (best - x), best)
