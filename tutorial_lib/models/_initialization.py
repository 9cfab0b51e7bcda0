"""Initialization of parameters from a generator, without global random state."""

import torch
from torch import nn

from tutorial_lib.runtime import default_generator


def initialize_parameters(model: nn.Module, generator: torch.Generator | None, *, for_relu: bool = False) -> None:
    """Initialize the parameters of a model in place by the default rules of torch, or by those for ReLU layers.

    The model is moved from the meta device to the CPU. The default rules are those of convolutions, linear layers and
    GroupNorm.

    Args:
        model: a network of such layers with biases, whose parameters are on the meta device.
        generator: source of the parameters, on the CPU; None is a new one with seed 0.
        for_relu: whether convolutions have the larger weights that keep the variance of activations through ReLUs, and
            all biases are 0.

    References:
        He et al., ICCV 2015, arXiv:1502.01852, for the rule for ReLUs.
    """
    model.to_empty(device="cpu")
    generator = default_generator(generator)
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            gain = 6**0.5 if for_relu and isinstance(module, nn.Conv2d) else 1.0
            # The same rule for the three types of layers, and for weight and bias.
            bound = gain * module.weight[0].numel() ** -0.5
            for name, parameter in module.named_parameters(recurse=False):
                if for_relu and name == "bias":
                    nn.init.zeros_(parameter)
                else:
                    nn.init.uniform_(parameter, -bound, bound, generator=generator)
        elif isinstance(module, nn.GroupNorm):
            module.reset_parameters()
