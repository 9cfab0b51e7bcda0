"""The randomization test: similarity of maps, their null and their ceiling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas

NULL, CEILING = "null: another image", "ceiling: another network"


def _mean_values(table: pandas.DataFrame, networks: Sequence[str], method: str) -> pandas.DataFrame:
    """The mean similarities of one method over networks, by what was randomized."""
    rows = table[(table["kind"] == "randomization") & table["network"].isin(networks) & (table["method"] == method)]
    return rows.groupby("randomized")[["signed", "absolute", "magnitude"]].mean()


def similarity_rows(
    table: pandas.DataFrame, networks: Sequence[str], methods: Sequence[str], last_layer: str
) -> list[dict[str, Any]]:
    """Return the result of the randomization test of the last layer, as the mean over networks.

    Args:
        table: stored result with rows of the kind "randomization".
        networks: the networks.
        methods: the methods.
        last_layer: name of the last layer, such as "head".

    Returns:
        For each method that was measured a dict with the ``method``, the ``signed`` mean correlation, the mean
        ``absolute`` correlation, and the mean absolute correlation with the map of another image (``null``) and of
        another trained network (``ceiling``, None if there is no other network).
    """
    rows = []
    for method in methods:
        values = _mean_values(table, networks, method)
        if values.empty:
            continue
        randomized = values.loc[f"{last_layer}, re-initialized"]
        row = {"method": method, "signed": float(randomized["signed"]), "absolute": float(randomized["absolute"])}
        row["null"] = float(values.loc[NULL, "absolute"])
        row["ceiling"] = float(values.loc[CEILING, "absolute"]) if CEILING in values.index else None
        rows.append(row)
    return rows


def cascade_similarity(
    table: pandas.DataFrame, networks: Sequence[str], method: str, layers: Sequence[str]
) -> list[float]:
    """Return the mean absolute correlation while more and more layers are re-initialized, as the mean over networks.

    Args:
        table: stored result with rows of the kind "randomization".
        networks: the networks.
        method: the method.
        layers: the layers in the order in which they were re-initialized.

    Returns:
        One value for the trained network, and one after each further layer.
    """
    values = _mean_values(table, networks, method)["absolute"]
    return [float(values[stage]) for stage in ("nothing", *(f"{layer}, re-initialized" for layer in layers))]
