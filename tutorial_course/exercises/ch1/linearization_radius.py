"""Exercise 3: how far does the straight line hold?"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tutorial_course.exercises import Exercise
from tutorial_lib.gradients import cross_entropy, input_gradient
from tutorial_lib.gradients._context import eval_mode


def reference_radius(
    model: nn.Module, x: Tensor, y: Tensor, direction: Tensor, distances: Tensor, tolerance: float = 0.1
) -> Tensor:
    """The first of the distances at which the straight line is off by more than a tenth of what the loss really does.

    |t ∂J/∂x·u − ΔJ(t)| > tolerance |ΔJ(t)|, with u = direction / ‖direction‖ and ΔJ(t) = J(f(x + t u), y) − J(f(x), y),
    in evaluation mode. Shapes: x (1, …), y (1,), direction as x, distances (T,) rising -> ().
    """
    u = direction / direction.norm()
    with eval_mode(model):
        slope = (input_gradient(model, x, cross_entropy(y)) * u).sum()
        loss, change = loss_along(model, x, y, u, distances)
    return distances[(distances * slope - change).abs() > tolerance * change.abs()][0]


def loss_along(model: nn.Module, x: Tensor, y: Tensor, u: Tensor, distances: Tensor) -> tuple[Tensor, Tensor]:
    """J at x, and by how much it changes at each distance along u: all pictures of the way in one batch."""
    steps = torch.cat([distances.new_zeros(1), distances]).view(-1, *[1] * (x.dim() - 1))
    with torch.no_grad():
        losses = F.cross_entropy(model(x + steps * u), y.expand(len(steps)), reduction="none")
    return losses[0], losses[1:] - losses[0]


def mistake(
    *,
    against: Callable[[Tensor, Tensor], Tensor] = lambda loss, change: change,
    pick: Callable[[Tensor, Tensor], Tensor] = lambda distances, off: distances[off][0],
    unit: tuple[bool, bool] = (True, True),
) -> Callable[..., Tensor]:
    """A wrong answer: what the error is held against, which distance is picked, whether slope and walk use the unit direction."""

    def wrong(model, x, y, direction, distances, tolerance=0.1):
        u = direction / direction.norm()
        with eval_mode(model):
            slope = (input_gradient(model, x, cross_entropy(y)) * (u if unit[0] else direction)).sum()
            loss, change = loss_along(model, x, y, u if unit[1] else direction, distances)
        off = (distances * slope - change).abs() > tolerance * against(loss, change).abs()
        return pick(distances, off)

    return wrong


def first_or_inf(distances: Tensor, chosen: Tensor, which: int) -> Tensor:
    return distances[chosen][which] if chosen.any() else distances.new_tensor(float("inf"))


def mistake_last_crossing(distances: Tensor, off: Tensor) -> Tensor:
    """Where the line fails after having held for the last time."""
    return first_or_inf(distances[1:], off[1:] & ~off[:-1], -1)


def mistake_training_mode(batches: str) -> Callable[..., Tensor]:
    """The mode the network came in is kept; in training mode all depends on what stands in a batch together."""

    def wrong(model, x, y, direction, distances, tolerance=0.1):
        u = direction / direction.norm()
        leaf = x.clone().requires_grad_()
        # The engine refuses a network in training mode, and rightly so: this is what it protects from.
        slope = (torch.autograd.grad(F.cross_entropy(model(leaf), y), leaf)[0] * u).sum()
        path = x + distances.view(-1, *[1] * (x.dim() - 1)) * u
        with torch.no_grad():
            if batches == "all in one":
                change = loss_along(model, x, y, u, distances)[1]
            else:
                parts = path.split(1) if batches == "one by one" else [path]
                losses = [F.cross_entropy(model(part), y.expand(len(part)), reduction="none") for part in parts]
                change = torch.cat(losses) - F.cross_entropy(model(x), y)
        off = (distances * slope - change).abs() > tolerance * change.abs()
        return first_or_inf(distances, off, 0)

    return wrong


class SineActivation(nn.Module):
    """A curve that turns back, so that a straight line can leave it and meet it again."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(2 * x)


def make_case(seed: int, length: float, training: bool) -> Callable[[torch.Generator], tuple]:
    """A case: a small network with a normalisation, in training mode or not, a picture, and a direction of this length.

    The seeds are chosen so that the curve comes back to its line further out, and so that a tenth of the true change and a tenth
    of the predicted one end at the same distance: either reading of the question is right.
    """

    def make(_: torch.Generator) -> tuple:
        generator = torch.Generator().manual_seed(seed)
        with torch.random.fork_rng(devices=[]):
            model = nn.Sequential(
                nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), SineActivation(), nn.Flatten(), nn.Linear(36, 3)
            ).double()
        for tensor in [*model.parameters(), model[1].running_mean]:
            tensor.data.normal_(0, 0.4, generator=generator)
        model[1].running_var.uniform_(1, 3, generator=generator)
        x = torch.randn(1, 2, 5, 5, generator=generator, dtype=torch.float64)
        direction = torch.randn(x.shape, generator=generator, dtype=x.dtype)
        y = torch.randint(3, (1,), generator=generator)
        distances = 0.02 * 1.25 ** torch.arange(32, dtype=x.dtype)
        return model.train(training), x, y, length * direction / direction.norm(), distances, 0.1

    return make


linearization_radius = Exercise(
    name="validity_radius",
    reference=reference_radius,
    cases=(
        make_case(3870, 2.5, True),
        make_case(9667, 0.3, True),
        make_case(2265, 1.8, False),
        make_case(101, 4.0, True),
    ),
    known_mistakes={
        "The error is held against the loss, not against its change. Close to x the loss hardly changes, and a tenth of the loss "
        "forgives everything: a tenth of what was to be predicted?": (
            mistake(against=lambda loss, _: loss),
            mistake(against=lambda loss, change: loss + change),
        ),
        "The direction is not of unit length, so t counts something else than distance. How far is x + t · direction from x?": (
            mistake(unit=(False, False)),
            mistake(unit=(True, False)),
            mistake(unit=(False, True)),
        ),
        "That is the last distance at which the line lets go, not the first. A curve may come back to its line further out; a "
        "radius ends where it is left for the first time.": (
            mistake(pick=mistake_last_crossing),
            mistake(pick=lambda distances, off: distances[off][-1]),
            mistake(pick=lambda distances, off: first_or_inf(distances, ~off, -1)),
        ),
        "The error is taken as it is, not as a share. Multiply the loss by ten: should the radius shrink?": mistake(
            against=lambda _, change: torch.ones_like(change)
        ),
        "The network was measured in training mode. It then normalises by whatever stands in the batch; what does a picture met "
        "in the world stand beside?": tuple(map(mistake_training_mode, ("one by one", "the way", "all in one"))),
    },
    fallback_hint="print distance, predicted change and true change side by side for one case, and find the first row you would not sign",
    success_message="A gradient speaks of a neighbourhood, and now you can say how large it is.",
)
