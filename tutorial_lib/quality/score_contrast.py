"""Contrastive explanations ("why this score, rather than Q?") of a network with one output."""

from __future__ import annotations

from torch import Tensor, nn

from tutorial_lib._validation import check_shapes, convert_arguments
from tutorial_lib.attribution import grad_cam
from tutorial_lib.gradients import Layer, Objective, ObjectiveLike, bind_per_sample


@convert_arguments
def score_contrast_loss(contrast_score: float | Tensor) -> Objective:
    """Return the contrastive objective J = (f − Q)² of a network with one output.

    The question is "why f, rather than Q?". The gradient of J is 2 (f − Q) ∂f/∂(anything), the same for every Q up to a
    factor: all maps for Q > f are equal up to scale, and the maps for Q < f are their negatives. A network needs more
    than one output for a contrast that depends on Q. Use the difference of the logits of two score bins instead, see
    :func:`tutorial_lib.gradients.logit_difference`.

    Args:
        contrast_score: Q, one number for all samples or one per sample (N,), in the unit of the score.

    Returns:
        The objective, outputs (n, 1) -> (n,), ≥ 0. It raises a ValueError if the outputs are not (n, 1).

    References:
        Prabhushankar, Kwon, Temel, AlRegib, ICIP 2020, arXiv:2008.00178; the identity of the maps is our own result.

    Example:
        >>> import torch
        >>> score_contrast_loss(1.0)(torch.tensor([[0.5], [1.0]]))
        tensor([0.2500, 0.0000])
    """

    def squared_error(outputs: Tensor, Q: float | Tensor) -> Tensor:
        if outputs.dim() != 2 or outputs.shape[1] != 1:
            raise ValueError(
                f"expected one score per image, (n, 1), not {tuple(outputs.shape)}; use network.with_head('score')"
            )
        return (outputs[:, 0] - Q).square()

    if isinstance(contrast_score, Tensor):
        check_shapes(contrast_score=(contrast_score, "floats N"))
        return bind_per_sample(squared_error, contrast_score)
    return Objective(lambda outputs: squared_error(outputs, contrast_score))


@convert_arguments
def score_contrast_cam(model: nn.Module, x: Tensor, layer: Layer, objective: ObjectiveLike) -> Tensor:
    """Return a class activation map of an objective, such as :func:`score_contrast_loss`.

    Σ_k α_k A^k with the feature maps A^k of a layer and the weights α_k = mean ∂J/∂A^k over positions.

    Args:
        model: any module that takes x alone and returns one row per sample; it is left as it was.
        x: images (N, C, H, W); they are run as one batch.
        layer: dotted name or module, with feature maps (N, K, h, w).
        objective: J, see :data:`~tutorial_lib.gradients.objectives.ObjectiveLike`; None is the logit of the predicted
            class.

    Returns:
        Maps (N, h, w), signed: positive where the features increase J. The published map is the positive part.

    Raises:
        ValueError: the layer has no feature maps, is unknown, is not reached or is used twice; the outputs are not
            finite, or the objective does not fit.

    References:
        Prabhushankar, Kwon, Temel, AlRegib, ICIP 2020, arXiv:2008.00178.

    Example:
        >>> import torch
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 1))
        >>> score_contrast_cam(model, torch.rand(2, 3, 8, 8), "0", score_contrast_loss(1.0)).shape
        torch.Size([2, 6, 6])
    """
    return grad_cam(model, x, layer, objective)
