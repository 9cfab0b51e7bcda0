"""Autoencoders, networks that are trained to reconstruct their input."""

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy

from tutorial_lib._validation import convert_arguments
from tutorial_lib.models._initialization import initialize_parameters
from tutorial_lib.runtime import default_generator, random_normal, random_permutation


class SignAutoencoder(nn.Module):
    """A convolutional autoencoder of the synthetic traffic signs.

    It maps images (N, 3, H, W) in [0, 1] to reconstructions of the same shape. Three pooling layers reduce an image of
    48×48, which has 6,912 values, to a code (N, 16, 6, 6), which has twelve times fewer. Heights and widths must be
    divisible by 8.

    Args:
        latent_dim: channels of the code.
    """

    @convert_arguments
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
        """Return the reconstructions of images.

        Args:
            x: images (N, 3, H, W) in [0, 1].

        Returns:
            Reconstructions (N, 3, H, W) in [0, 1].
        """
        return self.decoder(self.encoder(x))


class StridedAutoencoder(nn.Module):
    """An autoencoder with four strided convolutions down and four up.

    It maps images (N, C, 28, 28) in [0, 1] to reconstructions of the same shape. With the default widths it has the
    layers of the published network of GradCon, with 232,771 parameters for three channels and 230,721 for one.

    Args:
        channels: channels C of the images.
        widths: channels after each of the four convolutions; the code is (N, widths[3], 3, 3).
        generator: source of the initial parameters, on the CPU; None is a new one with seed 0. No global random state
            is touched.

    References:
        Kwon, Prabhushankar, Temel, AlRegib, ECCV 2020, arXiv:2007.09507.

    Example:
        >>> network = StridedAutoencoder(channels=1)
        >>> network(torch.rand(2, 1, 28, 28)).shape, sum(p.numel() for p in network.parameters())
        (torch.Size([2, 1, 28, 28]), 230721)
    """

    @convert_arguments
    def __init__(
        self,
        channels: int = 3,
        widths: tuple[int, int, int, int] = (32, 32, 64, 64),
        *,
        generator: torch.Generator | None = None,
    ):
        super().__init__()
        with torch.device("meta"):
            self.encoder, self.decoder = _downsampling(channels, widths), _upsampling(channels, widths)
        initialize_parameters(self, generator)

    def forward(self, x: Tensor) -> Tensor:
        """Return the reconstructions of images.

        Args:
            x: images (N, C, 28, 28) in [0, 1].

        Returns:
            Reconstructions (N, C, 28, 28) in [0, 1].
        """
        return self.decoder(self.encoder(x))


class VariationalAutoencoder(nn.Module):
    """A variational autoencoder of images (N, C, 28, 28) in [0, 1].

    The encoder maps an image to a latent distribution, z ~ N(μ(x), σ²(x)). The forward pass reconstructs the image from
    its mean, decode(μ), and is deterministic in every mode. Only :meth:`negative_elbo`, the training loss, samples z.
    ``decoder[0]`` is the first of four transposed convolutions.

    Args:
        channels: channels C of the images.
        widths: channels after each of the four convolutions.
        latent_dim: length of z.
        generator: source of the initial parameters, on the CPU; None is a new one with seed 0. No global random state
            is touched.

    References:
        Kingma, Welling, ICLR 2014, arXiv:1312.6114. The layers follow Kwon et al., ICIP 2019, arXiv:1908.09998.

    Example:
        >>> vae = VariationalAutoencoder()
        >>> x = torch.rand(2, 3, 28, 28)
        >>> vae(x).shape, vae.kl_divergence(x).shape
        (torch.Size([2, 3, 28, 28]), torch.Size([2]))
    """

    @convert_arguments
    def __init__(
        self,
        channels: int = 3,
        widths: tuple[int, int, int, int] = (8, 8, 12, 12),
        latent_dim: int = 20,
        *,
        generator: torch.Generator | None = None,
    ):
        super().__init__()
        with torch.device("meta"):
            self.encoder = nn.Sequential(_downsampling(channels, widths), nn.Flatten())
            self.mean, self.log_variance = nn.Linear(9 * widths[3], latent_dim), nn.Linear(9 * widths[3], latent_dim)
            self.expand = nn.Sequential(nn.Linear(latent_dim, 9 * widths[3]), nn.Unflatten(1, (widths[3], 3, 3)))
            self.decoder = _upsampling(channels, widths)
        initialize_parameters(self, generator)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean μ and the logarithm of the variance, log σ², of the latent distribution.

        Args:
            x: images (N, C, 28, 28) in [0, 1].

        Returns:
            μ and log σ², (N, latent_dim) each.
        """
        h = self.encoder(x)
        return self.mean(h), self.log_variance(h)

    def decode(self, z: Tensor) -> Tensor:
        """Return the images that belong to latent codes.

        Args:
            z: codes (N, latent_dim).

        Returns:
            Images (N, C, 28, 28) in [0, 1].
        """
        return self.decoder(self.expand(z))

    def forward(self, x: Tensor) -> Tensor:
        """Return the reconstructions of images from the mean of the latent distribution.

        Args:
            x: images (N, C, 28, 28) in [0, 1].

        Returns:
            Reconstructions (N, C, 28, 28) in [0, 1].
        """
        return self.decode(self.encode(x)[0])

    def kl_divergence(self, x: Tensor) -> Tensor:
        """Return the KL divergence of each image's latent distribution from N(0, 1).

        Args:
            x: images (N, C, 28, 28) in [0, 1].

        Returns:
            KL(N(μ, σ²) ‖ N(0, 1)) in nats (N,), ≥ 0.
        """
        return kl_from_standard_normal(*self.encode(x))

    @convert_arguments
    def negative_elbo(self, x: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Return the negative evidence lower bound with one sample of z per image.

        −ELBO = −log p(x | z) + KL ≥ −log p(x). Each value of an image is taken as the probability of a bright pixel.

        Args:
            x: images (N, C, 28, 28) in [0, 1].
            generator: source of z, on the CPU; None sets z = μ.

        Returns:
            Bounds in nats (N,); higher means less expected.
        """
        mean, log_variance = self.encode(x)
        z = mean
        if generator is not None:
            z = mean + (log_variance / 2).exp() * random_normal(generator, *mean.shape).to(mean)
        loss = binary_cross_entropy(self.decode(z), x, reduction="none").flatten(1).sum(1)
        return loss + kl_from_standard_normal(mean, log_variance)

    @convert_arguments
    def fit(
        self,
        images: Tensor,
        *,
        epochs: int = 25,
        batch_size: int = 16,
        lr: float = 3e-3,
        generator: torch.Generator | None = None,
    ) -> list[float]:
        """Train the network in place with Adam on the mean bound, and leave it in eval mode.

        Args:
            images: images (N, C, 28, 28) in [0, 1]; batches are moved to the device of the parameters.
            epochs: passes through the images.
            batch_size: images per step.
            lr: learning rate.
            generator: source of the order of the images and of z, on the CPU; None is a new one with seed 0.

        Returns:
            Mean bound of each epoch, in nats.

        Raises:
            ValueError: no images.
        """
        if len(images) == 0:
            raise ValueError("training needs at least one image")
        generator = default_generator(generator)
        device, history = self.mean.weight.device, []
        optimizer = torch.optim.Adam(self.parameters(), lr=lr)
        self.train()
        for _ in range(epochs):
            total = 0.0
            for rows in random_permutation(generator, len(images)).split(batch_size):
                J = self.negative_elbo(images[rows.to(images.device)].to(device), generator=generator)
                optimizer.zero_grad()
                J.mean().backward()
                optimizer.step()
                total += J.sum().item()
            history.append(total / len(images))
        self.eval()
        return history


def kl_from_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the KL divergence of normal distributions with independent components from N(0, 1).

    KL(N(μ, σ²) ‖ N(0, 1)) = ½ Σ (μ² + σ² − 1 − log σ²).

    Args:
        mean: μ (N, D).
        log_variance: log σ² (N, D).

    Returns:
        Divergences in nats (N,), ≥ 0.
    """
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2


def _downsampling(channels: int, widths: tuple[int, ...]) -> nn.Sequential:
    """Four strided convolutions; height and width are 28 → 15 → 8 → 5 → 3."""
    pairs = zip((channels, *widths), widths)
    return nn.Sequential(*(layer for a, b in pairs for layer in (nn.Conv2d(a, b, 4, stride=2, padding=2), nn.ReLU())))


def _upsampling(channels: int, widths: tuple[int, ...]) -> nn.Sequential:
    """Four transposed convolutions; height and width are 3 → 4 → 8 → 14 → 28."""
    first, second, third, fourth = widths
    return nn.Sequential(
        *(nn.ConvTranspose2d(fourth, third, 4, stride=2, padding=2), nn.ReLU()),
        *(nn.ConvTranspose2d(third, second, 4, stride=2, padding=1), nn.ReLU()),
        *(nn.ConvTranspose2d(second, first, 4, stride=2, padding=2), nn.ReLU()),
        *(nn.ConvTranspose2d(first, channels, 4, stride=2, padding=1), nn.Sigmoid()),
    )
