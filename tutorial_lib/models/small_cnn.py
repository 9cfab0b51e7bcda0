"""A convolutional network that trains in seconds, for experiments with dozens of training runs."""

import torch
from torch import Tensor, nn

from tutorial_lib.models._initialization import initialize_parameters


class SmallCNN(nn.Module):
    """A classifier of three convolutions and one linear layer.

    It maps images (N, 3, H, W) in [0, 1] to logits (N, classes), and is made for images of 20 to 32 pixels. It
    normalizes groups of channels instead of batches. Without running statistics, everything that the network has
    learned is in its parameters, which matters if parameters are penalized or compared.

    Args:
        classes: number of logits.
        width: channels of the first convolution; the others have twice as many.
        generator: source of the initial parameters, on the CPU; None is a new one with seed 0. No global random state
            is touched.

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
        initialize_parameters(self, generator)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of images.

        Args:
            x: images (N, 3, H, W) in [0, 1].

        Returns:
            Logits (N, classes).
        """
        return self.head(self.maps(4 * (x - 0.5)).flatten(1))


def _block(channels_in: int, channels_out: int, *, kernel: int, stride: int) -> list[nn.Module]:
    """A convolution, a GroupNorm and a ReLU."""
    convolution = nn.Conv2d(channels_in, channels_out, kernel, stride=stride, padding=kernel // 2)
    return [convolution, nn.GroupNorm(4, channels_out), nn.ReLU()]
