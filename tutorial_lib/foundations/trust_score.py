"""Trust by neighbours: how much nearer is a sample to the class that was predicted than to any other?"""

from __future__ import annotations

import torch
from torch import Tensor

from tutorial_lib._batching import batch_slices
from tutorial_lib._validation import check_shapes, promote_to_float32


class TrustScore:
    """The Trust Score: the distance to the nearest other class, divided by the distance to the class that was predicted.

    ξ(x) = min over c ≠ P of d(x, H_c) / d(x, H_P). H_c holds the fitted samples of class c but for the fraction ``alpha`` whose
    k-th nearest neighbour in the class is farthest: ``k`` and ``alpha`` say what counts as dense, and nothing else.
    ``neighbour``: d is the distance to the nearest sample of a set; 2 takes the second nearest, as the authors' code does,
    so that a fitted sample does not find itself.

    Raises:
        ValueError: k or neighbour below 1, alpha outside [0, 1).

    Source: Jiang, Kim, Guan, Gupta, NeurIPS 2018, arXiv 1805.11783.

    Example:
        >>> stored, labels = torch.tensor([[0.], [1.], [9.]]), torch.tensor([0, 0, 1])
        >>> TrustScore().fit(stored, labels).score(torch.tensor([[3.], [3.]]), torch.tensor([0, 1]))
        tensor([3.0000, 0.3333])
    """

    def __init__(self, k: int = 10, alpha: float = 0.0, n_neighbor: int = 1):
        if k < 1 or n_neighbor < 1 or not 0 <= alpha < 1:
            raise ValueError(
                f"k and n_neighbor start at 1, alpha lies in [0, 1): not k={k}, n_neighbor={n_neighbor}, alpha={alpha}"
            )
        self.k, self.alpha, self.neighbour = k, alpha, n_neighbor
        self.class_samples: dict[int, Tensor] = {}

    def fit(self, features: Tensor, labels: Tensor) -> TrustScore:
        """Keep the dense part of every class. h (n, d), in any space in which distances mean something; labels (n,).

        Raises:
            ValueError: shapes that do not belong together, fewer than two classes, or a class too small for its neighbours.
        """
        if features.dim() > 2:
            raise ValueError(f"h must be (n, d), not {tuple(features.shape)}; flatten pictures first")
        check_shapes(h=(features, "floats n d"), labels=(labels, "whole n"))
        if not features.isfinite().all():
            raise ValueError("the features are not finite, and one of them would be everyone's neighbour")
        features = features.detach().to(promote_to_float32(features))
        classes, counts = labels.unique(return_counts=True)
        needed = max(self.neighbour, self.k + 1 if self.alpha else 1)
        if len(classes) < 2 or counts.min() < needed:
            found = dict(zip(classes.tolist(), counts.tolist(), strict=True))
            raise ValueError(f"two classes of at least {needed} samples are needed; found {found}")
        # Distances do not change with the origin, but their rounding does: it is smallest near the middle of the data.
        self.origin = features.mean(0)
        self.class_samples = {int(c): self._density_filter(features[labels == c] - self.origin) for c in classes}
        return self

    def _density_filter(self, points: Tensor) -> Tensor:
        if not self.alpha:
            return points
        # The nearest of all is the point itself.
        radius = torch.cat([torch.cdist(rows, points).kthvalue(self.k + 1, 1).values for rows in points.split(1024)])
        dense = points[radius <= radius.quantile(1 - self.alpha)]
        if len(dense) < self.neighbour:
            raise ValueError(f"alpha={self.alpha} leaves {len(dense)} samples of a class; take a smaller one")
        return dense

    def distances(self, features: Tensor, batch_size: int = 1024) -> Tensor:
        """The distance to every fitted class, in increasing order of their labels: h (N, d) -> (N, C) ≥ 0.

        Raises:
            ValueError: nothing was fitted, or samples of another size.
        """
        if not self.class_samples:
            raise ValueError("fit(h, labels) comes first")
        if features.dim() != 2 or features.shape[1] != len(self.origin):
            d = len(self.origin)
            raise ValueError(f"fitted on samples of {d} numbers, so h must be (N, {d}), not {tuple(features.shape)}")
        check_shapes(h=(features, "floats N d"))
        found = [features.new_zeros(0, len(self.class_samples))]
        for rows in batch_slices(len(features), batch_size):
            row = features[rows].detach().to(self.origin) - self.origin
            found.append(
                torch.stack([self._distance(row, points) for points in self.class_samples.values()], 1).to(features)
            )
        return torch.cat(found)

    def _distance(self, rows: Tensor, points: Tensor) -> Tensor:
        far = torch.cdist(rows, points)
        return far.amin(1) if self.neighbour == 1 else far.kthvalue(self.neighbour, 1).values

    def score(self, features: Tensor, predictions: Tensor, *, batch_size: int = 1024) -> Tensor:
        """The trust in each prediction, ≥ 0; higher is more to be trusted, above 1 the predicted class is the nearest.

        h (N, d), predictions (N,) -> (N,). Infinite where the sample is a stored one of the predicted class alone; 1 where it is
        a stored one of another class as well.

        Raises:
            ValueError: as :meth:`distances`; a predicted class that was not fitted.
        """
        far = self.distances(features, batch_size)
        check_shapes(h=(features, "floats N d"), predictions=(predictions, "whole N"))
        classes = torch.tensor(list(self.class_samples), device=predictions.device)
        own = predictions[:, None] == classes
        if predictions.shape != features.shape[:1] or not own.any(1).all():
            raise ValueError(
                f"predictions must be {len(features)} labels among the fitted ones, {list(self.class_samples)}"
            )
        own = own.to(far.device)
        predicted, other = far[own], far.masked_fill(own, torch.inf).amin(1)
        return torch.where((predicted == 0) & (other == 0), 1.0, other / predicted)
