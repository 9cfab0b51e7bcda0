"""Image quality from sparse codes (UNIQUE): the rank correlation between the codes of an image and its reference."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tutorial_lib._batching import run_in_batches
from tutorial_lib._validation import check_shapes, convert_arguments
from tutorial_lib.metrics.correlation import srcc_or_constant
from tutorial_lib.runtime import default_generator

# Red, green, blue to luma, green, red-difference chroma: the channels of the published autoencoder. Luma and chroma
# have the limited range of ITU-R BT.601; their offsets cancel when the mean patch is subtracted.
OPPONENT_COLOR_MATRIX = (
    (65.481 / 255, 128.553 / 255, 24.966 / 255),
    (0.0, 1.0, 0.0),
    (112 / 255, -93.786 / 255, -18.214 / 255),
)


class SparseAutoencoder(nn.Module):
    """An autoencoder of patches with one hidden layer of sigmoid units and a linear decoder.

    Args:
        patch: number of values of a patch, D.
        hidden: number of hidden units, K.
        device: device of the parameters.

    Example:
        >>> SparseAutoencoder(patch=12, hidden=5).encode(torch.zeros(2, 12)).shape
        torch.Size([2, 5])
    """

    @convert_arguments
    def __init__(self, patch: int = 192, hidden: int = 400, device: torch.device | str | None = None):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(patch, hidden, device=device), nn.Linear(hidden, patch, device=device)

    def encode(self, patches: Tensor) -> Tensor:
        """Return the codes of patches.

        Args:
            patches: whitened patches (…, D).

        Returns:
            Codes (…, K) in (0, 1).
        """
        return self.encoder(patches).sigmoid()

    def forward(self, patches: Tensor) -> Tensor:
        """Return the reconstructions of patches.

        Args:
            patches: whitened patches (…, D).

        Returns:
            Reconstructions (…, D).
        """
        return self.decoder(self.encode(patches))


class UNIQUEQuality:
    """The full-reference quality metric UNIQUE, |ρ(a(x), a(r))|^{10}.

    ρ is Spearman's rank correlation, and a(x) are the sparse codes of an image's patches. The codes come from a small
    autoencoder that was trained to reconstruct whitened patches of undistorted images with few active units. Each image
    is scaled to half its size, cut into adjacent patches, and whitened with *its own* mean and covariance, as in the
    published code; codes below 0.025 are set to zero. That code also rounds the colors to 8 bits, which changes the
    metric by less than 0.003 on 20 images of LIVE. The metric is symmetric in its two images, and needs no human
    ratings. Our autoencoder may be smaller than the published one, and is trained on other patches.

    Args:
        hidden: number of hidden units, K.
        patch: side of the patches, in pixels.
        downsample: whether to scale images to half their size first. Turn it off for images below about 64 pixels.
        eps: number added to the variances when whitening.
        rho: target for the mean activity of each hidden unit, in (0, 1).
        sparsity: β, weight of the Kullback–Leibler penalty on the mean activities.
        decay: λ, weight of the penalty Σ W² / 2.

    References:
        Temel, Prabhushankar, AlRegib, IEEE SPL 23(10), 2016, arXiv:1810.06631, and its released code.

    Example:
        >>> quality = UNIQUEQuality(hidden=16, patch=4).fit(torch.rand(4, 3, 16, 16), patches=64, n_steps=3)
        >>> x = torch.rand(1, 3, 32, 32)
        >>> quality.score(x, x)
        tensor([1.])
    """

    @convert_arguments
    def __init__(
        self,
        hidden: int = 400,
        patch: int = 8,
        *,
        downsample: bool = True,
        eps: float = 0.1,
        rho: float = 0.035,
        sparsity: float = 5.0,
        decay: float = 3e-3,
    ):
        self.hidden, self.patch, self.downsample, self.eps = hidden, patch, downsample, eps
        self.rho, self.sparsity, self.decay = rho, sparsity, decay
        self.network: SparseAutoencoder | None = None
        self.history: list[float] = []

    @convert_arguments
    @torch.inference_mode(False)
    def fit(
        self,
        images: Tensor,
        *,
        patches: int = 10_000,
        n_steps: int = 100,
        generator: torch.Generator | None = None,
    ) -> UNIQUEQuality:
        """Train the autoencoder on undistorted images, and return the object.

        L-BFGS minimizes J = 1/2m Σ ‖x̂ − x‖² + β Σ_j KL(ρ ‖ ρ̂_j) + λ/2 (‖W₁‖² + ‖W₂‖²) over m patches. The network is
        kept in ``network``, and the values of J in ``history``.

        Args:
            images: undistorted color images (N, 3, H, W) in [0, 1], used at their own size. Do not train on the
                reference images of the test.
            patches: number of random patches, m.
            n_steps: number of steps of the optimizer.
            generator: source of the initial weights and patches, on the CPU; None is a new one with seed 0.

        Returns:
            The object itself.

        Raises:
            ValueError: the images are not color images of floats, are empty, not finite, or smaller than a patch.
        """
        _check_rgb(images, self.patch)
        images = images.detach()
        generator = default_generator(generator)
        X = self._sample_patches(images, patches, generator)
        mean = X.mean(0)
        X = (X - mean) @ _zca_matrix(X - mean, self.eps)
        coder = nn.utils.skip_init(SparseAutoencoder, X.shape[1], self.hidden).float()
        bound = (6 / (X.shape[1] + self.hidden + 1)) ** 0.5
        for linear in (coder.encoder, coder.decoder):
            nn.init.uniform_(linear.weight, -bound, bound, generator=generator)
            nn.init.zeros_(linear.bias)
        coder.to(X)
        optimizer = torch.optim.LBFGS(
            coder.parameters(), max_iter=n_steps, history_size=20, line_search_fn="strong_wolfe"
        )
        self.history = []

        def closure() -> Tensor:
            optimizer.zero_grad()
            J = self.loss(coder, X)
            J.backward()
            self.history.append(J.item())
            return J

        with torch.enable_grad():
            optimizer.step(closure)
            coder.zero_grad()
        self.network = coder.eval().requires_grad_(False)
        return self

    @convert_arguments
    def loss(self, coder: SparseAutoencoder, patches: Tensor) -> Tensor:
        """Return the training loss, J = 1/2m Σ ‖x̂ − x‖² + β Σ_j KL(ρ ‖ ρ̂_j) + λ/2 Σ W².

        Args:
            coder: the autoencoder.
            patches: whitened patches (m, D).

        Returns:
            A scalar ≥ 0, differentiable with respect to the parameters of the autoencoder.
        """
        a = coder.encode(patches)
        activity, rho = a.mean(0), self.rho
        # A saturated sigmoid is 0 or 1 in float32, and its logarithm would be infinite.
        activity = activity.clamp(1e-6, 1 - 1e-6)
        divergence = (rho * (rho / activity).log() + (1 - rho) * ((1 - rho) / (1 - activity)).log()).sum()
        squared_norm = coder.encoder.weight.square().sum() + coder.decoder.weight.square().sum()
        return (
            (coder.decoder(a) - patches).square().sum(1).mean() / 2
            + self.sparsity * divergence
            + self.decay / 2 * squared_norm
        )

    @convert_arguments
    def patches(self, x: Tensor) -> Tensor:
        """Return the patches of each image, scaled and whitened by the image's own covariance.

        Args:
            x: color images (N, 3, H, W), floats.

        Returns:
            Patches (N, M, D), the inputs of the autoencoder; zero for an image of one color.

        Raises:
            ValueError: x does not hold color images of floats, is empty or not finite, or its images are too small for
                two patches.
        """
        _check_rgb(x, self.patch)
        if self.downsample:
            size = [max(1, round(side / 2)) for side in x.shape[-2:]]
            x = F.interpolate(x, size, mode="bicubic", antialias=True, align_corners=False)
        if min(x.shape[-2:]) < self.patch or (x.shape[-2] // self.patch) * (x.shape[-1] // self.patch) < 2:
            raise ValueError(
                f"expected images that hold at least two patches of {self.patch}×{self.patch}, not "
                f"{x.shape[-2]}×{x.shape[-1]}; set downsample=False or use larger images"
            )
        patches = F.unfold(_to_opponent_colors(x), self.patch, stride=self.patch).mT
        mean = patches.mean(1, keepdim=True)
        patches = patches - mean
        # The patches of an image of one color differ by rounding errors alone, whose ranks would be meaningless.
        is_flat = patches.abs().amax((1, 2), keepdim=True) <= 32 * torch.finfo(patches.dtype).eps * mean.abs().amax(
            (1, 2), keepdim=True
        )
        patches = patches.masked_fill(is_flat, 0)
        return torch.stack([rows @ _zca_matrix(rows, self.eps) for rows in patches])

    @convert_arguments
    def codes(self, x: Tensor, *, batch_size: int = 16) -> Tensor:
        """Return the sparse codes of each image's patches.

        Args:
            x: color images (N, 3, H, W), floats.
            batch_size: images per pass; it bounds the memory and does not change the result.

        Returns:
            Codes (N, M, K) in [0, 1); codes below 0.025 are set to zero.

        Raises:
            ValueError: :meth:`fit` was not called; x does not hold color images of floats, is empty or not finite, or
                its images are too small for two patches.
        """
        coder = self.check_fitted()

        @torch.no_grad()
        def one_batch(x: Tensor) -> Tensor:
            a = coder.encode(self.patches(x.detach()).to(coder.encoder.weight))
            return torch.where(a < 0.025, 0, a).to(x)

        return run_in_batches(one_batch, x, batch_size=batch_size)

    @convert_arguments
    def score(self, x: Tensor, reference: Tensor, *, batch_size: int = 16) -> Tensor:
        """Return the quality of each image, from one forward pass for x and one for the reference.

        Args:
            x: color images (N, 3, H, W), floats.
            reference: reference images, like x.
            batch_size: images per pass; it bounds the memory and does not change the result.

        Returns:
            Qualities (N,) in [0, 1]; higher is better, and equal images have 1.

        Raises:
            ValueError: :meth:`fit` was not called; x and reference have different shapes, are not color images of
                floats, are empty or not finite, or are too small for two patches.
        """
        check_shapes(x=(x, "floats N C H W"), reference=(reference, "floats N C H W"))
        return spearman_power_similarity(
            self.codes(x, batch_size=batch_size), self.codes(reference, batch_size=batch_size)
        )

    def check_fitted(self) -> SparseAutoencoder:
        """Return the trained autoencoder, or raise an error if there is none.

        Returns:
            The autoencoder in ``network``.

        Raises:
            ValueError: :meth:`fit` was not called.
        """
        if self.network is None:
            raise ValueError("the autoencoder is not trained yet: call fit first")
        return self.network

    def _sample_patches(self, images: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """Patches (count, D) at random positions of random images."""
        x, p = _to_opponent_colors(images), self.patch
        index, top, left = (
            torch.randint(n, (count,), generator=generator, device=generator.device)
            for n in (len(x), x.shape[2] - p + 1, x.shape[3] - p + 1)
        )
        return torch.stack(
            [x[n, :, i : i + p, j : j + p].flatten() for n, i, j in zip(index.tolist(), top.tolist(), left.tolist())]
        )


def spearman_power_similarity(a: Tensor, b: Tensor) -> Tensor:
    """Return |ρ|^{10} with Spearman's rank correlation ρ, one number per row.

    Args:
        a: features (N, …).
        b: features like a.

    Returns:
        Similarities (N,) in [0, 1]; higher means more similar. A constant row has 1 with a constant row, and 0 with any
        other.

    Example:
        >>> spearman_power_similarity(torch.tensor([[1., 2., 3.]]), torch.tensor([[10., 20., 90.]]))
        tensor([1.])
    """
    correlations = [srcc_or_constant(u, v) for u, v in zip(a.flatten(1), b.flatten(1), strict=True)]
    return a.new_tensor(correlations).abs() ** 10


def _to_opponent_colors(x: Tensor) -> Tensor:
    """Images (N, 3, H, W) with luma, green and red-difference chroma as channels."""
    return torch.einsum("dc,nchw->ndhw", x.new_tensor(OPPONENT_COLOR_MATRIX), x)


def _zca_matrix(centered: Tensor, eps: float) -> Tensor:
    """The ZCA whitening matrix U (S + eps)^{−½} Uᵀ of centered rows (M, D)."""
    # With fewer patches than values per patch many variances are zero, and eigh can fail to converge in float32.
    rows = centered.detach().to("cpu", torch.float64)
    S, U = torch.linalg.eigh(rows.mT @ rows / len(rows))
    return ((U / (S.clamp(min=0) + eps).sqrt()) @ U.mT).to(centered)


def _check_rgb(x: Tensor, min_size: int) -> None:
    """Raise unless x holds finite color images with at least ``min_size`` pixels per side."""
    check_shapes(x=(x, "floats n C H W"))
    if x.shape[1] != 3 or min(x.shape[-2:]) < min_size:
        raise ValueError(f"expected color images (N, 3, H, W) of at least {min_size}×{min_size}, not {tuple(x.shape)}")
    if not x.isfinite().all():
        raise ValueError("images must be finite, without NaN and infinite values")
