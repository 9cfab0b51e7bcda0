"""Guided backpropagation: the gradient of the input with another backward rule at every ReLU."""

from __future__ import annotations

from torch import Tensor, nn

from tutorial_lib.gradients import ObjectiveLike, relu_rule_gradient


def guided_backprop(
    model: nn.Module, x: Tensor, objective: ObjectiveLike = None, *, rule: str = "guided", batch_size: int = 64
) -> Tensor:
    """Return ∂J/∂x, backpropagated with a modified rule at every ReLU.

    At a ReLU with input a, the gradient g passes where a > 0 *and* g > 0. The rule applies to every ReLU of the graph:
    modules, functions, in place, or used twice. The map is sharp but not trustworthy, because it restores the edges of
    the image, and hardly changes when the last layers are re-initialized at random.

    Args:
        model: any module with a ReLU that takes x alone and returns one row per sample; it is left as it was.
        x: samples (N, …), floats.
        objective: what is differentiated, see :data:`~tutorial_lib.gradients.objectives.ObjectiveLike`; None is the
            logit of the predicted class.
        rule: "guided", or "deconvolution", by which the gradient passes where g > 0, for any a (the deconvnet).
        batch_size: samples per pass; it bounds the memory and does not change the result.

    Returns:
        Modified gradients like x, signed.

    Raises:
        ValueError: a network without a ReLU, an unknown rule; x is not float, the outputs are not finite, or the
            objective does not give one number per row.

    References:
        Springenberg et al., 2014, arXiv:1412.6806; Zeiler and Fergus, 2013, arXiv:1311.2901; its failure: Adebayo et
        al., NeurIPS 2018, arXiv:1810.03292.

    Example:
        >>> import torch
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> guided_backprop(model, torch.rand(5, 3, 1, 1), 1).shape
        torch.Size([5, 3, 1, 1])
    """
    return relu_rule_gradient(model, x, objective, rule=rule, batch_size=batch_size)
