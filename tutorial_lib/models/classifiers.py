"""The classifier of the sign world: small enough to train in minutes, built so that its gradients can be looked at."""

import torch
from torch import Tensor, nn


def conv_bn(channels_in: int, channels_out: int, kernel: int = 3) -> list[nn.Module]:
    return [nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(channels_out)]


class ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, channels_in: int, channels_out: int):
        super().__init__()
        self.body = nn.Sequential(*conv_bn(channels_in, channels_out), nn.ReLU(), *conv_bn(channels_out, channels_out))
        same = channels_in == channels_out
        self.shortcut = nn.Identity() if same else nn.Sequential(*conv_bn(channels_in, channels_out, kernel=1))
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.body(x) + self.shortcut(x))


class SignClassifier(nn.Module):
    """A residual network for pictures of 48×48: images in [0, 1], (N, 3, H, W), to logits, (N, classes).

    It halves its maps by average pooling; strided convolutions would print a checkerboard into every input gradient. Its last maps,
    after ``block3``, are 12×12, fine enough to point at a digit.
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
        maps = self.block3(self.block2(self.pool(self.block1(self.stem(x - 0.5)))))
        return self.head(torch.mean(maps, (2, 3)))
