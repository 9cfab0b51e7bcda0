"""Guided backpropagation: a gradient that no rectifier may turn negative on its way back."""

from __future__ import annotations

import torch
from torch import nn

from tutorial_lib.gradients import relu_rule_gradient


def guided_backprop(
    model: nn.Module, x: torch.Tensor, objective=None, *, rule: str = "guided", batch_size: int = 64
) -> torch.Tensor:
    """Saliency with another rule at every ReLU: the gradient g passes where its input a > 0 *and* g > 0. x (N, …) -> like x.

    Signed. ``rule="deconvolution"``: where g > 0, whatever a was (the deconvnet). Every ReLU of the graph is seen: modules,
    functions, in place, or used twice. Crisp, and to be distrusted: it restores edges of the picture, and hardly changes when
    the last layers are drawn anew.

    Raises:
        ValueError: a network without a ReLU, and as :func:`tutorial_lib.gradients.relu_rule_gradient` does.

    Source: Springenberg et al., 2014, arXiv 1412.6806; Zeiler and Fergus, 2013, arXiv 1311.2901; its failure: Adebayo et al.,
    NeurIPS 2018, arXiv 1810.03292.

    Example:
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> guided_backprop(model, torch.rand(5, 3, 1, 1), 1).shape
        torch.Size([5, 3, 1, 1])
    """
    return relu_rule_gradient(model, x, objective, rule=rule, batch_size=batch_size)
