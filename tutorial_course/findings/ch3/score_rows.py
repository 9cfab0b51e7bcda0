"""Stored metrics of scores with their intervals, for corruption, open-set recognition and misclassification."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tutorial_course.findings.intervals import Interval

if TYPE_CHECKING:
    import pandas

NETWORKS = {
    "signs/classifier": "signs, network 1",
    "signs/classifier/1": "signs, network 2",
    "signs/classifier/2": "signs, network 3",
    "cifar10/resnet20": "ResNet-20",
    "cifar10/resnet56": "ResNet-56",
    "imagenet/squeezenet1_1": "SqueezeNet",
}


def score_interval(rows: pandas.DataFrame, network: str, score: str, column: str) -> Interval | None:
    """Return a stored metric of a score, or its difference from another score, with the interval.

    Args:
        rows: stored rows of one kind and one condition, at most one per network and score.
        network: name of the network.
        score: name of the score.
        column: the metric, such as "auroc", or a difference, such as "auroc minus max softmax".

    Returns:
        The value with its 95% interval; None if this network has no such row.

    Raises:
        ValueError: several rows fit, because the condition is not unique.
    """
    found = rows[(rows["network"] == network) & (rows["score"] == score)]
    if len(found) > 1:
        raise ValueError(f"expected one row of {network} and {score}, got {len(found)}: select one condition first")
    if found.empty or found[column].isna().all():
        return None
    row = found.iloc[0]
    return Interval(*(float(row[column + end]) for end in ("", "_low", "_high")))


def score_table(
    rows: pandas.DataFrame, lines: Mapping[str, tuple[str, str]], number_format: str = ".2f"
) -> list[dict[str, str | None]]:
    """Return a table of stored metrics, with a line for each score and a column for each network, if it has rows.

    Args:
        rows: stored rows of one kind and one condition.
        lines: for the title of each line the score and the column, see :func:`score_interval`.
        number_format: Python's format specification.

    Returns:
        Rows for :func:`~tutorial_course.findings.markdown_table`.
    """
    networks = [name for name in NETWORKS if (rows["network"] == name).any()]
    table = []
    for title, (score, column) in lines.items():
        line: dict[str, str | None] = {"score": title}
        for network in networks:
            interval = score_interval(rows, network, score, column)
            line[NETWORKS[network]] = None if interval is None else format(interval, number_format)
        if any(line[NETWORKS[network]] for network in networks):
            table.append(line)
    return table
