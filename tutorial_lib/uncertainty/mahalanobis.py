"""How far are the features of a picture from those of every class, measured in the spread of the classes?"""

from __future__ import annotations

import torch
from torch import Tensor

from tutorial_lib._batching import batch_slices
from tutorial_lib._validation import check_shapes


class MahalanobisDetector:
    """The squared Mahalanobis distance of features to the nearest class mean, (h − μ_c)ᵀ Σ⁻¹ (h − μ_c), min over c.

    One covariance for all classes, Σ = 1/n Σ_c Σ_{i∈c} (h_i − μ_c)(h_i − μ_c)ᵀ. Learned from normal features alone.

    Args:
        ridge: added to Σ, as a share of its mean variance, so that directions that never varied stay finite. Zero leaves the
            score the same under every invertible linear map of h, and refuses a singular Σ.

    Source: Lee, Lee, Lee, Shin, NeurIPS 2018, arXiv 1807.03888 (one layer, without the step of the input).

    Example:
        >>> h = torch.randn(200, 2, generator=torch.Generator().manual_seed(0)) + 9 * torch.eye(2).repeat(100, 1)
        >>> far = MahalanobisDetector().fit(h, torch.arange(200) % 2).score(torch.tensor([[9., 0.], [0., 9.], [9., 9.]]))
        >>> (far < 1).tolist()
        [True, True, False]
    """

    def __init__(self, regularization: float = 1e-6):
        if regularization < 0:
            raise ValueError(f"a ridge of zero or more, not {regularization}")
        self.ridge, self.means = regularization, None

    def fit(self, features: Tensor, labels: Tensor) -> MahalanobisDetector:
        """Keep the class means and what whitens their common spread. h (n, d), labels (n,).

        Raises:
            ValueError: shapes that do not belong together, features that are not finite, or without a ridge a singular spread.
        """
        check_shapes(h=(features, "floats n d"), labels=(labels, "whole n"))
        if not features.isfinite().all():
            raise ValueError("the features are not finite")
        # Small variances next to large ones need the precision; Apple's GPUs have none to give.
        fine, labels = features.detach().to("cpu", torch.float64), labels.cpu()
        means, centred = [], fine.clone()
        for c in labels.unique():
            means.append(fine[labels == c].mean(0))
            centred[labels == c] -= means[-1]
        spread = centred.T @ centred / len(centred)
        spread += self.ridge * spread.diagonal().mean() * torch.eye(len(spread), dtype=spread.dtype)
        factor, failed = torch.linalg.cholesky_ex(spread)
        if failed or factor.diagonal().min() <= 1e-7 * factor.diagonal().max() and not self.ridge:
            raise ValueError("some direction of the features never varies within a class: give a ridge above zero")
        whiten = torch.linalg.solve_triangular(factor, torch.eye(len(spread), dtype=spread.dtype), upper=False)
        self.means, self.whiten = torch.stack(means).to(features), whiten.to(features)
        return self

    def score(self, features: Tensor, *, batch_size: int = 4096) -> Tensor:
        """The squared distance to the nearest class, ≥ 0; higher = more abnormal. h (N, d) -> (N,).

        Raises:
            ValueError: nothing fitted yet, or features of another size.
        """
        if self.means is None:
            raise ValueError("fit(h, labels) comes first")
        if features.dim() != 2 or features.shape[1] != self.means.shape[1]:
            raise ValueError(f"fitted on features (n, {self.means.shape[1]}), these are {tuple(features.shape)}")
        check_shapes(h=(features, "floats N d"))
        means, whiten = self.means.to(features), self.whiten.to(features)
        found = []
        for rows in batch_slices(len(features), batch_size):
            # ‖L⁻¹(h − μ)‖² with LLᵀ = Σ: the difference first, or large means would cancel.
            each = [((features[rows].detach() - mean) @ whiten.T).square().sum(1) for mean in means]
            found.append(torch.stack(each, 1).amin(1))
        return torch.cat(found) if found else features.new_zeros(0)
