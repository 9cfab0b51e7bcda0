"""Ask several networks: they are unsure together of a poor picture, and of one another where none has learned it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from tutorial_lib._batching import batch_slices
from tutorial_lib.gradients import last_linear_layer, model_outputs, penultimate_features


class PredictiveUncertainty(NamedTuple):
    """What several answers say together. Three scores, (N,), in nats, higher = more abnormal: ``total = picture + model``.

    ``probabilities``: their mean p̄, (N, C). ``total``: H[p̄]. ``picture``: the mean of H[p_t], doubt that every voter has.
    ``model``: the mutual information H[p̄] − mean H[p_t] ≥ 0, what the voters disagree about.
    """

    probabilities: Tensor
    predictive_entropy: Tensor
    expected_entropy: Tensor
    mutual_information: Tensor


def decompose_uncertainty(logits: Tensor) -> PredictiveUncertainty:
    """What T answers to each picture say together: logits (T, N, C) -> :class:`Votes`.

    Raises:
        ValueError: no voter.

    Source: Houlsby et al., 2011, arXiv 1112.5745.

    Example:
        >>> sure, torn = [[[30., 0.]], [[0., 30.]]], [[[0., 0.]], [[0., 0.]]]
        >>> decompose_uncertainty(torch.tensor(sure)).mutual_information, decompose_uncertainty(torch.tensor(torn)).mutual_information
        (tensor([0.6931]), tensor([0.]))
    """
    if logits.dim() != 3 or not len(logits) or not logits.shape[2] or not logits.is_floating_point():
        raise ValueError(f"logits of at least one voter, floats (T, N, C), not {logits.dtype} {tuple(logits.shape)}")
    log_p = logits.log_softmax(2)
    log_mean = log_p.logsumexp(0) - math.log(len(logits))
    p, mean = log_p.exp(), log_p.exp().mean(0)
    total, image = torch.special.entr(mean).sum(1), torch.special.entr(p).sum(2).mean(0)
    # H[p̄] − mean H[p_t] = mean Σ p_t log(p_t/p̄): taken so, it does not drown in the rounding of two entropies.
    apart = torch.where(p > 0, p * (log_p - log_mean), 0).sum(2).mean(0)
    return PredictiveUncertainty(mean, total, image, apart.clamp(min=0))


def deep_ensemble(models: Sequence[nn.Module], x: Tensor, *, batch_size: int = 256) -> PredictiveUncertainty:
    """Several networks, trained alike from other beginnings, on the same pictures. x (N, …) -> :class:`Votes`.

    Raises:
        ValueError: no network, networks with different outputs, and as :func:`tutorial_lib.gradients.model_outputs` does.

    Source: Lakshminarayanan, Pritzel, Blundell, NeurIPS 2017, arXiv 1612.01474.

    Example:
        >>> deep_ensemble([nn.Linear(3, 2), nn.Linear(3, 2)], torch.rand(5, 3)).mutual_information.shape
        torch.Size([5])
    """
    found = [model_outputs(model, x, batch_size=batch_size) for model in models]
    if not found or any(z.dim() != 2 or z.shape != found[0].shape for z in found):
        raise ValueError(f"at least one network, and logits (N, C) alike of all, not {[tuple(z.shape) for z in found]}")
    return decompose_uncertainty(torch.stack(found))


def mc_dropout(
    model: nn.Module,
    x: Tensor,
    *,
    p: float = 0.2,
    n_samples: int = 30,
    batch_size: int = 256,
    generator: torch.Generator | None = None,
) -> PredictiveUncertainty:
    """Monte Carlo dropout on the features h that enter the last layer: z_t = W (m_t ⊙ h)/(1 − rate) + b. x -> :class:`Votes`.

    One pass through the network; the masks m_t, each entry kept with probability 1 − rate, are the same for every picture,
    so that no picture's score depends on its neighbours. The reading as an approximate posterior asks for a network that was
    trained with this dropout. Those that ship with the course were not: for them it is a trial with perturbed features.

    Args:
        model: pictures to logits that come straight from a Linear layer.
        x: (N, …).
        rate: the share of features dropped.
        passes: T, how many masks.
        chunk: pictures at a time.
        generator: source of the masks; without one, a fresh one seeded with 0.

    Raises:
        ValueError: a rate outside [0, 1), no pass, and as :func:`tutorial_lib.gradients.penultimate_features` does.

    Source: Gal and Ghahramani, ICML 2016, arXiv 1506.02142.

    Example:
        >>> found = mc_dropout(nn.Linear(4, 3), torch.rand(5, 4), n_samples=10)
        >>> bool((found.mutual_information > 0).all()), torch.allclose(found.predictive_entropy, found.expected_entropy + found.mutual_information)
        (True, True)
    """
    if not 0 <= p < 1 or n_samples < 1:
        raise ValueError(f"a rate in [0, 1) and at least one pass, not rate={p}, passes={n_samples}")
    generator = generator if generator is not None else torch.Generator().manual_seed(0)
    last = last_linear_layer(model, x)
    # In one precision and on the generator's device, so that the masks do not depend on those of x.
    kept = torch.rand(n_samples, last.in_features, generator=generator, device=generator.device) >= p
    found = []
    with torch.no_grad():
        for rows in batch_slices(len(x), batch_size):
            _, h = penultimate_features(model, x[rows])
            masks = kept.to(h) / (1 - p)
            found.append(torch.stack([nn.functional.linear(m * h, last.weight, last.bias) for m in masks]))
        return decompose_uncertainty(torch.cat(found, 1))
