"""Maps of two photographs side by side: on which photograph is the largest value?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from scipy.stats import binomtest
from torch import Tensor

if TYPE_CHECKING:
    import pandas


def peak_hits(table: pandas.DataFrame, network: str, question: str, kind: str = "side by side") -> Tensor:
    """Return for each pair whether the largest value of the map is on the photograph that the question is about.

    Args:
        table: stored result.
        network: the network.
        question: the question, such as "why P", or the name of a control.
        kind: the kind of the rows: "side by side" for the maps, and "side by side, control" for the controls, whose
            value for a pair is whether they choose the photograph of P.

    Returns:
        One bool per pair (N,).
    """
    selected = (table["kind"] == kind) & (table["network"] == network) & (table["question"] == question)
    (hits,) = table.loc[selected, "hits"]
    return torch.tensor(hits) > 0.5


def mcnemar_p_value(first: Tensor, second: Tensor) -> float:
    """Return the p-value of McNemar's exact test, which compares two proportions on the same samples.

    Only samples on which the two methods differ count. If neither method is better, each of these samples is a success
    of the first method with probability 1/2.

    Args:
        first: one bool per sample (N,).
        second: one bool per sample (N,), for the same samples.

    Returns:
        The two-sided p-value; 1 if the methods never differ.

    References:
        McNemar, Psychometrika 12, 1947.

    Example:
        >>> mcnemar_p_value(torch.tensor([True, True, True, True]), torch.tensor([False, False, False, True]))
        0.25
    """
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    n = only_first + only_second
    return float(binomtest(only_first, n).pvalue) if n else 1.0
