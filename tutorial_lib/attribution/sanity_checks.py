"""Does a map depend on what the network has learned? Forget it layer by layer, explain again, and compare."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from tutorial_lib.gradients import find_layer, layer_names
from tutorial_lib.metrics import srcc


class RandomizationResult(NamedTuple):
    """``layers``: what was forgotten last at each stage, "" for nothing; ``similarity``, ``magnitude``: (stages, N), float64."""

    layers: list[str]
    similarity: Tensor
    magnitude: Tensor


def model_randomization_test(
    model: nn.Module,
    x: Tensor,
    explain: Callable[[nn.Module, Tensor], Tensor],
    *,
    layers: Sequence[str | nn.Module] | None = None,
    cascading: bool = True,
    generator: torch.Generator | None = None,
) -> RandomizationResult:
    """The rank correlation of maps before and after the network forgets, layer by layer from the answer down: in [−1, 1].

    To forget, each tensor of a layer's parameters keeps its values and loses their order: they are shuffled. A map that explains
    the network must change, its correlation fall towards 0, what a random map has; one that stays near 1 draws the picture, not
    the network (an edge detector stays at 1). The first row, stage "", asks an unchanged copy again: below 1, the explanation
    is not even repeatable. A constant map has no order: its correlation is 1 with a constant map, else 0.

    Args:
        model: left as it is; a copy forgets.
        x: pictures, (N, …).
        explain: from a model and pictures to maps, (N, …), as ``lambda model, x: saliency(model, x, 3)``. Fix the class inside
            it: a network that forgets predicts another.
        layers: what to forget, in this order; a block goes as one. None: all layers, the last registered first.
        cascade: True: what is forgotten stays forgotten; False: each layer by itself.
        generator: source of the shuffling, on the CPU; without one, a fresh one seeded with 0.

    Returns:
        for each stage and sample ``similarity``, Spearman's correlation of the signed maps, and ``magnitude``, that of |maps|.

    Raises:
        ValueError: an unknown layer or one without parameters; maps that are not finite, or not one for each picture.

    Source: Adebayo et al., NeurIPS 2018, arXiv 1810.03292 (there, layers are initialised anew).

    Example:
        >>> model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
        >>> found = model_randomization_test(model, torch.rand(2, 6), lambda model, x: x)  # looks at the picture alone
        >>> found.layers, found.similarity.min()
        (['', '2', '0'], tensor(1., dtype=torch.float64))
    """
    generator = generator if generator is not None else torch.Generator().manual_seed(0)
    if layers is None:
        stages = [(name, [name]) for name in reversed(layer_names(model))]
    else:
        names = {id(module): name for name, module in model.named_modules()}
        stages = [(names[id(find_layer(model, layer))], layer_names(model, [layer])) for layer in layers]
    before = _maps(explain, model, x)
    forgetful = copy.deepcopy(model)
    rows = [_similarity(before, _maps(explain, forgetful, x))]
    for _, owners in stages:
        forgetful = forgetful if cascading else copy.deepcopy(model)
        for owner in owners:
            _shuffle(find_layer(forgetful, owner), generator)
        rows.append(_similarity(before, _maps(explain, forgetful, x)))
    found = torch.tensor(rows, dtype=torch.float64)
    return RandomizationResult(["", *(name for name, _ in stages)], found[..., 0], found[..., 1])


def _shuffle(module: nn.Module, generator: torch.Generator) -> None:
    with torch.no_grad():
        for p in module.parameters(recurse=False):
            p.copy_(p.flatten()[torch.randperm(p.numel(), generator=generator).to(p.device)].view_as(p))


def _maps(explain: Callable[[nn.Module, Tensor], Tensor], model: nn.Module, x: Tensor) -> Tensor:
    maps = explain(model, x)
    if not isinstance(maps, Tensor) or len(maps) != len(x) or maps.dim() < 2 or not maps.isfinite().all():
        found = tuple(maps.shape) if isinstance(maps, Tensor) else type(maps).__name__
        raise ValueError(f"explain(model, x) must give one finite map a picture, ({len(x)}, …), not {found}")
    return maps.detach().flatten(1)


def _similarity(before: Tensor, after: Tensor) -> list[tuple[float, float]]:
    return [(_correlation(a, b), _correlation(a.abs(), b.abs())) for a, b in zip(before, after, strict=True)]


def _correlation(a: Tensor, b: Tensor) -> float:
    constant = [bool((m == m[0]).all()) for m in (a, b)]
    return srcc(a, b) if not any(constant) else float(all(constant))
