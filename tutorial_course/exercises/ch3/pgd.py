"""Exercise 3: ten small steps."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tutorial_course.exercises import Exercise
from tutorial_course.exercises.exercise import CallRecord
from tutorial_lib.gradients import cross_entropy, input_gradient

Step = Callable[[Tensor, Tensor, float], Tensor]  # the slope, where it was taken, the length of a step -> where to go
Project = Callable[
    [Tensor, Tensor, Tensor, float], Tensor
]  # where to go, where from, the picture, eps -> where it ends


def reference_pgd(model: nn.Module, x: Tensor, y: Tensor, eps: float, step: float, steps: int) -> tuple[Tensor, Tensor]:
    """x′ ← Π(x′ + step · sign ∂J/∂x′), from x′ = x; Π keeps every pixel within eps of x and inside [0, 1].

    With the share of those right before, f(x) = y, that are wrong after. Shapes: x (N, …) in [0, 1], y (N,) -> like x, ().
    """
    return parametrized_pgd(model, x, y, eps, step, steps)


def ascent_step(slope: Tensor, at: Tensor, step: float) -> Tensor:
    return at + step * slope.sign()


def project_linf(to: Tensor, at: Tensor, x: Tensor, eps: float) -> Tensor:
    return (x + (to - x).clamp(-eps, eps)).clamp(0, 1)


def is_fooled(model: nn.Module, x: Tensor, found: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Which pictures were right before, and which are wrong after."""
    return model(x).argmax(1) == y, model(found).argmax(1) != y


def success_rate_of_correct(before: Tensor, after: Tensor) -> Tensor:
    return (before & after).double().sum() / before.sum()


def parametrized_pgd(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    eps: float,
    step: float,
    steps: int,
    *,
    onward: Step = ascent_step,
    project: Project = project_linf,
    count: Callable[[Tensor, Tensor], Tensor] = success_rate_of_correct,
    length: Callable[[float, float, int], float] = lambda eps, step, steps: step,
) -> tuple[Tensor, Tensor]:
    """The right lines, with what goes wrong left open: the step, the projection, what is counted, how long a step is."""
    at = x.clone()
    for _ in range(steps):
        slope = input_gradient(model, at, cross_entropy(y))
        at = project(onward(slope, at, length(eps, step, steps)), at, x, eps)
    return at, count(*is_fooled(model, x, at, y))


def mistake(**changed) -> Callable[..., tuple[Tensor, Tensor]]:
    return lambda *arguments: parametrized_pgd(*arguments, **changed)


def mistake_graph_through_steps(
    model: nn.Module, x: Tensor, y: Tensor, eps: float, step: float, steps: int
) -> tuple[Tensor, Tensor]:
    """Nothing is let go of: the slope is taken with respect to the first picture, back through every cut on the way."""
    start = x.clone().requires_grad_()
    at = start
    for _ in range(steps):
        loss = F.cross_entropy(model(at), y, reduction="sum")
        (slope,) = torch.autograd.grad(loss, start, retain_graph=True)
        at = project_linf(ascent_step(slope, at, step), at, start, eps)
    return at.detach(), success_rate_of_correct(*is_fooled(model, x, at.detach(), y))


def make_case(
    N: int, eps: float, step: float, steps: int, wrong: int, seed: int
) -> Callable[[torch.Generator], tuple[nn.Module, Tensor, Tensor, float, float, int]]:
    """A case: a small network, pictures with black and white in them, the first few of them taken for something else."""

    def make(_: torch.Generator) -> tuple[nn.Module, Tensor, Tensor, float, float, int]:
        generator = torch.Generator().manual_seed(seed)
        with torch.random.fork_rng(devices=[]):
            model = nn.Sequential(nn.Flatten(), nn.Linear(12, 16), nn.Tanh(), nn.Linear(16, 4)).double()
        for p in model.parameters():
            p.data.normal_(0, 1.5 / p.shape[-1] ** 0.5 if p.dim() > 1 else 0.1, generator=generator)
        x = (1.6 * torch.rand(N, 3, 2, 2, generator=generator, dtype=torch.float64) - 0.3).clamp(0, 1)
        with torch.no_grad():
            y = model(x).argmax(1)
        y[:wrong] = (y[:wrong] + 1) % 4
        return model.eval(), x, y, eps, step, steps

    return make


FIRST_CASE = make_case(12, eps=0.1, step=0.04, steps=10, wrong=3, seed=3)


def largest_change(found: Tensor, *_: Tensor) -> float:
    """Of any pixel, in the first case."""
    return (found - FIRST_CASE(None)[1]).abs().max().item()


pgd = Exercise(
    name="pgd",
    reference=reference_pgd,
    outputs=("the pictures", "the share fooled"),
    cases=(
        FIRST_CASE,
        make_case(9, eps=0.05, step=0.02, steps=4, wrong=2, seed=8),
        make_case(10, eps=0.06, step=0.09, steps=3, wrong=1, seed=5),
        make_case(8, eps=0.2, step=0.05, steps=7, wrong=2, seed=12),
    ),
    measure=largest_change,
    known_mistakes={
        "Each step is brought back around the last one, so the budget grows with every step. Your largest change is "
        "{yours:.3f}: from which picture is eps to be measured?": mistake(
            project=lambda to, at, x, eps: (at + (to - at).clamp(-eps, eps)).clamp(0, 1)
        ),
        "The pictures are cut at black and white, and at nothing else. Your largest change is {yours:.3f}: which line knows of "
        "eps?": mistake(project=lambda to, at, x, eps: to.clamp(0, 1)),
        "The walk goes downhill. Descent makes the network surer of y: along which sign does the loss rise?": mistake(
            onward=lambda slope, at, step: at - step * slope.sign()
        ),
        "The slope is taken with respect to the first picture, through all steps. Where a step was cut it sees nothing any more: "
        "where should each step begin anew?": mistake_graph_through_steps,
        "Pictures that were wrong before are counted as fooled. An attack that does nothing would score: what does yours get "
        "with eps = 0?": (
            mistake(count=lambda before, after: after.double().mean()),
            mistake(count=lambda before, after: (before & after).double().mean()),
            mistake(count=lambda before, after: after.double().sum() / before.sum()),
        ),
        "The steps are too small to reach the edge. Your largest change is {yours:.3f}, the right one {right:.3f}: is `step` "
        "made smaller on the way?": (
            mistake(length=lambda eps, step, steps: step / steps),
            mistake(length=lambda eps, step, steps: eps / steps / 2),
            mistake(length=lambda eps, step, steps: step * eps),
            mistake(length=lambda eps, step, steps: step / 255),
        ),
        "The slope itself is walked along, not its sign. A surely wrong picture has hardly any slope: how far does one step of "
        "yours go, beside `step`?": mistake(onward=lambda slope, at, step: at + step * slope),
    },
    side_effect_checks={
        "The graph of all steps is kept. It grows with every step and hands the network's past on: detach the picture before "
        "each step, and what you return": CallRecord.has_graph
    },
    fallback_hint="print the largest change and the loss after every step: the first may never pass eps, the second should rise",
    success_message="Ten steps, one budget. Now ask how sure the network is of what it says afterwards.",
)
