"""Counterfactual pairs that a network classifies correctly, and the stored results on them."""

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor, nn

from tutorial_course.findings.intervals import Interval
from tutorial_lib.data import SIGNS, counterfactual_pairs
from tutorial_lib.data.counterfactuals import MOST_SIMILAR_SIGN


class CorrectPairs(NamedTuple):
    """Counterfactual pairs of which both images are classified correctly.

    Attributes:
        images: images (N, 3, H, W).
        masks: the pixels in which the two images of a pair differ (N, H, W), bool.
        P: the class of each image (N,).
        Q: the class of each counterfactual (N,).
    """

    images: Tensor
    masks: Tensor
    P: Tensor
    Q: Tensor


def sample_correct_pairs(
    network: nn.Module, signs: Sequence[str], each: int, generator: torch.Generator, device: torch.device | str
) -> CorrectPairs:
    """Return those counterfactual pairs of signs and their most similar signs that a network classifies correctly.

    Args:
        network: a sign classifier.
        signs: names of the signs.
        each: number of scenes that are sampled for each sign.
        generator: source of randomness.
        device: device of the images.

    Returns:
        The pairs of which both images are classified correctly, and in which some differing pixel is visible.
    """
    P = [sign for sign in signs for _ in range(each)]
    Q = [MOST_SIMILAR_SIGN[sign] for sign in P]
    pairs = counterfactual_pairs(P, Q, generator=generator, device=device)
    p, q = (torch.tensor([SIGNS.index(sign) for sign in names], device=device) for names in (P, Q))
    with torch.no_grad():
        keep = (network(pairs.image).argmax(1) == p) & (network(pairs.counterfactual).argmax(1) == q)
    keep &= pairs.difference.flatten(1).any(1)
    return CorrectPairs(pairs.image[keep], pairs.difference[keep, 0], p[keep], q[keep])


def stored_intervals(
    rows: pd.DataFrame, networks: Sequence[str], method: str, question: str, column: str, scale: float = 1
) -> list[Interval]:
    """Return a column of stored rows with its intervals, for each network.

    Args:
        rows: table with the columns ``column``, ``column_low`` and ``column_high``, and the index network, method and
            question.
        networks: names of the networks.
        method: name of the method.
        question: the question that the map answers.
        column: name of the column.
        scale: factor for all numbers; 100 turns a share into percentage points.

    Returns:
        One interval per network.
    """
    selected = [rows.loc[(network, method, question)] for network in networks]
    return [Interval(*(scale * row[column + end] for end in ("", "_low", "_high"))) for row in selected]


def most_precise_edges(rows: pd.DataFrame) -> str:
    """Return the smoothed edges times the center prior, a map without a network, with the best of the stored widths.

    Args:
        rows: the stored result "explanations_signs".

    Returns:
        The name of the map with the highest mean precision at k over networks.
    """
    pairs = rows[(rows["kind"] == "counterfactual pairs") & rows["method"].str.startswith("centre × edges")]
    return str(pairs.groupby("method")["precision"].mean().idxmax())


def difference_intervals(
    rows: pd.DataFrame, networks: Sequence[str], method: str, question: str, reference: str, scale: float = 1
) -> list[Interval]:
    """Return stored paired differences of the precision at k with their intervals, for each network.

    Args:
        rows: the stored result "explanations_signs".
        networks: names of the networks.
        method: name of the method.
        question: the question that the map answers.
        reference: the map that is subtracted, as "method, question", or the name of a control that is stored with its
            best width only, without this width.
        scale: factor for all numbers; 100 turns a share into percentage points.

    Returns:
        One interval per network.
    """
    differences = rows[rows["kind"] == "paired differences"]
    names = differences["reference"] + ", " + differences["question_of_reference"]
    chosen = (names == reference) | names.str.startswith(f"{reference}, blur")
    selected = differences[chosen].set_index(["network", "method", "question"])
    return stored_intervals(selected, networks, method, question, "difference", scale)
