"""Quality as agreement of sparse codes, after UNIQUE: what a dictionary of patches says of two pictures, compared in rank."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tutorial_lib._batching import batch_slices

# Red, green, blue to luma, green, red-difference chroma: the channels of the published coder.
OPPONENT_COLOR_MATRIX = ((0.299, 0.587, 0.114), (0.0, 1.0, 0.0), (0.5, -0.4187, -0.0813))


class SparseAutoencoder(nn.Module):
    """A linear decoder: patches (…, D) to sigmoid codes in (0, 1), (…, K), and back by a linear map, (…, D).

    Example:
        >>> SparseAutoencoder(patch=12, hidden=5).encode(torch.zeros(2, 12)).shape
        torch.Size([2, 5])
    """

    def __init__(self, patch: int = 192, hidden: int = 400):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(patch, hidden), nn.Linear(hidden, patch)

    def encode(self, patches: Tensor) -> Tensor:
        return self.encoder(patches).sigmoid()

    def forward(self, patches: Tensor) -> Tensor:
        return self.decoder(self.encode(patches))


class UNIQUEQuality:
    """Full-reference quality |ρ(a(x), a(r))|^{10} in [0, 1], higher = better, 1 for equal pictures.

    ρ is Spearman's rank correlation, a are sparse codes.

    Codes come from a small autoencoder that learned from undamaged patches, whitened, to reconstruct them with few units at work.
    Each picture is halved, cut into patches side by side, and whitened *by its own* mean and covariance, as in the published
    code; codes below 0.025 count as zero. Symmetric in its two pictures. It needs no opinions.

    Args:
        hidden: units of the code, K.
        patch: side of the patches.
        halve: scale pictures to half their size first. Turn off for pictures below some 64 pixels.
        eps: added to the variances when whitening.
        rho, sparsity, decay: the mean activity that is asked for, and the weights of its Kullback–Leibler penalty and of Σ W² / 2.

    Source: Temel, Prabhushankar, AlRegib, IEEE SPL 23(10), 2016, arXiv 1810.06631, and its released code. Ours may be smaller and
    learns from other patches.

    Example:
        >>> quality = UNIQUEQuality(hidden=16, patch=4).fit(torch.rand(4, 3, 16, 16), patches=64, n_steps=3)
        >>> x = torch.rand(1, 3, 32, 32)
        >>> quality.score(x, x)
        tensor([1.])
    """

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
        self.hidden, self.patch, self.halve, self.eps = hidden, patch, downsample, eps
        self.rho, self.sparsity, self.decay = rho, sparsity, decay
        self.network: SparseAutoencoder | None = None
        self.history: list[float] = []

    def fit(
        self,
        images: Tensor,
        *,
        patches: int = 10_000,
        n_steps: int = 100,
        generator: torch.Generator | None = None,
    ) -> UNIQUEQuality:
        """Learn from undamaged pictures (N, 3, H, W) by L-BFGS; never show it the references that it will judge.

        Minimises J = 1/2m Σ ‖x̂ − x‖² + β Σ_j KL(ρ ‖ ρ̂_j) + λ/2 (‖W₁‖² + ‖W₂‖²) over m patches.

        Args:
            pictures: undamaged, in [0, 1]; used at their own size.
            patches, steps: how many patches are drawn, and steps of the optimiser.
            generator: source of first weights and patches, on the CPU; without one, a fresh one seeded with 0.

        Raises:
            ValueError: no coloured pictures, or smaller than a patch.
        """
        _check_rgb(images, self.patch)
        images = images.detach()
        generator = generator if generator is not None else torch.Generator().manual_seed(0)
        X = self._sample_patches(images, patches, generator)
        mean = X.mean(0)
        X = (X - mean) @ _zca_matrix(X - mean, self.eps)
        with torch.device("meta"):
            coder = SparseAutoencoder(X.shape[1], self.hidden)
        coder.to_empty(device="cpu")
        reach = (6 / (X.shape[1] + self.hidden + 1)) ** 0.5
        for linear in (coder.encoder, coder.decoder):
            nn.init.uniform_(linear.weight, -reach, reach, generator=generator)
            nn.init.zeros_(linear.bias)
        coder.to(X)
        optimiser = torch.optim.LBFGS(
            coder.parameters(), max_iter=n_steps, history_size=20, line_search_fn="strong_wolfe"
        )
        self.history = []

        def closure() -> Tensor:
            optimiser.zero_grad()
            J = self.loss(coder, X)
            J.backward()
            self.history.append(J.item())
            return J

        with torch.inference_mode(False), torch.enable_grad():
            optimiser.step(closure)
            coder.zero_grad()
        self.network = coder.eval().requires_grad_(False)
        return self

    def loss(self, coder: SparseAutoencoder, patches: Tensor) -> Tensor:
        """J of :meth:`fit`, a number, for whitened patches (m, D)."""
        a = coder.encode(patches)
        used, rho = a.mean(0), self.rho
        # Far out, a sigmoid is 0 or 1 in float32, and its logarithm would be infinite.
        used = used.clamp(1e-6, 1 - 1e-6)
        sparse = (rho * (rho / used).log() + (1 - rho) * ((1 - rho) / (1 - used)).log()).sum()
        size = coder.encoder.weight.square().sum() + coder.decoder.weight.square().sum()
        return (coder.decoder(a) - patches).square().sum(1).mean() / 2 + self.sparsity * sparse + self.decay / 2 * size

    def patches(self, x: Tensor) -> Tensor:
        """A picture's patches as the coder sees them: halved, whitened by the picture itself. (N, 3, H, W) -> (N, M, D).

        Raises:
            ValueError: no coloured pictures, or too small for two patches.
        """
        _check_rgb(x, self.patch)
        if self.halve:
            size = [max(1, round(side / 2)) for side in x.shape[-2:]]
            x = F.interpolate(x, size, mode="bicubic", antialias=True, align_corners=False)
        if min(x.shape[-2:]) < self.patch or (x.shape[-2] // self.patch) * (x.shape[-1] // self.patch) < 2:
            raise ValueError(
                f"two patches of {self.patch}×{self.patch} are needed; take halve=False or larger pictures"
            )
        cut = F.unfold(_to_opponent_colors(x), self.patch, stride=self.patch).mT
        middle = cut.mean(1, keepdim=True)
        cut = cut - middle
        # A picture of one colour has patches of nothing: what rounding leaves has an order, and would be ranked.
        flat = cut.abs().amax((1, 2), keepdim=True) <= 32 * torch.finfo(cut.dtype).eps * middle.abs().amax(
            (1, 2), keepdim=True
        )
        cut = cut.masked_fill(flat, 0)
        return torch.stack([one @ _zca_matrix(one, self.eps) for one in cut])

    def codes(self, x: Tensor, *, batch_size: int = 16) -> Tensor:
        """Sparse codes of each picture's patches, those below 0.025 set to zero: (N, 3, H, W) -> (N, M, K).

        Raises:
            ValueError: not fitted yet; as :meth:`patches` does.
        """
        coder, found = self.check_fitted(), []
        with torch.no_grad():
            for rows in batch_slices(max(1, len(x)), batch_size):
                a = coder.encode(self.patches(x[rows].detach()).to(coder.encoder.weight))
                found.append(torch.where(a < 0.025, 0, a).to(x))
        return torch.cat(found)

    def score(self, x: Tensor, reference: Tensor, *, batch_size: int = 16) -> Tensor:
        """Quality of each picture, x and reference (N, 3, H, W) -> (N,) in [0, 1], higher = better. Two forward passes.

        Raises:
            ValueError: the two are not alike in shape; as :meth:`codes` does.
        """
        if x.shape != reference.shape:
            raise ValueError(
                f"every picture needs its reference: {tuple(x.shape)} and {tuple(reference.shape)} are not alike"
            )
        return spearman_power_similarity(
            self.codes(x, batch_size=batch_size), self.codes(reference, batch_size=batch_size)
        )

    def check_fitted(self) -> SparseAutoencoder:
        """The network that has learned.

        Raises:
            ValueError: nothing has been learned yet.
        """
        if self.network is None:
            raise ValueError("nothing has been learned yet: call fit first")
        return self.network

    def _sample_patches(self, images: Tensor, count: int, generator: torch.Generator) -> Tensor:
        x, p = _to_opponent_colors(images), self.patch
        which = torch.randint(len(x), (count,), generator=generator)
        top = torch.randint(x.shape[2] - p + 1, (count,), generator=generator)
        left = torch.randint(x.shape[3] - p + 1, (count,), generator=generator)
        return torch.stack(
            [x[n, :, i : i + p, j : j + p].flatten() for n, i, j in zip(which.tolist(), top.tolist(), left.tolist())]
        )


def spearman_power_similarity(a: Tensor, b: Tensor) -> Tensor:
    """|Spearman's ρ|^{10} of two sets of features, (N, …) each -> (N,) in [0, 1]; a constant set agrees with nothing but itself.

    Example:
        >>> spearman_power_similarity(torch.tensor([[1., 2., 3.]]), torch.tensor([[10., 20., 90.]]))
        tensor([1.])
    """
    found = []
    for one, other in zip(a.flatten(1), b.flatten(1), strict=True):
        u, v = (_fast_ranks(t) for t in (one, other))
        if torch.equal(u, v):
            found.append(1.0)
            continue
        u, v = u - u.mean(), v - v.mean()
        size = (u.square().sum() * v.square().sum()).sqrt()
        found.append(float((u * v).sum() / size) if size > 0 else 0.0)
    return a.new_tensor(found).abs().clamp(max=1) ** 10


def _fast_ranks(values: Tensor) -> Tensor:
    """Ranks with ties shared, as :func:`tutorial_lib.metrics.average_ranks`, by one sort: codes are many."""
    values = values.detach().cpu()
    ordered, place = values.sort()
    _, size = ordered.unique_consecutive(return_counts=True)
    last = size.cumsum(0).double()
    return torch.empty_like(last[:1].expand(len(values))).scatter(
        0, place, (last - (size - 1) / 2).repeat_interleave(size)
    )


def _to_opponent_colors(x: Tensor) -> Tensor:
    return torch.einsum("dc,nchw->ndhw", x.new_tensor(OPPONENT_COLOR_MATRIX), x)


def _zca_matrix(centred: Tensor, eps: float) -> Tensor:
    """ZCA, U (S + eps)^{−½} Uᵀ, from rows that have been centred."""
    # Fewer patches than pixels in one leave many variances of zero, which float32 does not always take apart.
    rows = centred.detach().to("cpu", torch.float64)
    S, U = torch.linalg.eigh(rows.mT @ rows / len(rows))
    return ((U / (S.clamp(min=0) + eps).sqrt()) @ U.mT).to(centred)


def _check_rgb(x: Tensor, least: int) -> None:
    if x.dim() != 4 or x.shape[1] != 3 or len(x) == 0 or not x.is_floating_point():
        raise ValueError(f"coloured pictures are floats (N, 3, H, W), at least one, not {x.dtype} {tuple(x.shape)}")
    if min(x.shape[-2:]) < least:
        raise ValueError(f"pictures must be at least {least}×{least}, not {x.shape[-2]}×{x.shape[-1]}")
    if not x.isfinite().all():
        raise ValueError("pictures must be finite")
