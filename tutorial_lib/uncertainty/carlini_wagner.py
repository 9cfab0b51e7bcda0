"""The smallest change that fools, searched for by descent: the attack of Carlini and Wagner in L2."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from tutorial_lib.gradients import Objective, outputs, outputs_and_gradient
from tutorial_lib.gradients.inputs import slices
from tutorial_lib.uncertainty.budgets import Bounds, within
from tutorial_lib.uncertainty.success import among, answers, missed

# Adam's usual constants.
FIRST, SECOND, LITTLE = 0.9, 0.999, 1e-8
HALVINGS = 6


def carlini_wagner(
    model: nn.Module,
    x: Tensor,
    y: Tensor | int | None = None,
    *,
    confidence: float = 0.0,
    steps: int = 100,
    searches: int = 6,
    lr: float = 0.01,
    c: float = 0.01,
    early_stop: bool = True,
    targeted: bool = False,
    bounds: Bounds = (0.0, 1.0),
    chunk: int = 64,
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
    if steps < 1 or searches < 1 or c <= 0 or confidence < 0:
        said = f"steps={steps}, searches={searches}, c={c}, confidence={confidence}"
        raise ValueError(f"carlini_wagner needs steps, searches, c > 0 and confidence ≥ 0, not {said}")
    if targeted and y is None:
        raise ValueError("a targeted attack needs y, the class to arrive at")
    x = within(x, bounds)
    y = answers(model, x, y, chunk)
    best, J = x.clone(), margin(y, targeted)
    for part in slices(max(1, len(x)), chunk):
        rows = torch.arange(len(x), device=x.device)[part]
        logits = among(outputs(model, x[rows], chunk=chunk), y[rows])
        rows = rows[~far_enough(logits, y[rows], J.rows(rows), confidence, targeted)]
        if len(rows):
            asked = x[rows], y[rows], J.rows(rows)
            best[rows] = smallest(model, *asked, confidence, steps, searches, lr, c, early_stop, targeted, bounds)
    return best


def margin(y: Tensor, targeted: bool) -> Objective:
    """By how much the answer that has to go still leads (``targeted``: the one to arrive at still trails): (n, C) -> (n,)."""

    def lead(z: Tensor, y: Tensor) -> Tensor:
        own = z.gather(1, y[:, None])[:, 0]
        # Masked by −∞: masked by a product with zero, the runner-up of negative logits would be 0.
        others = z.scatter(1, y[:, None], -torch.inf).amax(1)
        return others - own if targeted else own - others

    return Objective(lead, y, classes=True)


def far_enough(logits: Tensor, y: Tensor, J: Objective, confidence: float, targeted: bool) -> Tensor:
    return missed(logits, y, targeted) & (J(logits) <= -confidence)


def smallest(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    J: Objective,
    confidence: float,
    steps: int,
    searches: int,
    lr: float,
    c: float,
    early_stop: bool,
    targeted: bool,
    bounds: Bounds,
) -> Tensor:
    """The search for pictures that are not fooled yet: the smallest change found for each, or the picture itself."""
    middle, half = (bounds[1] + bounds[0]) / 2, (bounds[1] - bounds[0]) / 2
    # A little inside: a black or white pixel would lie at infinity.
    start = ((x - middle) / half * (1 - 1e-6)).atanh()
    best, size = x.clone(), x.new_full((len(x),), torch.inf)
    low, high, now = torch.zeros_like(size), torch.full_like(size, torch.inf), torch.full_like(size, c)
    every = math.ceil(steps / 10)
    for _ in range(searches):
        w, first, second = start.clone(), torch.zeros_like(x), torch.zeros_like(x)
        open_, before, idle = (
            torch.arange(len(x), device=x.device),
            torch.full_like(size, torch.inf),
            torch.zeros_like(size),
        )
        found = torch.zeros_like(size, dtype=torch.bool)
        for t in range(1, steps + 1):
            bent = w.tanh()
            at = middle + half * bent
            logits, slope = outputs_and_gradient(model, at, J.rows(open_), chunk=len(at))
            change, lead = at - x[open_], J.rows(open_)(logits)
            squares, short = change.flatten(1).square().sum(1), lead > -confidence
            fools = far_enough(logits, y[open_], J.rows(open_), confidence, targeted)
            closer = fools & (squares.sqrt() < size[open_])
            found[open_] |= fools
            best[open_[closer]], size[open_[closer]] = at[closer], squares[closer].sqrt()
            # d/dw of the sum, by the chain rule: dx′/dw = half · (1 − tanh² w).
            push = (now[open_] * short).view(-1, *(1,) * (x.dim() - 1))
            g = (2 * change + push * slope) * half * (1 - bent.square())
            first.mul_(FIRST).add_(g, alpha=1 - FIRST)
            second.mul_(SECOND).addcmul_(g, g, value=1 - SECOND)
            w = w - lr * (first / (1 - FIRST**t)) / ((second / (1 - SECOND**t)).sqrt() + LITTLE)
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
    return nearer(x, best, lambda at: far_enough(outputs(model, at, chunk=len(at)), y, J, confidence, targeted))


def nearer(x: Tensor, best: Tensor, holds: Callable[[Tensor], Tensor]) -> Tensor:
    """The nearest point on the straight way back to the picture that still holds, found by halving; forward passes only.

    Descent in steps of a fixed length finds no change that is smaller than its first step.
    """
    short, far = (torch.full((len(x), *(1,) * (x.dim() - 1)), share).to(x) for share in (0.0, 1.0))
    for _ in range(HALVINGS):
        share = (short + far) / 2
        fine = holds(x + share * (best - x)).view_as(share)
        short, far = torch.where(fine, short, share), torch.where(fine, share, far)
    return torch.where(far < 1, x + far * (best - x), best)
