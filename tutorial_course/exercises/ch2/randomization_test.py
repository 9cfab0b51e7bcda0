"""Exercise 3: does the map know the weights?"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from tutorial_course.exercises import Exercise
from tutorial_lib.metrics import plcc, srcc

Compare = Callable[[Tensor, Tensor], float]


def reference_randomization_score(method: Callable[..., Tensor], model: nn.Module, x: Tensor, draws: int = 10) -> float:
    """The mean of Spearman's correlation between a picture's raw map and its map once ``model.head`` is drawn anew.

    The mean is over pictures and draws, in [−1, 1]; the target is what the trained network predicts. The model is left as it is.
    Shapes: x (N, …), method(model, x, target) -> (N, …).
    """
    return parametrized_score(method, model, x, draws)


def parametrized_score(
    method: Callable[..., Tensor],
    model: nn.Module,
    x: Tensor,
    draws: int,
    *,
    borrow: Callable[[nn.Module], nn.Module] = copy.deepcopy,
    compare: Compare = srcc,
    same_question: bool = True,
    count: Callable[[list[float]], list[float]] = lambda scores: scores,
) -> float:
    """The right lines, with what goes wrong left open: who forgets, what is compared, what is asked, which draws count."""
    scores, target = [], model(x).argmax(1)
    before = method(model, x, target)
    for _ in range(draws):
        other = borrow(model)
        other.head.reset_parameters()
        # Asking again changes something only where the borrowed network itself has forgotten.
        before = method(model, x, target) if other is model else before
        after = method(other, x, target if same_question else other(x).argmax(1))
        pairs = zip(before.flatten(1), after.flatten(1), strict=True)
        scores.append(sum(compare(a, b) for a, b in pairs) / len(before))
    counted = count(scores)
    return sum(counted) / len(counted)


def mistake(**changed) -> Callable[..., float]:
    return lambda *arguments: parametrized_score(*arguments, **changed)


def mistake_preprocessed(look: Callable[[Tensor], Tensor], compare: Compare) -> Compare:
    return lambda a, b: compare(look(a), look(b))


class ToyModel(nn.Module):
    """A small network: maps of both signs, their averages, one linear layer."""

    def __init__(self, channels: int, classes: int):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, channels, 2), nn.Tanh())
        self.head = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x).mean((2, 3)))


class ToyExplanation:
    """A method whose score does not hang on luck: each fresh last layer is read as the next of a fixed series.

    Its maps are Grad-CAM's for a :class:`Seer`, L = Σ_k W_tk A^k. Whoever draws a layer anew, in whatever way, finds the first
    layer of the series, then the second; one drawn twice alike is one layer. A network that is asked about another class than
    the trained one predicts was asked about its own prediction, so that is what it answers. A method that is ``deaf`` adds up
    the channels and never looks at the last layer.
    """

    def __init__(self, model: ToyModel, deaf: bool):
        self.trained, self.bias, self.deaf = model.head.weight.detach().clone(), model.head.bias.detach().clone(), deaf
        self.met: list[Tensor] = []

    def __call__(self, model: ToyModel, x: Tensor, target: Tensor | int | None = None) -> Tensor:
        with torch.no_grad():
            A = model.body(x).double()
            if self.deaf:
                return A.sum(1)
            asked = model(x).argmax(1) if target is None else torch.as_tensor(target).expand(len(x))
            W = self.trained.double()
            known = (A.mean((2, 3)) @ W.T + self.bias.double()).argmax(1)
            if not torch.equal(model.head.weight, self.trained):
                W = self.series(model.head.weight)
                asked = known if torch.equal(asked, known) else (A.mean((2, 3)) @ W.T).argmax(1)
            return torch.einsum("nk,nkhw->nhw", W[asked], A)

    def series(self, weight: Tensor) -> Tensor:
        """The layer of the series that stands for this weight."""
        # Held against all that came before, and not counted: whoever asks twice about one layer has drawn once.
        place = next((k for k, one in enumerate(self.met) if torch.equal(one, weight)), len(self.met))
        if place == len(self.met):
            self.met.append(weight.detach().clone())
        return torch.randn(weight.shape, generator=torch.Generator().manual_seed(place), dtype=torch.float64)


def make_case(
    N: int, channels: int, classes: int, draws: int, deaf: bool = False
) -> Callable[[torch.Generator], tuple]:
    """A case: a method, a network, pictures that it takes for different classes, and how often to draw."""

    def make(generator: torch.Generator) -> tuple:
        with torch.random.fork_rng(devices=[]):
            model = ToyModel(channels, classes).eval()
        for p in model.parameters():
            p.data.normal_(0, 1 if p.dim() > 1 else 0.1, generator=generator)
        return ToyExplanation(model, deaf), model, torch.randn(N, 3, 6, 6, generator=generator), draws

    return make


randomization_score = Exercise(
    name="randomisation_score",
    reference=reference_randomization_score,
    cases=(
        make_case(4, 5, 6, draws=3),
        make_case(3, 4, 8, draws=6),
        make_case(2, 6, 5, draws=2, deaf=True),
        make_case(5, 6, 7, draws=4),
    ),
    known_mistakes={
        "Both maps come from one network, and it is the borrowed one that was changed in place. `other = model` is a second "
        "name, not a second network: what makes a copy?": mistake(borrow=lambda model: model),
        "The target is recomputed by the network that has forgotten, so two different questions are compared. Ask before and "
        "after about one class: who knows which?": mistake(same_question=False),
        "The stretched pictures are compared, not the order of the raw values. Stretching and clipping are the painter's: would "
        "your score stay if the map were cubed?": (
            mistake(compare=plcc),
            mistake(compare=mistake_preprocessed(torch.relu, srcc)),
            mistake(compare=mistake_preprocessed(torch.relu, plcc)),
        ),
        "The sign is thrown away first. What spoke for P and now speaks against it has changed as much as it can: should it "
        "count as unchanged?": (
            mistake(compare=mistake_preprocessed(torch.abs, srcc)),
            mistake(compare=mistake_preprocessed(torch.abs, plcc)),
        ),
        "Only one draw counts. A single fresh layer may resemble the trained one by luck: how far do two draws lie "
        "apart?": (mistake(count=lambda scores: scores[:1]), mistake(count=lambda scores: scores[-1:])),
    },
    fallback_hint="print the score of every draw for a method that ignores the network, as a map of the edges does: it should be 1",
    success_message="A map that keeps its order while the answer is forgotten draws the picture. Ask your favourite method.",
)
