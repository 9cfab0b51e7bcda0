"""What the three targeted questions highlight, and what an embedding preserves."""

from __future__ import annotations

import torch
from torch import Tensor


def highlighted_shares(maps: Tensor, threshold: float = 0.2) -> dict[str, Tensor]:
    """Return the area that each question highlights, as a share of the area that at least one of them highlights.

    Args:
        maps: the maps of "why P?", "what if not P?" and "why P, rather than Q?", (3, N, h, w), divided by the maximum
            of the first one.
        threshold: the value above which a position counts as highlighted.

    Returns:
        Four shares that add up to 1, (N,) each.
    """
    why, other, contrast = maps > threshold
    areas = {
        "why P, alone": why & ~contrast,
        "why P and the contrast": why & contrast,
        "the contrast, alone": contrast & ~why & ~other,
        "what if not P": other,
    }
    whole = (why | other | contrast).flatten(1).sum(1)
    return {name: (area.flatten(1).sum(1) / whole).cpu() for name, area in areas.items()}


def neighbor_agreement(features: Tensor, embedding: Tensor, classes: Tensor, n_neighbors: int) -> dict[str, float]:
    """Return how well the nearest neighbors in the feature space are preserved by an embedding.

    Args:
        features: features (N, d).
        embedding: positions in the embedding (N, 2).
        classes: the class of each image (N,).
        n_neighbors: number of neighbors.

    Returns:
        The share of neighbors of the same class in the ``features`` and in the ``embedding``, and the share ``kept``
        of neighbors in the feature space that are neighbors in the embedding.
    """
    near, near_embedded = (
        torch.cdist(points.double(), points.double()).fill_diagonal_(torch.inf).topk(n_neighbors, largest=False).indices
        for points in (features, embedding)
    )
    kept = [torch.isin(a, b).double().mean() for a, b in zip(near, near_embedded, strict=True)]
    return {
        "features": float((classes[near] == classes[:, None]).double().mean()),
        "embedding": float((classes[near_embedded] == classes[:, None]).double().mean()),
        "kept": float(torch.stack(kept).mean()),
    }
