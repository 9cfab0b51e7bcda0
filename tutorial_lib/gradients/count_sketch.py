"""Random projections of per-sample gradients to a few hundred numbers, so that many of them fit into memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor, nn

from tutorial_lib._batching import run_in_batches
from tutorial_lib._validation import convert_arguments
from tutorial_lib.gradients.layers import Layer, flatten_layers, parameters_by_layer
from tutorial_lib.gradients.objectives import Objective, ObjectiveLike, as_objective
from tutorial_lib.gradients.per_sample import per_sample_gradients
from tutorial_lib.runtime import default_generator


@convert_arguments
def gradient_sketch(
    model: nn.Module,
    x: Tensor,
    objective: ObjectiveLike = None,
    *,
    sketch_dim: int = 256,
    layers: Layer | Sequence[Layer] | None = None,
    batch_size: int = 16,
    check_independence: bool = True,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return a count sketch of every sample's own gradient, a random projection.

    The gradient g = ∂J_n/∂θ becomes the sketch S g. Each parameter i is given a sign ±1 and a place among
    ``sketch_dim``, and its gradient is added there: (S g)_j = Σ_{i: place(i) = j} sign(i) g_i. The mean of ⟨S a, S b⟩
    over random signs and places is ⟨a, b⟩, and its error is about ‖a‖ ‖b‖ / √sketch_dim, however many parameters there
    are (Johnson and Lindenstrauss). So cosines, distances and norms are preserved approximately; single coordinates
    have no meaning.

    Memory: ``batch_size`` whole gradients at a time, and ``sketch_dim`` numbers per sample in the result.

    Args:
        model: any module that takes x alone and returns one row per sample; it is left as it was.
        x: samples (N, …).
        objective: what is differentiated, see :data:`~tutorial_lib.gradients.objectives.ObjectiveLike`; None is the
            logit of the predicted class.
        sketch_dim: how many numbers are kept of each gradient.
        layers: one or more layers; a block stands for all layers inside it. None selects every layer.
        batch_size: samples per pass; it bounds the memory and does not change the result.
        check_independence: run one sample of the first batch again alone (two, if there are fewer than four), and raise
            an error unless its outputs are the same; False saves the time for it.
        generator: source of the signs and places, on the CPU; None is a new one with seed 0. Sketches can be compared
            only if they were made with the same signs and places.

    Returns:
        Sketches (N, sketch_dim), signed.

    Raises:
        ValueError: ``sketch_dim`` below 1; samples that influence each other, a random network, an unknown layer,
            outputs or an objective of the wrong shape.

    References:
        Charikar, Chen, Farach-Colton, 2002; Weinberger et al., ICML 2009, arXiv:0902.2206.

    Example:
        >>> sketch = gradient_sketch(nn.Linear(2, 3), torch.tensor([[3., 4.]]), 1, sketch_dim=1000)
        >>> sketch.shape, round(sketch.norm().item(), 3)  # √(3² + 4² + 1), since no two parameters share a place here
        (torch.Size([1, 1000]), 5.099)
    """
    if sketch_dim < 1:
        raise ValueError(f"a sketch needs a sketch_dim of at least 1, not {sketch_dim}")
    generator = default_generator(generator)
    hashes = {}
    for name, p in flatten_layers(parameters_by_layer(model, layers)).items():
        place = torch.randint(sketch_dim, (p.numel(),), generator=generator, device=generator.device)
        sign = 2 * torch.randint(2, (p.numel(),), generator=generator, device=generator.device) - 1
        hashes[name] = place.to(x.device), sign.to(x.device)

    def one_batch(x: Tensor, objective: Objective) -> Tensor:
        gradients = per_sample_gradients(
            model, x, objective, layers=layers, batch_size=batch_size, check_independence=check_independence
        )
        dtype = reduce(torch.promote_types, (gradient.dtype for gradient in gradients.values()))
        sketch = torch.zeros(len(x), sketch_dim, dtype=dtype, device=x.device)
        for name, (place, sign) in hashes.items():
            sketch.index_add_(1, place, (gradients[name].flatten(1) * sign).to(sketch))
        return sketch

    return run_in_batches(one_batch, x, as_objective(objective, x), batch_size=batch_size)
