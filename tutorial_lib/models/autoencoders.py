"""Autoencoders: their expectation of a picture is the picture itself."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy


class SignAutoencoder(nn.Module):
    """A convolutional autoencoder for pictures of 48×48: images in [0, 1], (N, 3, H, W), to reconstructions of the same shape.

    Three poolings squeeze a picture of 6,912 numbers into a code of (N, 16, 6, 6), twelve times fewer. Heights and widths divide by 8.
    """

    def __init__(self, latent_dim: int = 16):
        super().__init__()
        self.encoder = nn.Sequential(
            *(nn.Conv2d(3, 24, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2)),
            *(nn.Conv2d(24, 32, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2)),
            *(nn.Conv2d(32, 48, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2)),
            nn.Conv2d(48, latent_dim, 1),
        )
        self.decoder = nn.Sequential(
            *(nn.Conv2d(latent_dim, 48, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2)),
            *(nn.Conv2d(48, 32, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2)),
            *(nn.Conv2d(32, 24, 3, padding=1), nn.ReLU(), nn.Upsample(scale_factor=2)),
            *(nn.Conv2d(24, 3, 3, padding=1), nn.Sigmoid()),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x))


class StridedAutoencoder(nn.Module):
    """Four strided convolutions down, four back up: images in [0, 1], (N, C, 28, 28), to reconstructions of the same shape.

    With its default widths it has the layers of GradCon's published network: 232,771 parameters for three channels, 230,721
    for one.

    Args:
        channels: of the pictures, C.
        widths: maps after each of the four convolutions; the code is (N, widths[3], 3, 3).
        generator: source of the first weights, on the CPU; without one, a fresh one seeded with 0. No global state is touched.

    Source: Kwon, Prabhushankar, Temel, AlRegib, ECCV 2020, arXiv 2007.09507.

    Example:
        >>> network = StridedAutoencoder(channels=1)
        >>> network(torch.rand(2, 1, 28, 28)).shape, sum(p.numel() for p in network.parameters())
        (torch.Size([2, 1, 28, 28]), 230721)
    """

    def __init__(
        self,
        channels: int = 3,
        widths: tuple[int, int, int, int] = (32, 32, 64, 64),
        *,
        generator: torch.Generator | None = None,
    ):
        super().__init__()
        with torch.device("meta"):
            self.encoder, self.decoder = _down(channels, widths), _up(channels, widths)
        _init_parameters(self, generator)

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x))


class VariationalAutoencoder(nn.Module):
    """A picture is read as a cloud of codes, z ~ N(μ(x), σ²(x)): images in [0, 1] of 28×28, (N, C, 28, 28).

    ``forward`` reconstructs from the middle of the cloud, decode(μ), without chance, in every mode. Chance enters through
    :meth:`bound`, by which it is trained. ``decoder[0]`` is the first of its four transposed convolutions.

    Args:
        channels: of the pictures, C.
        widths: maps after each of the four convolutions.
        code: the length of z.
        generator: as in :class:`StridedAutoencoder`.

    Source: Kingma and Welling, ICLR 2014, arXiv 1312.6114; the layers follow Kwon et al., ICIP 2019, arXiv 1908.09998.

    Example:
        >>> vae = VariationalAutoencoder()
        >>> x = torch.rand(2, 3, 28, 28)
        >>> vae(x).shape, vae.kl_divergence(x).shape
        (torch.Size([2, 3, 28, 28]), torch.Size([2]))
    """

    def __init__(
        self,
        channels: int = 3,
        widths: tuple[int, int, int, int] = (8, 8, 12, 12),
        code: int = 20,
        *,
        generator: torch.Generator | None = None,
    ):
        super().__init__()
        with torch.device("meta"):
            self.encoder = nn.Sequential(_down(channels, widths), nn.Flatten())
            self.middle, self.spread = nn.Linear(9 * widths[3], code), nn.Linear(9 * widths[3], code)
            self.entry = nn.Sequential(nn.Linear(code, 9 * widths[3]), nn.Unflatten(1, (widths[3], 3, 3)))
            self.decoder = _up(channels, widths)
        _init_parameters(self, generator)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """μ and log σ², (N, code) each."""
        h = self.encoder(x)
        return self.middle(h), self.spread(h)

    def decode(self, z: Tensor) -> Tensor:
        """(N, code) -> pictures."""
        return self.decoder(self.entry(z))

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x)[0])

    def as_encoder(self) -> EncoderKL:
        """The half that reads, as a network of its own with the same weights, so that its required change can be asked for."""
        return EncoderKL(self)

    def kl_divergence(self, x: Tensor) -> Tensor:
        """How far the cloud of each picture lies from the expected one: :meth:`CodeReader.divergence`, (N,)."""
        return EncoderKL.kl_divergence(torch.stack(self.encode(x), 1))

    def negative_elbo(self, x: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """−ELBO = −log p(x | z) + KL ≥ −log p(x), (N,), in nats, with one z drawn for each picture; higher = less expected.

        Each value of a picture is read as the chance of a bright pixel. ``generator``: on the CPU; without one, z = μ.
        """
        middle, spread = self.encode(x)
        z = middle
        if generator is not None:
            z = middle + (spread / 2).exp() * torch.randn(middle.shape, generator=generator).to(middle)
        loss = binary_cross_entropy(self.decode(z), x, reduction="none").flatten(1).sum(1)
        return loss + EncoderKL.kl_divergence(torch.stack([middle, spread], 1))

    def fit(
        self,
        images: Tensor,
        *,
        epochs: int = 25,
        batch_size: int = 16,
        lr: float = 3e-3,
        generator: torch.Generator | None = None,
    ) -> list[float]:
        """Train it in place by Adam on the mean bound, and leave it in eval mode; the mean bound of each epoch is returned.

        Args:
            images: (N, C, 28, 28) in [0, 1]; batches are moved to the device of its parameters.
            epochs, batch, step: passes through the images, images a step, learning rate.
            generator: source of order and codes, on the CPU; without one, a fresh one seeded with 0.

        Raises:
            ValueError: no images.
        """
        if len(images) == 0:
            raise ValueError("training needs at least one image")
        generator = generator if generator is not None else torch.Generator().manual_seed(0)
        device, history = self.middle.weight.device, []
        optimiser = torch.optim.Adam(self.parameters(), lr=lr)
        self.train()
        for _ in range(epochs):
            total = 0.0
            for rows in torch.randperm(len(images), generator=generator).split(batch_size):
                J = self.negative_elbo(images[rows.to(images.device)].to(device), generator=generator)
                optimiser.zero_grad()
                J.mean().backward()
                optimiser.step()
                total += J.sum().item()
            history.append(total / len(images))
        self.eval()
        return history


class EncoderKL(nn.Module):
    """How a variational autoencoder reads a picture: images to (N, 2, code), μ and log σ². The weights are the autoencoder's own.

    Its expectation is the standard normal cloud; :meth:`divergence` of an output says how far it is from that.

    Example:
        >>> EncoderKL(VariationalAutoencoder())(torch.rand(2, 3, 28, 28)).shape
        torch.Size([2, 2, 20])
    """

    def __init__(self, autoencoder: VariationalAutoencoder):
        super().__init__()
        self.encoder, self.middle, self.spread = autoencoder.encoder, autoencoder.middle, autoencoder.spread

    def forward(self, x: Tensor) -> Tensor:
        h = self.encoder(x)
        return torch.stack([self.middle(h), self.spread(h)], 1)

    @staticmethod
    def kl_divergence(cloud: Tensor) -> Tensor:
        """KL(N(μ, σ²) ‖ N(0, 1)) = ½ Σ (μ² + σ² − 1 − log σ²) ≥ 0, in nats: (N, 2, code) -> (N,). An objective like any other."""
        middle, spread = cloud.unbind(1)
        return (middle.square() + spread.exp() - 1 - spread).sum(1) / 2


def _down(channels: int, widths: tuple[int, ...]) -> nn.Sequential:
    """28 → 15 → 8 → 5 → 3."""
    pairs = zip((channels, *widths), widths)
    return nn.Sequential(*(layer for a, b in pairs for layer in (nn.Conv2d(a, b, 4, stride=2, padding=2), nn.ReLU())))


def _up(channels: int, widths: tuple[int, ...]) -> nn.Sequential:
    """3 → 4 → 8 → 14 → 28."""
    first, second, third, fourth = widths
    return nn.Sequential(
        *(nn.ConvTranspose2d(fourth, third, 4, stride=2, padding=2), nn.ReLU()),
        *(nn.ConvTranspose2d(third, second, 4, stride=2, padding=1), nn.ReLU()),
        *(nn.ConvTranspose2d(second, first, 4, stride=2, padding=2), nn.ReLU()),
        *(nn.ConvTranspose2d(first, channels, 4, stride=2, padding=1), nn.Sigmoid()),
    )


def _init_parameters(model: nn.Module, generator: torch.Generator | None) -> None:
    model.to_empty(device="cpu")
    generator = generator if generator is not None else torch.Generator().manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            bound = module.weight[0].numel() ** -0.5  # torch's own rule for all three
            nn.init.uniform_(module.weight, -bound, bound, generator=generator)
            nn.init.uniform_(module.bias, -bound, bound, generator=generator)
