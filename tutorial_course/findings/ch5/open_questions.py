"""Numbers of the further sections: agreement of maps, compressed gradients, adaptive attacks and second images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    import pandas

SIGN_NETWORKS = ("signs/classifier", "signs/classifier/1", "signs/classifier/2")


def map_distance(maps: Tensor, others: Sequence[Tensor]) -> Tensor:
    """Return one minus the mean correlation of each map with other maps of the same image.

    Args:
        maps: maps (N, h, w).
        others: lists of maps like ``maps``.

    Returns:
        Distances (N,) in [0, 2]; 0 means that all maps agree.

    Example:
        >>> m = torch.rand(2, 4, 4)
        >>> map_distance(m, [2 * m + 1]).abs().max() < 1e-6
        tensor(True)
    """

    def centered(m: Tensor) -> Tensor:
        return torch.nn.functional.normalize(m.flatten(1) - m.flatten(1).mean(1, keepdim=True))

    return 1 - torch.stack([(centered(maps) * centered(m)).sum(1) for m in others]).mean(0)


def sketch_summary(
    table: pandas.DataFrame, method: str, column: str, networks: Sequence[str] = SIGN_NETWORKS
) -> pandas.DataFrame:
    """Return the mean, the minimum and the maximum of a column by the number of values that are kept.

    Args:
        table: the stored result "open_questions".
        method: "whole", "random", "principal" or "last layer".
        column: "error", "novel sign" or "texture".
        networks: the networks to include.

    Returns:
        A table indexed by the number of values.
    """
    rows = table[(table["kind"] == "sketch") & (table["method"] == method) & table["network"].isin(networks)]
    return rows.infer_objects().astype({"size": int}).groupby("size")[column].agg(["mean", "min", "max"])


def accuracy_after_second_image(score: Tensor, first: Tensor, second: Tensor, share: float) -> Tensor:
    """Return which predictions are correct if a share of the images, those of the highest score, is taken again.

    Args:
        score: score of the first image (N,); higher means more uncertain.
        first: whether the prediction of the first image is correct (N,).
        second: whether the prediction of the second image is correct (N,).
        share: share of the images that are taken again.

    Returns:
        Correct predictions (N,), bool.

    Example:
        >>> right, wrong = torch.ones(4, dtype=torch.bool), torch.zeros(4, dtype=torch.bool)
        >>> accuracy_after_second_image(torch.tensor([0.1, 0.9, 0.2, 0.8]), wrong, right, 0.5)
        tensor([False,  True, False,  True])
    """
    again = score.argsort(descending=True).argsort() < share * len(score)
    return torch.where(again, second, first)
