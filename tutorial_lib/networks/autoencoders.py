"""The autoencoder of the sign world: its expectation of a picture is the picture itself."""

from torch import Tensor, nn


class SignAutoencoder(nn.Module):
    """A convolutional autoencoder for pictures of 48×48: images in [0, 1], (N, 3, H, W), to reconstructions of the same shape.

    Three poolings squeeze a picture of 6,912 numbers into a code of (N, 16, 6, 6), twelve times fewer. Heights and widths divide by 8.
    """

    def __init__(self, code: int = 16):
        super().__init__()
        self.encoder = nn.Sequential(
            *(nn.Conv2d(3, 24, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2)),
            *(nn.Conv2d(24, 32, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2)),
            *(nn.Conv2d(32, 48, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2)),
            nn.Conv2d(48, code, 1),
        )
        self.decoder = nn.Sequential(
            *(nn.Conv2d(code, 48, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2)),
            *(nn.Conv2d(48, 32, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2)),
            *(nn.Conv2d(32, 24, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2)),
            *(nn.Conv2d(24, 3, 3, padding=1), nn.Sigmoid()),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x))
