"""The attack of Carlini and Wagner: a search for the smallest adversarial perturbation in the L2 norm."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from tutorial_lib._batching import broadcast_per_sample
from tutorial_lib._validation import check_counts, check_nonnegative, convert_arguments, promote_to_float32
from tutorial_lib.gradients import Objective, model_outputs, outputs_and_input_gradient, skip_independence_check
from tutorial_lib.gradients._context import preserve_model
from tutorial_lib.uncertainty.attacks import Bounds, check_bounds, labels_and_logits

# The usual constants of Adam.
ADAM_BETA1, ADAM_BETA2, ADAM_EPS = 0.9, 0.999, 1e-8
BISECTION_STEPS = 6


@convert_arguments
def carlini_wagner(
    model: nn.Module,
    x: Tensor,
    y: Tensor | int | None = None,
    *,
    n_steps: int = 100,
    binary_search_steps: int = 6,
    lr: float = 0.01,
    initial_const: float = 0.01,
    early_stop: bool = True,
    bounds: Bounds = (0.0, 1.0),
    batch_size: int = 64,
) -> Tensor:
    """Return adversarial images of Carlini and Wagner, with a change of small L2 norm.

    min_w ‖x′ − x‖² + c · max(m(x′), 0) with x′ = ½ (1 + tanh w), scaled to ``bounds``, so that x′ stays within them for
    every w. The margin is m = z_y − max_{i≠y} z_i. Adam minimizes over w, and a search over c repeats this
    minimization. Each image has its own c and keeps the smallest successful change. At the end, bisection on the line
    back to x shortens this change as long as the attack succeeds.

    Args:
        model: classifier, images (N, …) to logits (N, C); it is left as it was.
        x: images (N, …), floats within ``bounds``.
        y: integer labels (N,), one class for all images, or None for the classes predicted at x.
        n_steps: steps of Adam for each value of c, ≥ 1.
        binary_search_steps: number of values of c for each image, ≥ 1. The next c is ten times larger until an attack
            has succeeded, and then halfway between the largest c that failed and the smallest that succeeded.
        lr: learning rate of Adam.
        initial_const: the first c, > 0.
        early_stop: whether the minimization for an image ends once its loss has not decreased over two tenths of the
            steps.
        bounds: smallest and largest valid pixel value.
        batch_size: images per pass; it bounds the memory and does not change the result.

    Returns:
        Adversarial images of the shape, dtype and device of x. An image whose attack had succeeded before the first
        step, or never succeeds, is returned unchanged.

    Raises:
        ValueError: x is not float, contains NaN or leaves the bounds; n_steps < 1, binary_search_steps < 1 or
            initial_const ≤ 0; labels that do not fit; outputs that are not finite.

    References:
        Carlini and Wagner, IEEE S&P 2017, arXiv:1608.04644.

    Example:
        >>> model = nn.Linear(2, 2, bias=False)
        >>> _ = model.weight.data.copy_(torch.tensor([[1., 0.], [0., 1.]]))
        >>> x = torch.tensor([[0.6, 0.4]])
        >>> (carlini_wagner(model, x) - x).norm().item() < 0.15
        True
    """
    check_counts(n_steps=n_steps, binary_search_steps=binary_search_steps)
    check_nonnegative(lr=lr, initial_const=initial_const)
    if initial_const == 0:
        raise ValueError("initial_const must be above 0, because it is multiplied by 10 until an attack succeeds")
    x = check_bounds(x, bounds)
    y, logits = labels_and_logits(model, x, y, batch_size)
    with preserve_model(model, x):  # the weights are copied once, and not in each step
        best = x.clone()
        for rows in torch.arange(len(x), device=x.device).split(batch_size):
            rows = rows[logits[rows].argmax(1) == y[rows]]
            if len(rows):
                best[rows] = _minimize_perturbation(
                    model, x[rows], y[rows], n_steps, binary_search_steps, lr, initial_const, early_stop, bounds
                )
    return best


def _cw_margin(z: Tensor, y: Tensor) -> Tensor:
    """The margin of the label over the other classes: its logit minus their largest one."""
    # Masked by −∞: after a product with zero, the largest of negative logits would be 0.
    return z.gather(1, y[:, None])[:, 0] - z.scatter(1, y[:, None], -torch.inf).amax(1)


@skip_independence_check()  # `labels_and_logits` has checked the model
def _minimize_perturbation(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    n_steps: int,
    binary_search_steps: int,
    lr: float,
    initial_const: float,
    early_stop: bool,
    bounds: Bounds,
) -> Tensor:
    """The adversarial images with the smallest change; an image whose attack never succeeds is returned unchanged."""
    middle, half = (bounds[1] + bounds[0]) / 2, (bounds[1] - bounds[0]) / 2
    # Slightly inside the bounds, since a black or white pixel would lie at infinity.
    start = ((x.to(promote_to_float32(x)) - middle) / half * (1 - 1e-6)).atanh()
    best, best_norms = x.clone(), start.new_full((len(x),), torch.inf)
    low, high, const = (torch.full_like(best_norms, value) for value in (0.0, torch.inf, initial_const))
    J, check_interval = Objective(_cw_margin, y, classes=True), math.ceil(n_steps / 10)
    for _ in range(binary_search_steps):
        w, first_moment, second_moment = start.clone(), torch.zeros_like(start), torch.zeros_like(start)
        active, succeeded = torch.arange(len(x), device=x.device), torch.zeros_like(best_norms, dtype=torch.bool)
        previous_loss, n_stalled = torch.full_like(best_norms, torch.inf), torch.zeros_like(best_norms)
        for t in range(1, n_steps + 1):
            tanh_w = w.tanh()
            adversarial = (middle + half * tanh_w).to(x)
            logits, margin_gradient = outputs_and_input_gradient(
                model, adversarial, J.select(active), batch_size=len(adversarial)
            )
            change, margin = adversarial.to(w) - x[active], J.select(active)(logits)
            squared_norms, success = change.flatten(1).square().sum(1), logits.argmax(1) != y[active]
            smaller = success & (squared_norms.sqrt() < best_norms[active])
            succeeded[active] |= success
            best[active[smaller]], best_norms[active[smaller]] = adversarial[smaller], squared_norms[smaller].sqrt()
            # d/dw of the sum, by the chain rule: dx′/dw = half · (1 − tanh² w).
            margin_weight = broadcast_per_sample(const[active] * (margin > 0), x)
            g = (2 * change + margin_weight * margin_gradient) * half * (1 - tanh_w.square())
            first_moment.mul_(ADAM_BETA1).add_(g, alpha=1 - ADAM_BETA1)
            second_moment.mul_(ADAM_BETA2).addcmul_(g, g, value=1 - ADAM_BETA2)
            w = w - lr * (first_moment / (1 - ADAM_BETA1**t)) / (
                (second_moment / (1 - ADAM_BETA2**t)).sqrt() + ADAM_EPS
            )
            if early_stop and (t - 1) % check_interval == 0:
                # Each image stops by itself, after two checks without progress; the other images are not affected.
                loss = squared_norms + const[active] * margin.clamp(min=0)
                n_stalled = torch.where(loss <= 0.9999 * previous_loss, 0, n_stalled + 1)
                previous_loss, in_progress = loss, n_stalled < 2
                if not in_progress.any():
                    break
                if not in_progress.all():
                    active, previous_loss, n_stalled, w, first_moment, second_moment = (
                        state[in_progress]
                        for state in (active, previous_loss, n_stalled, w, first_moment, second_moment)
                    )
        high, low = torch.where(succeeded, const, high), torch.where(succeeded, low, const)
        const = torch.where(high.isinf(), 10 * const, (low + high) / 2)
    return _bisect_towards_original(model, x, y, best)


@skip_independence_check()
def _bisect_towards_original(model: nn.Module, x: Tensor, y: Tensor, best: Tensor) -> Tensor:
    """The points nearest to x, on the lines from x to ``best``, whose attack still succeeds."""
    low, high = (x.new_full((len(x), *(1,) * (x.dim() - 1)), fraction) for fraction in (0.0, 1.0))
    for _ in range(BISECTION_STEPS):
        fraction = (low + high) / 2
        logits = model_outputs(model, x + fraction * (best - x), batch_size=len(x))
        success = (logits.argmax(1) != y).view_as(fraction)
        low, high = torch.where(success, low, fraction), torch.where(success, fraction, high)
    return torch.where(high < 1, x + high * (best - x), best)
