"""Open-set recognition: the open-set classification rate curve, and detectors of proxy unknowns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    import pandas


def open_set_curve(known: Tensor, correct: Tensor, unknown: Tensor) -> tuple[Tensor, Tensor]:
    """Return the points of the open-set classification rate curve, one per threshold.

    Its area is :func:`tutorial_lib.metrics.oscr`.

    Args:
        known: scores of images of known classes (N,); higher means more abnormal.
        correct: whether each of them is correctly classified (N,), bool.
        unknown: scores of images of unknown classes (M,).

    Returns:
        The false-positive rate and the correct classification rate, in ascending order.

    Example:
        >>> open_set_curve(torch.tensor([0., 2.]), torch.tensor([True, True]), torch.tensor([1.]))
        (tensor([0., 0., 1., 1.]), tensor([0.0000, 0.5000, 0.5000, 1.0000]))
    """
    thresholds = torch.cat([known, unknown]).unique()
    accepted = torch.searchsorted(unknown.sort().values, thresholds, right=True) / len(unknown)
    classified = torch.searchsorted(known[correct].sort().values, thresholds, right=True) / len(known)
    start = accepted.new_zeros(1)
    return torch.cat([start, accepted]), torch.cat([start, classified])


def proxy_unknown_steps(
    table: pandas.DataFrame, steps: Sequence[str], inputs: Mapping[str, str]
) -> dict[str, list[list[float]]]:
    """Return the AUROC of detectors trained on proxy unknowns, for each split of the known classes.

    Args:
        table: the stored result ``pseudo_unknown_transfer``.
        steps: the columns, from the proxy unknowns to the real unknown classes.
        inputs: for the title of each detector its name in the result.

    Returns:
        {title: one list per split, in the order of the steps}.
    """
    return {title: table.loc[table["input"] == name, list(steps)].to_numpy().tolist() for title, name in inputs.items()}
