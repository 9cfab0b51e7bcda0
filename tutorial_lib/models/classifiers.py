"""The classifier of the synthetic traffic signs, which trains in minutes and has smooth input gradients."""

import torch
from torch import Tensor, nn


def conv_bn(channels_in: int, channels_out: int, kernel: int = 3) -> list[nn.Module]:
    """Return a convolution and a BatchNorm layer; height and width do not change.

    Args:
        channels_in: input channels.
        channels_out: output channels.
        kernel: height and width of the kernel, odd.

    Returns:
        The two layers.
    """
    return [nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(channels_out)]


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut.

    Args:
        channels_in: input channels.
        channels_out: output channels.
    """

    def __init__(self, channels_in: int, channels_out: int):
        super().__init__()
        self.body = nn.Sequential(*conv_bn(channels_in, channels_out), nn.ReLU(), *conv_bn(channels_out, channels_out))
        same = channels_in == channels_out
        self.shortcut = nn.Identity() if same else nn.Sequential(*conv_bn(channels_in, channels_out, kernel=1))
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Return the output of the block.

        Args:
            x: activations (N, channels_in, H, W).

        Returns:
            Activations (N, channels_out, H, W), ≥ 0.
        """
        return self.relu(self.body(x) + self.shortcut(x))


class SignClassifier(nn.Module):
    """A residual network for images of 48×48 pixels.

    It maps images (N, 3, H, W) in [0, 1] to logits (N, classes). Average pooling halves the feature maps, because
    strided convolutions would leave a checkerboard pattern in every input gradient. The last feature maps, the output
    of ``block3``, have 12×12 positions, enough to localize a digit.

    Args:
        classes: number of logits.
        widths: channels of the three blocks.
    """

    def __init__(self, classes: int = 14, widths: tuple[int, int, int] = (16, 32, 64)):
        super().__init__()
        first, second, third = widths
        self.stem = nn.Sequential(*conv_bn(3, first), nn.ReLU(), nn.AvgPool2d(2))
        self.block1 = ResidualBlock(first, first)
        self.pool = nn.AvgPool2d(2)
        self.block2 = ResidualBlock(first, second)
        self.block3 = ResidualBlock(second, third)
        self.head = nn.Linear(third, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of images.

        Args:
            x: images (N, 3, H, W) in [0, 1].

        Returns:
            Logits (N, classes).
        """
        maps = self.block3(self.block2(self.pool(self.block1(self.stem(x - 0.5)))))
        return self.head(torch.mean(maps, (2, 3)))
