"""A sanity check of explanations: randomize the weights layer by layer, and compare the maps before and after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from tutorial_lib._validation import check_choice, convert_arguments
from tutorial_lib.gradients import Layer, find_layer, layer_names
from tutorial_lib.gradients._model_state import copy_model
from tutorial_lib.metrics.correlation import srcc_or_constant
from tutorial_lib.runtime import default_generator, random_normal, random_permutation

PROCEDURES = ("shuffle", "reinitialize")


class RandomizationResult(NamedTuple):
    """The rank correlation of maps before and after layers are randomized, stage by stage.

    Attributes:
        layers: the layer that was randomized last at each stage; "" at the first, where none is.
        similarity: Spearman's correlation of the signed maps, (stages, N), float64, in [−1, 1].
        magnitude: Spearman's correlation of their absolute values, (stages, N), float64, in [−1, 1].
    """

    layers: list[str]
    similarity: Tensor
    magnitude: Tensor


@convert_arguments
@torch.inference_mode(False)  # a copy of a model that is made in inference mode could not be differentiated
def model_randomization_test(
    model: nn.Module,
    x: Tensor,
    explain: Callable[[nn.Module, Tensor], Tensor],
    *,
    layers: Sequence[Layer] | None = None,
    procedure: str = "shuffle",
    generator: torch.Generator | None = None,
) -> RandomizationResult:
    """Return the similarity of maps before and after the weights are randomized.

    The layers are randomized one after the other, from the output to the input. There are two procedures:

    - "shuffle" permutes the entries of each parameter tensor, which preserves their distribution and their mean;
    - "reinitialize" replaces them with independent normal values of mean 0 and of the same root mean square.

    A map that explains the network must change. Average the absolute value of ``similarity`` over several generators,
    not the signed value. The reason is that many maps are odd in the last layer: they change their sign if its weights
    do, as input gradients, integrated gradients and Grad-CAM of a logit do. Re-initialized weights W and −W are equally
    probable, so the expectation of the signed correlation is 0 for each of these maps, even for an edge map that is
    multiplied by the sign of one weight. Compare the absolute value with that of two different images, since maps of
    one method have some similarity in any case, and with that of two trained networks.

    The first stage, "", repeats the explanation on an unchanged copy. A correlation below 1 there means that the
    explanation is not repeatable. A constant map has no ranks: its correlation is 1 with another constant map and 0
    otherwise.

    Args:
        model: any module with parameters; copies of it are randomized, and it is left as it was.
        x: images (N, …).
        explain: function of a model and images that returns maps (N, …), such as
            ``lambda model, x: saliency(model, x, 3)``. Fix the class, because the randomized network predicts another.
        layers: layers in the order in which they are randomized; all layers inside a block are randomized together.
            None selects every layer, the last registered first.
        procedure: "shuffle" or "reinitialize".
        generator: source of the random numbers, on the CPU; None is a new generator with seed 0.

    Returns:
        Layer names, and the correlations of the signed maps and of their absolute values, (stages, N) each, see
        :class:`RandomizationResult`. An absolute value near 1 at a randomized stage, in every run, means that the map
        does not depend on the weights.

    Raises:
        ValueError: an unknown procedure, an unknown layer or one without parameters; maps that are not finite, or not
            one for each image.

    References:
        Adebayo et al., NeurIPS 2018, arXiv:1810.03292 (there, layers are re-initialized).

    Example:
        >>> model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
        >>> result = model_randomization_test(model, torch.rand(2, 6), lambda model, x: x)  # depends on x alone
        >>> result.layers, result.similarity.min()
        (['', '2', '0'], tensor(1., dtype=torch.float64))
    """
    check_choice(procedure, PROCEDURES, "procedure")
    generator = default_generator(generator)
    if layers is None:
        stages = [(name, [name]) for name in reversed(layer_names(model))]
    else:
        names = {id(module): name for name, module in model.named_modules()}
        stages = [(names[id(find_layer(model, layer))], layer_names(model, [layer])) for layer in layers]
    original_maps = _compute_maps(explain, model, x)
    randomized = copy_model(model)
    correlations = []
    for _, names_inside in [("", []), *stages]:
        for name in names_inside:
            _randomize_parameters(find_layer(randomized, name), procedure, generator)
        correlations.append(_correlate_maps(original_maps, _compute_maps(explain, randomized, x)))
    similarity, magnitude = torch.tensor(correlations, dtype=torch.float64, device="cpu").unbind(-1)
    return RandomizationResult(["", *(name for name, _ in stages)], similarity, magnitude)


def _randomize_parameters(module: nn.Module, procedure: str, generator: torch.Generator) -> None:
    """Replace the entries of each parameter that the module owns, in place."""
    with torch.no_grad():
        for p in module.parameters(recurse=False):
            if procedure == "shuffle":
                p.copy_(p.flatten()[random_permutation(generator, p.numel()).to(p.device)].view_as(p))
            else:
                p.copy_(random_normal(generator, *p.shape).to(p) * p.square().mean().sqrt())


def _compute_maps(explain: Callable[[nn.Module, Tensor], Tensor], model: nn.Module, x: Tensor) -> Tensor:
    """The maps of an explanation, checked, as one row each."""
    maps = explain(model, x)
    if not isinstance(maps, Tensor) or len(maps) != len(x) or maps.dim() < 2 or not maps.isfinite().all():
        raise ValueError(
            f"explain(model, x) must return one finite map per image, ({len(x)}, …), "
            f"not {tuple(maps.shape) if isinstance(maps, Tensor) else type(maps).__name__}"
        )
    return maps.detach().flatten(1)


def _correlate_maps(before: Tensor, after: Tensor) -> list[tuple[float, float]]:
    """The rank correlations of signed maps and of their absolute values, for each image."""
    pairs = zip(before, after, strict=True)
    return [(srcc_or_constant(a, b), srcc_or_constant(a.abs(), b.abs())) for a, b in pairs]
