"""Novelty from the required change of one layer of a generative model, and a judge that needs no novel picture to learn."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tutorial_lib._batching import batch_slices
from tutorial_lib.gradients import Objective, per_sample_gradients, reconstruction_mse


def layer_gradient_features(
    model: nn.Module,
    x: Tensor,
    layer: str | nn.Module = "decoder.0",
    objective: Callable[[Tensor], Objective] = reconstruction_mse,
    *,
    batch_size: int = 64,
) -> Tensor:
    """The change that one layer would need to expect a picture: ∂L(x)/∂φ of its weight, flattened, signed. x (N, …) -> (N, d).

    Its norm says how much, its direction which way. The divergence from the prior does not depend on the decoder, so for a
    variational autoencoder this is the gradient of the whole bound.

    Args:
        model: pictures to reconstructions; a variational one must reconstruct without chance.
        x: pictures.
        layer: the layer whose weight is asked; by default the first of ``decoder``.
        objective: from pictures to the objective bound to them: :func:`tutorial_lib.gradients.reconstruction_mse` or
            :func:`tutorial_lib.gradients.bernoulli_nll`.
        chunk: pictures at a time.

    Raises:
        ValueError: as :func:`tutorial_lib.gradients.per_sample_gradients` does.

    Source: Kwon, Prabhushankar, Temel, AlRegib, ICIP 2020, arXiv 2008.06094.

    Example:
        >>> model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 3))
        >>> layer_gradient_features(model, torch.rand(5, 3), "1").shape
        torch.Size([5, 6])
    """
    found = []
    for rows in batch_slices(max(1, len(x)), batch_size):
        part = x[rows]
        gradients = per_sample_gradients(model, part, objective(part), layers=layer, batch_size=batch_size)
        found.append(torch.cat([g.flatten(1) for name, g in gradients.items() if name.endswith("weight")], 1))
    return torch.cat(found)


def add_gaussian_noise(x: Tensor, *, spread: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """The same pictures under normal noise, kept in [0, 1]: a stand-in for the abnormal where no abnormal picture may be shown.

    A detector that learns normal pictures from their noisy copies (``PurviewDetector(hidden=(40, 20), log=False)``) has seen no
    novelty of the kind that it is tested on.

    Args:
        x: (N, …) in [0, 1].
        spread: standard deviation of the noise; 1 drowns the picture.
        generator: source of the noise, on the CPU; without one, a fresh one seeded with 0.

    Source: the training protocol of Kwon et al., ICIP 2020, arXiv 2008.06094.

    Example:
        >>> add_gaussian_noise(torch.full((1, 4), 0.5), spread=0.0)
        tensor([[0.5000, 0.5000, 0.5000, 0.5000]])
    """
    generator = generator if generator is not None else torch.Generator().manual_seed(0)
    return (x + spread * torch.randn(x.shape, generator=generator).to(x)).clamp(0, 1)
