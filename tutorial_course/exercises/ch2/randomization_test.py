"""Exercise 3: the randomization test, a sanity check for explanations."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tutorial_course.exercises import Exercise
from tutorial_lib.metrics import plcc, srcc

Compare = Callable[[Tensor, Tensor], float]


def reference_randomization_score(method: Callable[..., Tensor], model: nn.Module, x: Tensor, draws: int = 10) -> float:
    """Return the rank correlation of maps before and after re-initializing the last layer.

    The target of the maps is the class that the trained network predicts.

    Args:
        method: an explanation, ``method(model, x, target) -> (N, …)``.
        model: a classifier with a last layer ``head``; it is left as it was.
        x: images (N, …).
        draws: number of random re-initializations.

    Returns:
        Spearman's correlation, averaged over images and re-initializations, in [−1, 1]; 1 if the maps do not depend on
        the last layer.
    """
    return _parametrized_score(method, model, x, draws)


def _parametrized_score(
    method: Callable[..., Tensor],
    model: nn.Module,
    x: Tensor,
    draws: int,
    *,
    copy_model: Callable[[Any], Any] = copy.deepcopy,
    compare: Compare = srcc,
    same_target: bool = True,
    select: Callable[[list[float]], list[float]] = lambda scores: scores,
) -> float:
    """The solution, with its frequent mistakes as parameters: the copy, the comparison, the target, the draws used."""
    scores, target = [], model(x).argmax(1)
    before = method(model, x, target)
    for _ in range(draws):
        other = copy_model(model)
        other.head.reset_parameters()
        # Computing the map again makes a difference only if the original network itself was re-initialized.
        before = method(model, x, target) if other is model else before
        after = method(other, x, target if same_target else other(x).argmax(1))
        pairs = zip(before.flatten(1), after.flatten(1), strict=True)
        scores.append(sum(compare(a, b) for a, b in pairs) / len(before))
    selected = select(scores)
    return sum(selected) / len(selected)


def _mistake(**changed) -> Callable[..., float]:
    """The solution with other parameters."""
    return lambda *arguments: _parametrized_score(*arguments, **changed)


def _mistake_preprocessed(transform: Callable[[Tensor], Tensor], compare: Compare) -> Compare:
    """A comparison of maps after a transform."""
    return lambda a, b: compare(transform(a), transform(b))


class _ToyModel(nn.Module):
    """A small network: feature maps with positive and negative values, their averages, one linear layer.

    Args:
        channels: number of feature maps.
        classes: number of classes.
    """

    def __init__(self, channels: int, classes: int):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, channels, 2), nn.Tanh())
        self.head = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits.

        Args:
            x: images (N, 3, H, W).

        Returns:
            Logits (N, classes).
        """
        return self.head(self.body(x).mean((2, 3)))


class _ToyExplanation:
    """An explanation whose score does not depend on chance.

    Its maps are those of Grad-CAM for a :class:`_ToyModel`, L = Σ_k W_tk A^k. Each re-initialized last layer is
    replaced with the next layer of a fixed series, whatever its random values are; a layer that was seen before is
    replaced with the same layer as before. If the target is not the class that the trained network predicts, it must be
    the prediction of the re-initialized network, and is replaced with the prediction of the layer of the series.

    Args:
        model: the trained network.
        insensitive: if True, the maps are the sums of the channels, which do not depend on the last layer.
    """

    def __init__(self, model: _ToyModel, insensitive: bool):
        self.trained, self.bias = model.head.weight.detach().clone(), model.head.bias.detach().clone()
        self.insensitive = insensitive
        self.known_weights: list[Tensor] = []

    def __call__(self, model: _ToyModel, x: Tensor, target: Tensor | int | None = None) -> Tensor:
        """Return the maps.

        Args:
            model: the trained network, or one with a re-initialized last layer.
            x: images (N, 3, H, W).
            target: class index, labels (N,), or None for the predicted class.

        Returns:
            Maps (N, h, w), signed.
        """
        with torch.no_grad():
            A = model.body(x).double()
            if self.insensitive:
                return A.sum(1)
            labels = model(x).argmax(1) if target is None else torch.as_tensor(target).expand(len(x))
            W = self.trained.double()
            trained_labels = (A.mean((2, 3)) @ W.T + self.bias.double()).argmax(1)
            if not torch.equal(model.head.weight, self.trained):
                W = self._layer_of_series(model.head.weight)
                if not torch.equal(labels, trained_labels):
                    labels = (A.mean((2, 3)) @ W.T).argmax(1)
            return torch.einsum("nk,nkhw->nhw", W[labels], A)

    def _layer_of_series(self, weight: Tensor) -> Tensor:
        """The layer of the series that replaces this weight."""
        # Weights are compared with all earlier ones, because a solution may compute several maps with the same layer.
        known = self.known_weights
        place = next((k for k, other in enumerate(known) if torch.equal(other, weight)), len(known))
        if place == len(known):
            known.append(weight.detach().clone())
        return torch.randn(weight.shape, generator=torch.Generator().manual_seed(place), dtype=torch.float64)


def _make_case(
    N: int, channels: int, classes: int, draws: int, insensitive: bool = False
) -> Callable[[torch.Generator], tuple]:
    """A case: an explanation, a network, images that it assigns to different classes, and the number of draws."""

    def make(generator: torch.Generator) -> tuple:
        with torch.random.fork_rng(devices=[]):
            model = _ToyModel(channels, classes).eval()
        for p in model.parameters():
            p.data.normal_(0, 1 if p.dim() > 1 else 0.1, generator=generator)
        return _ToyExplanation(model, insensitive), model, torch.randn(N, 3, 6, 6, generator=generator), draws

    return make


randomization_score = Exercise(
    name="randomization_score",
    reference=reference_randomization_score,
    cases=(
        _make_case(4, 5, 6, draws=3),
        _make_case(3, 4, 8, draws=6),
        _make_case(2, 6, 5, draws=2, insensitive=True),
        _make_case(5, 6, 7, draws=4),
    ),
    known_mistakes={
        "Both maps come from one network, and the original was changed in place. `other = model` is a second name, not "
        "a second network: what makes a copy?": _mistake(copy_model=lambda model: model),
        "The target is recomputed by the re-initialized network, so maps for different classes are compared. Use one "
        "class before and after: which network predicts it?": _mistake(same_target=False),
        "The normalized maps are compared, not the order of the raw values. Normalizing and clipping serve the "
        "display: would your score stay if the map were cubed?": (
            _mistake(compare=plcc),
            _mistake(compare=_mistake_preprocessed(torch.relu, srcc)),
            _mistake(compare=_mistake_preprocessed(torch.relu, plcc)),
        ),
        "Absolute values are taken first. Evidence for P that becomes evidence against it has changed as much as it "
        "can: should it count as unchanged?": (
            _mistake(compare=_mistake_preprocessed(torch.abs, srcc)),
            _mistake(compare=_mistake_preprocessed(torch.abs, plcc)),
        ),
        "Only one draw counts. A single random layer may resemble the trained one by chance: how different are the "
        "scores of two draws?": (
            _mistake(select=lambda scores: scores[:1]),
            _mistake(select=lambda scores: scores[-1:]),
        ),
    },
    fallback_hint=(
        "print the score of every draw for a method that ignores the network, such as an edge map: it should be 1"
    ),
    success_message=(
        "A map that keeps its order when the last layer is random depends on the image alone. Test your favorite "
        "method."
    ),
)
