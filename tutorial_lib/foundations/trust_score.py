"""Trust Score: the distance of a sample to the nearest other class, relative to that to the predicted class."""

from __future__ import annotations

import torch
from torch import Tensor

from tutorial_lib._batching import run_in_batches
from tutorial_lib._validation import check_shapes, convert_arguments, promote_to_float32


class TrustScore:
    """Trust Score: distance to the nearest other class divided by that to the predicted class.

    ξ(x) = min over c ≠ P of d(x, H_c) / d(x, H_P), where P is the predicted class and d the distance to the nearest
    sample of a set. H_c holds the fitted samples of class c, without the fraction ``alpha`` whose k-th nearest neighbor
    in the class is farthest away. The parameters ``k`` and ``alpha`` affect this density filter alone. The authors'
    code takes the second nearest sample, so that the nearest neighbor of a fitted sample is not the sample itself.

    Args:
        k: neighbor whose distance measures the density around a fitted sample, ≥ 1; not used if ``alpha`` is 0.
        alpha: fraction of the samples of each class that is removed, in [0, 1); 0 keeps all of them.

    Raises:
        ValueError: k below 1, or alpha outside [0, 1).

    References:
        Jiang, Kim, Guan, Gupta, NeurIPS 2018, arXiv:1805.11783.

    Example:
        >>> stored, labels = torch.tensor([[0.], [1.], [9.]]), torch.tensor([0, 0, 1])
        >>> TrustScore().fit(stored, labels).score(torch.tensor([[3.], [3.]]), torch.tensor([0, 1]))
        tensor([3.0000, 0.3333])
    """

    @convert_arguments
    def __init__(self, k: int = 10, alpha: float = 0.0):
        if k < 1 or not 0 <= alpha < 1:
            raise ValueError(f"k starts at 1, and alpha lies in [0, 1): not k={k}, alpha={alpha}")
        self.k, self.alpha = k, alpha
        self.class_samples: dict[int, Tensor] = {}

    @convert_arguments
    def fit(self, features: Tensor, labels: Tensor) -> TrustScore:
        """Store the samples of each class, except those in its sparse regions.

        The sets H_c are kept in ``class_samples``, label -> features (n_c, d), relative to the mean of all features.

        Args:
            features: h (n, d), floats, in any space in which Euclidean distances are meaningful.
            labels: whole numbers (n,), with at least two different classes.

        Returns:
            The object itself.

        Raises:
            ValueError: shapes that do not belong together, features that are not finite, fewer than two classes, or a
                class with too few samples for ``k`` and ``alpha``.
        """
        check_shapes(features=(features, "floats n d"), labels=(labels, "whole n"))
        if not features.isfinite().all():
            raise ValueError("the features are not finite; NaN would be the nearest neighbor of every sample")
        features = features.detach().to(promote_to_float32(features))
        classes, counts = labels.unique(return_counts=True)
        min_count = self.k + 1 if self.alpha else 1
        if len(classes) < 2 or counts.min() < min_count:
            raise ValueError(
                f"expected two classes of at least {min_count} samples each, not these numbers of samples per class: "
                f"{dict(zip(classes.tolist(), counts.tolist(), strict=True))}"
            )
        # Distances do not depend on the origin, but their rounding errors do; these are smallest near the mean.
        self.origin = features.mean(0)
        self.class_samples = {int(c): self._density_filter(features[labels == c] - self.origin) for c in classes}
        return self

    def _density_filter(self, points: Tensor) -> Tensor:
        """The samples of one class without the fraction ``alpha`` in its sparsest regions."""
        if not self.alpha:
            return points
        # k + 1, because the nearest point of all is the point itself.
        radius = torch.cat([torch.cdist(rows, points).kthvalue(self.k + 1, 1).values for rows in points.split(1024)])
        return points[radius <= radius.quantile(1 - self.alpha)]

    @convert_arguments
    def distances(self, features: Tensor, batch_size: int = 1024) -> Tensor:
        """Return the distance of each sample to each fitted class.

        Args:
            features: h (N, d), floats.
            batch_size: samples per distance matrix; it bounds the memory and does not change the result.

        Returns:
            Euclidean distances (N, C), ≥ 0, with the classes in increasing order of their labels.

        Raises:
            ValueError: :meth:`fit` was not called, or the features have another shape than the fitted ones.
        """
        if not self.class_samples:
            raise ValueError("call fit(features, labels) first")
        check_shapes(features=(features, "floats N d"), fitted_mean=(self.origin, "floats d"))

        def one_batch(rows: Tensor) -> Tensor:
            centered = rows.detach().to(self.origin) - self.origin
            return torch.stack([torch.cdist(centered, points).amin(1) for points in self.class_samples.values()], 1).to(
                rows
            )

        return run_in_batches(one_batch, features, batch_size=batch_size)

    @convert_arguments
    def score(self, features: Tensor, predictions: Tensor, *, batch_size: int = 1024) -> Tensor:
        """Return the Trust Score of each prediction.

        Args:
            features: h (N, d), floats, in the space of the fitted features.
            predictions: predicted classes (N,), whole numbers among the fitted labels.
            batch_size: samples per distance matrix; it bounds the memory and does not change the result.

        Returns:
            Scores (N,), ≥ 0; higher means more trustworthy, and above 1 the predicted class is the nearest one.
            Infinite if the sample coincides with a fitted sample of the predicted class alone; 1 if it coincides with
            one of another class as well.

        Raises:
            ValueError: :meth:`fit` was not called, the features have another shape than the fitted ones, or a predicted
                class was not fitted.
        """
        distances = self.distances(features, batch_size)
        check_shapes(features=(features, "floats N d"), predictions=(predictions, "whole N"))
        classes = torch.tensor(list(self.class_samples), device=predictions.device)
        is_predicted = predictions[:, None] == classes
        if predictions.shape != features.shape[:1] or not is_predicted.any(1).all():
            raise ValueError(
                f"predictions must be {len(features)} labels among the fitted ones, {list(self.class_samples)}"
            )
        is_predicted = is_predicted.to(distances.device)
        predicted, other = distances[is_predicted], distances.masked_fill(is_predicted, torch.inf).amin(1)
        return torch.where((predicted == 0) & (other == 0), 1.0, other / predicted)
