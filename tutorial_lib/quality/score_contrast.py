"""Why this score, rather than Q? The question asked of a network that gives one number, and what such a network can answer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tutorial_lib.gradients import Objective, bind_per_sample, layer_gradient


def score_contrast_loss(contrast_score: float | Tensor) -> Objective:
    """Why f, rather than Q? J = (f − Q)², of a network with one output: outputs (n, 1) -> (n,).

    Its gradient is 2 (f − Q) ∂f/∂(anything): the same for every Q, up to a number. So all maps for Q > f are one map, and those
    for Q < f are it with its sign turned. To contrast, a network needs more outputs than one: ask the difference of the logits
    of two bins, :func:`tutorial_lib.gradients.logit_difference`.

    Args:
        other: Q, one for all or (N,), in the unit of the score.

    Source: Prabhushankar, Kwon, Temel, AlRegib, ICIP 2020, arXiv 2008.00178; the identity is ours.

    Example:
        >>> score_contrast_loss(1.0)(torch.tensor([[0.5], [1.0]]))
        tensor([0.2500, 0.0000])
    """

    def error(outputs: Tensor, Q: float | Tensor) -> Tensor:
        if outputs.dim() != 2 or outputs.shape[1] != 1:
            raise ValueError(
                f"one score a picture is asked, (n, 1), not {tuple(outputs.shape)}: take network.only('score')"
            )
        return (outputs[:, 0] - Q).square()

    if isinstance(contrast_score, Tensor):
        return bind_per_sample(error, contrast_score)
    return Objective(lambda outputs: error(outputs, contrast_score))


def score_contrast_cam(model: nn.Module, x: Tensor, layer: str | nn.Module, objective: Objective) -> Tensor:
    """Where the answer lies: a layer's maps weighted by the mean gradients of a question, Σ_k α_k A^k, α_k = mean ∂J/∂A^k.

    x (N, C, H, W) -> (N, h, w), raw and signed: positive where what is seen raises J. The published map is its positive part.

    Raises:
        ValueError: a layer without positions; as :func:`tutorial_lib.gradients.layer_gradient` does.

    Source: as :func:`score_to`.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 1))
        >>> score_contrast_cam(model, torch.rand(2, 3, 8, 8), "0", score_contrast_loss(1.0)).shape
        torch.Size([2, 6, 6])
    """
    A, gradient = layer_gradient(model, x, layer, objective)
    if A.dim() != 4:
        raise ValueError(f"a map needs a layer with positions, (N, K, h, w), this one gives {tuple(A.shape)}")
    return torch.einsum("nk,nkhw->nhw", gradient.mean((2, 3)), A)
