"""The residual network for images of 32×32 pixels that was published for CIFAR-10."""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad


class PaddedShortcut(nn.Module):
    """The shortcut without parameters: every second pixel, and zero channels on both sides."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the shortcut of activations.

        Args:
            x: activations (N, C, H, W).

        Returns:
            Activations (N, 2C, ⌈H/2⌉, ⌈W/2⌉).
        """
        quarter = x.shape[1] // 2
        return pad(x[:, :, ::2, ::2], (0, 0, 0, 0, quarter, quarter))


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut.

    If the number of channels doubles, height and width are halved.

    Args:
        channels_in: input channels.
        channels: output channels, as many or twice as many.
    """

    def __init__(self, channels_in: int, channels: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride=channels // channels_in, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Identity() if channels_in == channels else PaddedShortcut()
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Return the output of the block.

        Args:
            x: activations (N, channels_in, H, W).

        Returns:
            Activations (N, channels, H, W), or half the height and width.
        """
        h = self.relu1(self.bn1(self.conv1(x)))
        return self.relu2(self.bn2(self.conv2(h)) + self.shortcut(x))


class CifarResNet(nn.Module):
    """ResNet of 6n + 2 layers, three stages of n blocks with 16, 32 and 64 channels.

    Submodules are named as in the published checkpoints, and no module is used twice.

    Args:
        depth: number of layers, 20, 32, 44, 56, 110, …
        classes: number of logits.

    Raises:
        ValueError: a depth that is not 6n + 2, or is less than 8.

    References:
        He et al. 2016, "Deep residual learning for image recognition", section 4.2, arXiv:1512.03385.

    Example:
        >>> network = CifarResNet(20)
        >>> sum(p.numel() for p in network.parameters())
        269722
    """

    def __init__(self, depth: int = 20, classes: int = 10):
        super().__init__()
        if depth < 8 or (depth - 2) % 6:
            raise ValueError(f"depth must be 6n + 2 (8, 14, 20, 26, 32, …); got {depth}")
        n = (depth - 2) // 6
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu = nn.ReLU()
        self.layer1 = nn.Sequential(*(BasicBlock(16, 16) for _ in range(n)))
        self.layer2 = nn.Sequential(*(BasicBlock(16 if k == 0 else 32, 32) for k in range(n)))
        self.layer3 = nn.Sequential(*(BasicBlock(32 if k == 0 else 64, 64) for k in range(n)))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(64, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of images.

        Args:
            x: normalized images (N, 3, H, W).

        Returns:
            Logits (N, classes).
        """
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(torch.flatten(self.pool(x), 1))
