"""Gradients that fit into little memory: every sample's own gradient, hashed to a few hundred numbers as soon as it is there."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tutorial_lib.gradients.layers import Layer, parameters_by_layer
from tutorial_lib._batching import batch_slices
from tutorial_lib.gradients.objectives import as_objective
from tutorial_lib.gradients.per_sample import per_sample_gradients


def gradient_sketch(
    model: nn.Module,
    x: Tensor,
    objective=None,
    *,
    sketch_dim: int = 256,
    layers: Layer | list[Layer] | None = None,
    batch_size: int = 16,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Every sample's own gradient g = ∂J_n/∂θ, projected at random to ``size`` numbers: S g. x (N, …) -> (N, size), signed.

    Each parameter is given a sign ±1 and a place among ``size``, and adds itself there: (S g)_j = Σ_{i: place(i) = j} sign(i) g_i.
    ⟨S a, S b⟩ is ⟨a, b⟩ in the mean over draws, and off by about ‖a‖‖b‖/√size, however many parameters there are (Johnson and
    Lindenstrauss). So cosines, distances and norms survive; single coordinates mean nothing any more. Memory: ``batch_size`` whole
    gradients at a time, and ``size`` numbers a sample for good.

    Args:
        model, x, objective, layers, chunk: as for :func:`parameter_gradients`.
        size: how many numbers are kept of each gradient.
        generator: source of signs and places, on the CPU; without one, a fresh one seeded with 0. Sketches can be compared only
            where they were made with the same.

    Raises:
        ValueError: a size below one, and as :func:`parameter_gradients` does.

    Source: Charikar, Chen, Farach-Colton, 2002; Weinberger et al., ICML 2009, arXiv 0902.2206.

    Example:
        >>> sketch = gradient_sketch(nn.Linear(2, 3), torch.tensor([[3., 4.]]), 1, sketch_dim=1000)
        >>> sketch.shape, round(sketch.norm().item(), 3)  # √(3² + 4² + 1), since nothing fell on the same place
        (torch.Size([1, 1000]), 5.099)
    """
    if sketch_dim < 1:
        raise ValueError(f"a sketch needs a size of at least 1, not {sketch_dim}")
    generator = generator if generator is not None else torch.Generator().manual_seed(0)
    owners = parameters_by_layer(model, layers)
    lengths = {name: p.numel() for names in owners.values() for name, p in names.items()}
    hashes = {}
    for name, length in lengths.items():
        place = torch.randint(sketch_dim, (length,), generator=generator)
        sign = 2.0 * torch.randint(2, (length,), generator=generator) - 1
        hashes[name] = place.to(x.device), sign.to(x)
    objective, found = as_objective(objective, x), []
    for rows in batch_slices(max(1, len(x)), batch_size):
        whole = per_sample_gradients(model, x[rows], objective.select(rows), layers=layers, batch_size=batch_size)
        sketch = x.new_zeros(len(x[rows]), sketch_dim)
        for name, (place, sign) in hashes.items():
            sketch.index_add_(1, place, (whole[name].flatten(1) * sign).to(sketch))
        found.append(sketch)
    return torch.cat(found)
