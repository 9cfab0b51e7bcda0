"""A network that learns in seconds: for experiments that train dozens of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SmallCNN(nn.Module):
    """Three convolutions and one linear layer: images in [0, 1], (N, 3, H, W), to logits, (N, classes).

    Groups, not batches, are normalised: there are no running statistics, so all that the network knows stands in its parameters.
    That matters where parameters are held or compared. Pictures of 20 to 32 pixels suit it.

    Args:
        classes: how many logits.
        width: maps of the first convolution; the others have twice as many.
        generator: source of the first weights, on the CPU; without one, a fresh one seeded with 0. No global state is touched.

    Example:
        >>> SmallCNN(14)(torch.rand(2, 3, 24, 24)).shape
        torch.Size([2, 14])
    """

    def __init__(self, classes: int, width: int = 16, *, generator: torch.Generator | None = None):
        super().__init__()
        with torch.device("meta"):
            self.maps = nn.Sequential(
                *_block(3, width, kernel=5, stride=2),
                *_block(width, 2 * width, kernel=3, stride=2),
                *_block(2 * width, 2 * width, kernel=3, stride=1),
                nn.AdaptiveAvgPool2d(3),
            )
            self.head = nn.Linear(18 * width, classes)
        self.to_empty(device="cpu")
        generator = generator if generator is not None else torch.Generator().manual_seed(0)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                bound = module.weight[0].numel() ** -0.5  # torch's own rule for both kinds of layers
                nn.init.uniform_(module.weight, -bound, bound, generator=generator)
                nn.init.uniform_(module.bias, -bound, bound, generator=generator)
            elif isinstance(module, nn.GroupNorm):
                module.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.maps(4 * (x - 0.5)).flatten(1))


def _block(channels_in: int, channels_out: int, *, kernel: int, stride: int) -> list[nn.Module]:
    convolution = nn.Conv2d(channels_in, channels_out, kernel, stride=stride, padding=kernel // 2)
    return [convolution, nn.GroupNorm(4, channels_out), nn.ReLU()]
