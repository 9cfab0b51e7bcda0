"""Exercise 4: projected gradient descent (PGD), an attack in several steps."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tutorial_course.exercises import Exercise
from tutorial_course.exercises.exercise import CallRecord
from tutorial_lib.gradients import cross_entropy, input_gradient

Step = Callable[[Tensor, Tensor, float], Tensor]  # (gradient, current images, step size) -> next images
Project = Callable[[Tensor, Tensor, Tensor, float], Tensor]  # (next, current, original images, eps) -> next images


def reference_pgd(
    model: nn.Module, x: Tensor, y: Tensor, eps: float, alpha: float, n_steps: int
) -> tuple[Tensor, Tensor]:
    """Return adversarial images of projected gradient descent, and the success rate.

    x′ ← Π(x′ + alpha · sign ∂J/∂x′), starting at x′ = x; the projection Π keeps every pixel within eps of x and in [0,
    1].

    Args:
        model: a classifier.
        x: images (N, …) in [0, 1].
        y: labels (N,).
        eps: largest change of a pixel.
        alpha: step size.
        n_steps: number of steps.

    Returns:
        The adversarial images, like x; and of the images that are classified correctly before the attack, the fraction
        that is misclassified after it, ().
    """
    return _parametrized_pgd(model, x, y, eps, alpha, n_steps)


def _ascent_step(g: Tensor, current: Tensor, alpha: float) -> Tensor:
    """A step along the sign of the gradient."""
    return current + alpha * g.sign()


def _project_linf(next_: Tensor, current: Tensor, x: Tensor, eps: float) -> Tensor:
    """The projection onto the ε-ball around x and onto [0, 1]."""
    return (x + (next_ - x).clamp(-eps, eps)).clamp(0, 1)


def _correct_and_wrong(model: nn.Module, x: Tensor, adversarial: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Whether each image is classified correctly before the attack, and whether it is misclassified after it."""
    return model(x).argmax(1) == y, model(adversarial).argmax(1) != y


def _success_rate_of_correct(correct_before: Tensor, wrong_after: Tensor) -> Tensor:
    """Of the images that were classified correctly, the fraction that is misclassified after the attack."""
    return (correct_before & wrong_after).double().sum() / correct_before.sum()


def _parametrized_pgd(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    eps: float,
    alpha: float,
    n_steps: int,
    *,
    step: Step = _ascent_step,
    project: Project = _project_linf,
    success_rate: Callable[[Tensor, Tensor], Tensor] = _success_rate_of_correct,
    step_size: Callable[[float, float, int], float] = lambda eps, alpha, n_steps: alpha,
) -> tuple[Tensor, Tensor]:
    """The solution, with its frequent mistakes as parameters: step, projection, success rate and step size."""
    current = x.clone()
    for _ in range(n_steps):
        g = input_gradient(model, current, cross_entropy(y))
        current = project(step(g, current, step_size(eps, alpha, n_steps)), current, x, eps)
    return current, success_rate(*_correct_and_wrong(model, x, current, y))


def _mistake(**changed) -> Callable[..., tuple[Tensor, Tensor]]:
    """The solution with other parameters."""
    return lambda *arguments: _parametrized_pgd(*arguments, **changed)


def _mistake_graph_through_steps(
    model: nn.Module, x: Tensor, y: Tensor, eps: float, alpha: float, n_steps: int
) -> tuple[Tensor, Tensor]:
    """The gradient with respect to the original images, through all steps and projections."""
    start = x.clone().requires_grad_()
    current = start
    for _ in range(n_steps):
        loss = F.cross_entropy(model(current), y, reduction="sum")
        (g,) = torch.autograd.grad(loss, start, retain_graph=True)
        current = _project_linf(_ascent_step(g, current, alpha), current, start, eps)
    return current.detach(), _success_rate_of_correct(*_correct_and_wrong(model, x, current.detach(), y))


def _make_case(
    N: int, eps: float, alpha: float, n_steps: int, n_wrong: int, seed: int
) -> Callable[[torch.Generator | None], tuple[nn.Module, Tensor, Tensor, float, float, int]]:
    """A case: a small network, images with values 0 and 1 in them, and labels of which the first few are wrong."""

    def make(_: torch.Generator | None) -> tuple[nn.Module, Tensor, Tensor, float, float, int]:
        generator = torch.Generator().manual_seed(seed)
        with torch.random.fork_rng(devices=[]):
            model = nn.Sequential(nn.Flatten(), nn.Linear(12, 16), nn.Tanh(), nn.Linear(16, 4)).double()
        for p in model.parameters():
            p.data.normal_(0, 1.5 / p.shape[-1] ** 0.5 if p.dim() > 1 else 0.1, generator=generator)
        x = (1.6 * torch.rand(N, 3, 2, 2, generator=generator, dtype=torch.float64) - 0.3).clamp(0, 1)
        with torch.no_grad():
            y = model(x).argmax(1)
        y[:n_wrong] = (y[:n_wrong] + 1) % 4
        return model.eval(), x, y, eps, alpha, n_steps

    return make


_FIRST_CASE = _make_case(12, eps=0.1, alpha=0.04, n_steps=10, n_wrong=3, seed=3)


def _largest_change(adversarial: Tensor, *_: Tensor) -> float:
    """The largest change of a pixel in the first case."""
    return (adversarial - _FIRST_CASE(None)[1]).abs().max().item()


pgd = Exercise(
    name="pgd",
    reference=reference_pgd,
    outputs=("the batch of attacked images", "the success rate"),
    cases=(
        _FIRST_CASE,
        _make_case(9, eps=0.05, alpha=0.02, n_steps=4, n_wrong=2, seed=8),
        _make_case(10, eps=0.06, alpha=0.09, n_steps=3, n_wrong=1, seed=5),
        _make_case(8, eps=0.2, alpha=0.05, n_steps=7, n_wrong=2, seed=12),
    ),
    measure=_largest_change,
    known_mistakes={
        "Each step is projected onto the ε-ball around the previous image, so the change grows with every step. Your "
        "largest change is {yours:.3f}: from which image is eps measured?": _mistake(
            project=lambda next_, current, x, eps: (current + (next_ - current).clamp(-eps, eps)).clamp(0, 1)
        ),
        "The images are only clipped to [0, 1]. Your largest change is {yours:.3f}: which line uses eps?": _mistake(
            project=lambda next_, current, x, eps: next_.clamp(0, 1)
        ),
        "The images are clipped to [−ε, ε], and not their change. Your largest change is {yours:.3f}: which difference "
        "must lie between −ε and ε?": _mistake(
            project=lambda next_, current, x, eps: next_.clamp(-eps, eps).clamp(0, 1)
        ),
        "The steps decrease the loss. Descent makes the network more confident in y: in which direction does the loss "
        "increase?": _mistake(step=lambda g, current, alpha: current - alpha * g.sign()),
        "The gradient is taken with respect to the original images, through all steps. Where a step was clipped it is "
        "zero: from which tensor should the graph of each step start?": _mistake_graph_through_steps,
        "Images that were misclassified before the attack are counted. An attack that changes nothing would then be "
        "counted as successful: what is your rate with eps = 0?": (
            _mistake(success_rate=lambda correct_before, wrong_after: wrong_after.double().mean()),
            _mistake(success_rate=lambda correct_before, wrong_after: (correct_before & wrong_after).double().mean()),
            _mistake(
                success_rate=lambda correct_before, wrong_after: wrong_after.double().sum() / correct_before.sum()
            ),
        ),
        "The steps are too small to use the whole budget. Your largest change is {yours:.3f}, the correct one "
        "{right:.3f}: do you make the step size smaller?": (
            _mistake(step_size=lambda eps, alpha, n_steps: alpha / n_steps),
            _mistake(step_size=lambda eps, alpha, n_steps: eps / n_steps / 2),
            _mistake(step_size=lambda eps, alpha, n_steps: alpha * eps),
            _mistake(step_size=lambda eps, alpha, n_steps: alpha / 255),
        ),
        "The step follows the gradient itself, not its sign. For a confident prediction the gradient is almost zero: "
        "how large is one of your steps, compared with the step size?": _mistake(
            step=lambda g, current, alpha: current + alpha * g
        ),
    },
    side_effect_checks={
        "The graph of all steps is kept. It grows with every step: detach the images before each step, and the images "
        "that you return": CallRecord.has_graph
    },
    fallback_hint=(
        "print the largest change and the loss after every step: the change must not exceed eps, and the loss should "
        "increase"
    ),
    success_message=(
        "All ten steps stay within the budget. Now compute how confident the network is in its predictions for these "
        "images."
    ),
)
