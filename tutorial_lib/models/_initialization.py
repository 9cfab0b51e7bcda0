"""Initialization of parameters from a generator, without global random state."""

from __future__ import annotations

import torch
from torch import nn

from tutorial_lib.runtime import default_generator


def initialize_parameters(model: nn.Module, generator: torch.Generator | None) -> None:
    """Initialize the parameters of a model in place by the default rules of torch.

    The model is moved from the meta device to the CPU. The rules are those of convolutions, linear layers and
    GroupNorm.

    Args:
        model: a network of such layers with biases, whose parameters are on the meta device.
        generator: source of the parameters, on the CPU; None is a new one with seed 0.
    """
    model.to_empty(device="cpu")
    generator = default_generator(generator)
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            bound = module.weight[0].numel() ** -0.5  # the same rule for the three types, and for weight and bias
            for parameter in module.parameters(recurse=False):
                nn.init.uniform_(parameter, -bound, bound, generator=generator)
        elif isinstance(module, nn.GroupNorm):
            module.reset_parameters()
