"""Gains in accuracy of the second stage of introspective learning."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas


def accuracy_gains(
    table: pandas.DataFrame, classifier: str, reference: str, trained: str, column: str = "accuracy"
) -> pandas.Series:
    """Return the difference in accuracy between two classifiers in percentage points, by network and seed.

    Args:
        table: stored result with rows of the kind "head".
        classifier: the classifier, such as "cross_entropy" for the second stage on contrasts.
        reference: the classifier to compare it with; "feed-forward" is the network itself, which has no seed.
        trained: the images on which the second stage was trained.
        column: the column of the accuracy.

    Returns:
        The differences, indexed by network and seed.
    """
    rows = table.query("kind == 'head' and trained == @trained").set_index(["head", "network", "seed"])[column]
    first, second = rows.loc[classifier], rows.loc[reference]
    if reference == "feed-forward":
        second = second.droplevel("seed")
        return 100 * (first - second.reindex(first.index.get_level_values("network")).to_numpy())
    return 100 * (first - second).dropna()


def network_means(differences: pandas.Series) -> pandas.Series:
    """Return the mean over seeds for each network, so that every network counts equally.

    Args:
        differences: values indexed by network and seed.

    Returns:
        One value per network.
    """
    return differences.groupby("network").mean()


def runs_by_network(differences: pandas.Series) -> list[list[float]]:
    """Return the values of the runs, grouped by network.

    Args:
        differences: values indexed by network and seed.

    Returns:
        A list of values for each network.
    """
    return [list(values) for _, values in differences.groupby("network")]


def gain_by_corruption(
    table: pandas.DataFrame, trained: str, classifier: str = "cross_entropy"
) -> dict[str, list[float]]:
    """Return the gain in accuracy over the network for each corruption in percentage points, the largest mean first.

    Args:
        table: stored result with rows of the kind "corruption".
        trained: the images on which the second stage was trained.
        classifier: the classifier.

    Returns:
        For each corruption the gain of every run, or the mean gain alone if the runs are not stored.
    """
    rows = table.query("kind == 'corruption' and trained == @trained").set_index(["head", "value"])
    gains = {}
    for corruption in rows.loc[classifier].index:
        pair = [rows.loc[(head, corruption)] for head in (classifier, "feed-forward")]
        runs, base = (
            stored if isinstance(stored := row.get("accuracies"), list) else [row["accuracy"]] for row in pair
        )
        base = base * (len(runs) // len(base))  # the runs on one network share its accuracy
        gains[corruption] = [100 * (a - b) for a, b in zip(runs, base, strict=True)]
    return dict(sorted(gains.items(), key=lambda item: -fmean(item[1])))
