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


def reference_randomization_score(
    method: Callable[..., Tensor], model: nn.Module, x: Tensor, draws: int = 10
) -> tuple[float, float]:
    """Return the similarity of maps before and after the last layer is re-initialized, and its null.

    The target of the maps is the class that the trained network predicts.

    Args:
        method: an explanation, ``method(model, x, target) -> (N, …)``.
        model: a classifier with a last layer ``head``; it is left as it was.
        x: at least two images (N, …).
        draws: number of random re-initializations.

    Returns:
        The score and its null, both in [0, 1]. The score is the absolute value of Spearman's correlation of the maps
        before and after, averaged over images and re-initializations. The null is the absolute value of the correlation
        of the maps of two different images, both of the trained network, averaged over all pairs.
    """
    return _parametrized_score(method, model, x, draws)


def _absolute_srcc(a: Tensor, b: Tensor) -> float:
    """The absolute value of Spearman's correlation."""
    return abs(srcc(a, b))


def _parametrized_score(
    method: Callable[..., Tensor],
    model: nn.Module,
    x: Tensor,
    draws: int,
    *,
    copy_model: Callable[[Any], Any] = copy.deepcopy,
    compare: Compare = _absolute_srcc,
    same_target: bool = True,
    select: Callable[[list[float]], list[float]] = lambda scores: scores,
    with_itself: bool = False,
) -> tuple[float, float]:
    """The solution, with its frequent mistakes as parameters.

    They are the copy, the comparison, the target, the draws used, and whether the null has pairs of equal images.
    """
    scores, target = [], model(x).argmax(1)
    before = method(model, x, target)
    maps = before.flatten(1)
    pairs = [compare(a, b) for i, a in enumerate(maps) for j, b in enumerate(maps) if with_itself or i != j]
    for _ in range(draws):
        other = copy_model(model)
        other.head.reset_parameters()
        # Computing the map again makes a difference only if the original network itself was re-initialized.
        before = method(model, x, target) if other is model else before
        after = method(other, x, target if same_target else other(x).argmax(1))
        matched = zip(before.flatten(1), after.flatten(1), strict=True)
        scores.append(sum(compare(a, b) for a, b in matched) / len(before))
    selected = select(scores)
    return sum(selected) / len(selected), sum(pairs) / len(pairs)


def _variant(**changed) -> Callable[..., tuple[float, float]]:
    """The solution with other parameters."""
    return lambda *arguments: _parametrized_score(*arguments, **changed)


def _preprocessed(transform: Callable[[Tensor], Tensor], compare: Compare) -> Compare:
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
        kind: "Grad-CAM"; "edges" for differences of neighboring pixels, which do not depend on the last layer; "edges
            times one weight" for the same differences times the sign of W_t0, one weight of the last layer.
    """

    def __init__(self, model: _ToyModel, kind: str):
        self.trained, self.bias = model.head.weight.detach().clone(), model.head.bias.detach().clone()
        self.kind = kind
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
            A, edges = model.body(x).double(), x[:, 0].diff(dim=-1).double()
            if self.kind == "edges":
                return edges
            labels = model(x).argmax(1) if target is None else torch.as_tensor(target).expand(len(x))
            W = self.trained.double()
            trained_labels = (A.mean((2, 3)) @ W.T + self.bias.double()).argmax(1)
            if not torch.equal(model.head.weight, self.trained):
                W = self._layer_of_series(model.head.weight)
                if not torch.equal(labels, trained_labels):
                    labels = (A.mean((2, 3)) @ W.T).argmax(1)
            if self.kind == "edges times one weight":
                return edges * W[labels, 0].sign()[:, None, None]
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
    N: int, channels: int, classes: int, draws: int, kind: str = "Grad-CAM"
) -> Callable[[torch.Generator], tuple]:
    """A case: an explanation, a network, images that it assigns to different classes, and the number of draws."""

    def make(generator: torch.Generator) -> tuple:
        with torch.random.fork_rng(devices=[]):
            model = _ToyModel(channels, classes).eval()
        for p in model.parameters():
            p.data.normal_(0, 1 if p.dim() > 1 else 0.1, generator=generator)
        return _ToyExplanation(model, kind), model, torch.randn(N, 3, 6, 6, generator=generator), draws

    return make


randomization_score = Exercise(
    name="randomization_score",
    reference=reference_randomization_score,
    outputs=("the score", "the null"),
    cases=(
        _make_case(4, 5, 6, draws=3),
        _make_case(3, 4, 8, draws=6),
        _make_case(2, 6, 5, draws=2, kind="edges"),
        _make_case(3, 5, 6, draws=4, kind="edges times one weight"),
        _make_case(5, 6, 7, draws=4),
    ),
    # Adebayo et al. also compare the absolute values of the maps, whose correlation is then averaged as it is.
    alternatives=(
        _variant(compare=_preprocessed(torch.abs, srcc)),
        _variant(compare=_preprocessed(torch.abs, _absolute_srcc)),
    ),
    known_mistakes={
        "Both maps come from the same network, because the original was changed in place. `other = model` is a second "
        "name, not a second network: what makes a copy?": _variant(copy_model=lambda model: model),
        "The target is recomputed by the re-initialized network, so maps for different classes are compared. Use the "
        "same class before and after the re-initialization: which of the two networks should predict it?": _variant(
            same_target=False
        ),
        "The normalized maps are compared, not the order of the raw values. Normalizing and clipping are useful for "
        "the display only: would your score stay the same if the map were cubed?": (
            _variant(compare=lambda a, b: abs(plcc(a, b))),
            _variant(compare=plcc),
            _variant(compare=_preprocessed(torch.relu, srcc)),
            _variant(compare=_preprocessed(torch.relu, plcc)),
        ),
        "Positive and negative correlations are averaged, so they cancel. Edges that are multiplied by +1 or −1 have a "
        "signed mean near 0, although the edges stay the same: what has to be done with r before it is "
        "averaged?": _variant(compare=srcc),
        "Your function uses only one draw. A single random layer may resemble the trained one by chance: how different "
        "are the scores of two draws?": (
            _variant(select=lambda scores: scores[:1]),
            _variant(select=lambda scores: scores[-1:]),
        ),
        "The null distribution contains pairs of an image with itself, whose correlation is 1. Use only pairs of two "
        "different images: for how many of the N² pairs is i ≠ j?": _variant(with_itself=True),
    },
    fallback_hint=(
        "print |r| of every draw for a method that ignores the network, such as an edge map: it should be 1"
    ),
    success_message=(
        "A score of 1 means that the map does not depend on the last layer. A score near the null means that the new "
        "map resembles the old one no more than the maps of two different images resemble each other."
    ),
)
