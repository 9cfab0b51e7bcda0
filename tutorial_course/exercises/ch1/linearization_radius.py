"""Exercise 1.3: the linearization radius, the distance up to which the first-order approximation is accurate."""

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
    """Return the first distance at which the first-order approximation fails.

    It fails at t if |t ∂J/∂x·u − ΔJ(t)| > tolerance |ΔJ(t)|, with u = direction / ‖direction‖ and
    ΔJ(t) = J(f(x + t u), y) − J(f(x), y). J is the cross-entropy, and the network f is in evaluation mode.

    Args:
        model: a classifier; its mode is restored.
        x: one image (1, …).
        y: its label (1,).
        direction: direction of the change, like x, of any norm.
        distances: increasing distances (T,).
        tolerance: largest error that is accepted, as a fraction of the change of the loss.

    Returns:
        The first of the distances at which it fails, ().
    """
    u = direction / direction.norm()
    with eval_mode(model):
        slope = (input_gradient(model, x, cross_entropy(y)) * u).sum()
        loss, change = _loss_along(model, x, y, u, distances)
    return distances[(distances * slope - change).abs() > tolerance * change.abs()][0]


def _loss_along(model: nn.Module, x: Tensor, y: Tensor, u: Tensor, distances: Tensor) -> tuple[Tensor, Tensor]:
    """J at x, and its change at each distance along u, computed in one batch."""
    steps = torch.cat([distances.new_zeros(1), distances]).view(-1, *[1] * (x.dim() - 1))
    with torch.no_grad():
        losses = F.cross_entropy(model(x + steps * u), y.expand(len(steps)), reduction="none")
    return losses[0], losses[1:] - losses[0]


def _mistake(
    *,
    reference: Callable[[Tensor, Tensor], Tensor] = lambda loss, change: change,
    select: Callable[[Tensor, Tensor], Tensor] = lambda distances, fails: distances[fails][0],
    unit: tuple[bool, bool] = (True, True),
) -> Callable[..., Tensor]:
    """A wrong solution: the reference of the error, the selected distance, and where the direction has unit norm."""

    def wrong(model, x, y, direction, distances, tolerance=0.1):
        u = direction / direction.norm()
        with eval_mode(model):
            slope = (input_gradient(model, x, cross_entropy(y)) * (u if unit[0] else direction)).sum()
            loss, change = _loss_along(model, x, y, u if unit[1] else direction, distances)
        fails = (distances * slope - change).abs() > tolerance * reference(loss, change).abs()
        return select(distances, fails)

    return wrong


def _select_or_inf(distances: Tensor, mask: Tensor, index: int) -> Tensor:
    """One of the distances under a mask, infinity if there are none."""
    return distances[mask][index] if mask.any() else distances.new_tensor(float("inf"))


def _mistake_last_crossing(distances: Tensor, fails: Tensor) -> Tensor:
    """The last distance at which the approximation begins to fail."""
    return _select_or_inf(distances[1:], fails[1:] & ~fails[:-1], -1)


def _mistake_training_mode(batches: str) -> Callable[..., Tensor]:
    """The mode of the network is not changed; in training mode the result depends on how the images are batched."""

    def wrong(model, x, y, direction, distances, tolerance=0.1):
        u = direction / direction.norm()
        leaf = x.clone().requires_grad_()
        # input_gradient refuses a network in training mode, because it would give this result.
        slope = (torch.autograd.grad(F.cross_entropy(model(leaf), y), leaf)[0] * u).sum()
        path = x + distances.view(-1, *[1] * (x.dim() - 1)) * u
        with torch.no_grad():
            if batches == "all in one":
                change = _loss_along(model, x, y, u, distances)[1]
            else:
                parts = path.split(1) if batches == "one by one" else [path]
                losses = [F.cross_entropy(model(part), y.expand(len(part)), reduction="none") for part in parts]
                change = torch.cat(losses) - F.cross_entropy(model(x), y)
        fails = (distances * slope - change).abs() > tolerance * change.abs()
        return _select_or_inf(distances, fails, 0)

    return wrong


class _SineActivation(nn.Module):
    """An activation that is not monotone, so that the linear approximation can fail and be accurate again."""

    def forward(self, x: Tensor) -> Tensor:
        """Return sin(2x).

        Args:
            x: any shape.

        Returns:
            Values like x.
        """
        return torch.sin(2 * x)


def _make_case(seed: int, norm: float, training: bool) -> Callable[[torch.Generator], tuple]:
    """A case: a small network with batch normalization, an image, and a direction of this norm.

    The seeds are chosen so that the approximation becomes accurate again at larger distances, and so that a tenth of
    the true change and a tenth of the predicted change give the same result: both readings of the question are correct.
    """

    def make(_: torch.Generator) -> tuple:
        generator = torch.Generator().manual_seed(seed)
        with torch.random.fork_rng(devices=[]):
            model = nn.Sequential(
                nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), _SineActivation(), nn.Flatten(), nn.Linear(36, 3)
            ).double()
        running_mean, running_var = list(model.buffers())[:2]
        for tensor in [*model.parameters(), running_mean]:
            tensor.data.normal_(0, 0.4, generator=generator)
        running_var.uniform_(1, 3, generator=generator)
        x = torch.randn(1, 2, 5, 5, generator=generator, dtype=torch.float64)
        direction = torch.randn(x.shape, generator=generator, dtype=x.dtype)
        y = torch.randint(3, (1,), generator=generator)
        distances = 0.02 * 1.25 ** torch.arange(32, dtype=x.dtype)
        return model.train(training), x, y, norm * direction / direction.norm(), distances, 0.1

    return make


linearization_radius = Exercise(
    name="linearization_radius",
    reference=reference_radius,
    cases=(
        _make_case(3870, 2.5, True),
        _make_case(9667, 0.3, True),
        _make_case(2265, 1.8, False),
        _make_case(101, 4.0, True),
    ),
    known_mistakes={
        "The error is relative to the loss, not to its change. Close to x the loss hardly changes, so every error is "
        "smaller than a tenth of the loss: which quantity does the approximation predict?": (
            _mistake(reference=lambda loss, _: loss),
            _mistake(reference=lambda loss, change: loss + change),
        ),
        "The direction does not have unit norm, so t is not the distance. How far is x + t · direction from x?": (
            _mistake(unit=(False, False)),
            _mistake(unit=(True, False)),
            _mistake(unit=(False, True)),
        ),
        "Your function returns the last distance at which the approximation fails, not the first. It may become "
        "accurate again further out: where does it fail for the first time?": (
            _mistake(select=_mistake_last_crossing),
            _mistake(select=lambda distances, fails: distances[fails][-1]),
            _mistake(select=lambda distances, fails: _select_or_inf(distances, ~fails, -1)),
        ),
        "The error is absolute, not relative. Multiply the loss by ten: should the radius shrink?": _mistake(
            reference=lambda _, change: torch.ones_like(change)
        ),
        "The network is in training mode. Batch normalization then uses the statistics of the batch: which other "
        "images are in the batch when you classify a single one?": tuple(
            map(_mistake_training_mode, ("one by one", "without x", "all in one"))
        ),
    },
    fallback_hint=(
        "print distance, predicted change and true change side by side for one case, and find the first row that "
        "differs too much"
    ),
    success_message="A gradient describes the neighborhood of x, and now you can compute how large it is.",
)
