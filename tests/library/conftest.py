"""An autoencoder and smooth reference images."""

import pytest
import torch
from torch import nn

from tests._reference import init_with_seed


class SmallAutoencoder(nn.Module):
    """An autoencoder with layers that hooks handle badly: in-place and functional activations, groups and strides."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1, groups=3), nn.ReLU(inplace=True), nn.Conv2d(6, 4, 1))
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(4, 6, 4, 2, 1), nn.Tanh(), nn.Conv2d(6, 3, 3, padding=1, bias=False)
        )

    def forward(self, x):
        return self.decoder(self.encoder(x)).sigmoid()


@pytest.fixture
def autoencoder(assert_unchanged):
    model = init_with_seed(SmallAutoencoder(), seed=2).double()
    model.encoder[2].weight.grad = torch.ones_like(model.encoder[2].weight)
    model.decoder[0].weight.requires_grad_(False)
    return assert_unchanged(model)


@pytest.fixture
def references():
    """Five smooth images (5, 3, 12, 12) with bands of color."""
    t = torch.linspace(0, 3, 12, dtype=torch.float64)
    phase = torch.rand(5, 3, 1, 1, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    return 0.5 + 0.4 * torch.sin(t[:, None] + 0.7 * t + 6 * phase)
