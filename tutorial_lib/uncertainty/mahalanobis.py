"""The Mahalanobis distance of features to the nearest class as an abnormality score."""

from __future__ import annotations

import torch
from torch import Tensor

from tutorial_lib._batching import run_in_batches
from tutorial_lib._validation import check_nonnegative, check_shapes, convert_arguments, promote_to_float32


class MahalanobisDetector:
    """Anomaly detector by the squared Mahalanobis distance to the nearest class mean.

    min_c (h − μ_c)ᵀ Σ⁻¹ (h − μ_c) with the class means μ_c and one covariance for all classes,
    Σ = 1/n Σ_c Σ_{i∈c} (h_i − μ_c)(h_i − μ_c)ᵀ. Both are estimated from features of normal images only.

    Args:
        regularization: multiple of the identity that is added to Σ, as a fraction of its mean variance, so that the
            distance stays finite in directions that never vary. With zero, the score does not change under an
            invertible linear map of h, and a singular Σ is an error.

    References:
        Lee, Lee, Lee, Shin, NeurIPS 2018, arXiv:1807.03888 (for one layer, without the perturbation of the input).

    Example:
        >>> h = torch.randn(200, 2, generator=torch.Generator().manual_seed(0)) + 9 * torch.eye(2).repeat(100, 1)
        >>> detector = MahalanobisDetector().fit(h, torch.arange(200) % 2)
        >>> (detector.score(torch.tensor([[9., 0.], [0., 9.], [9., 9.]])) < 1).tolist()
        [True, True, False]
    """

    @convert_arguments
    def __init__(self, regularization: float = 1e-6):
        check_nonnegative(regularization=regularization)
        self.regularization = regularization
        self.means: Tensor | None = None

    @convert_arguments
    def fit(self, features: Tensor, labels: Tensor) -> MahalanobisDetector:
        """Estimate the class means and the shared covariance, and return the detector itself.

        Args:
            features: features h (n, d) of normal images.
            labels: integer class labels (n,).

        Returns:
            The fitted detector, ``self``.

        Raises:
            ValueError: shapes or types that do not fit, features that are not finite, or a singular covariance without
                regularization.
        """
        check_shapes(features=(features, "floats n d"), labels=(labels, "whole n"))
        if not features.isfinite().all():
            raise ValueError("the features are not finite")
        # Small variances next to large ones need double precision, which Apple's GPUs do not support.
        h, labels = features.detach().to("cpu", torch.float64), labels.cpu()
        classes, class_of = labels.unique(return_inverse=True)
        means = torch.stack([h[labels == c].mean(0) for c in classes])
        centered = h - means[class_of]
        covariance = centered.T @ centered / len(centered)
        identity = torch.eye(len(covariance), dtype=torch.float64, device="cpu")
        covariance += self.regularization * covariance.diagonal().mean() * identity
        factor, failed = torch.linalg.cholesky_ex(covariance)
        if failed or factor.diagonal().min() <= 1e-7 * factor.diagonal().max() and not self.regularization:
            raise ValueError(
                "some direction of the features never varies within a class: set regularization above zero"
            )
        whitening = torch.linalg.solve_triangular(factor, identity, upper=False)
        dtype = promote_to_float32(features)
        self.means, self.whitening = means.to(features.device, dtype), whitening.to(features.device, dtype)
        return self

    @convert_arguments
    def score(self, features: Tensor, *, batch_size: int = 4096) -> Tensor:
        """Return the squared Mahalanobis distance of each sample to the nearest class mean.

        Args:
            features: features h (N, d), with as many columns as in :meth:`fit`.
            batch_size: rows at a time; it bounds the memory and does not change the result.

        Returns:
            Scores (N,), ≥ 0; higher means more abnormal.

        Raises:
            ValueError: the detector is not fitted, or the features do not have the columns of :meth:`fit`.
        """
        if self.means is None:
            raise ValueError("the detector is not fitted: call fit(features, labels) first")
        check_shapes(features=(features, "floats N d"), class_means=(self.means, "floats C d"))
        dtype = promote_to_float32(features)
        means, whitening = (t.to(features.device, dtype) for t in (self.means, self.whitening))

        def one_batch(h: Tensor) -> Tensor:
            # ‖L⁻¹(h − μ)‖² with LLᵀ = Σ. The difference comes first, because large means would cancel.
            distances = torch.stack([((h.to(dtype) - mean) @ whitening.T).square().sum(1) for mean in means], 1)
            return distances.amin(1).to(h)

        return run_in_batches(one_batch, features.detach(), batch_size=batch_size)
