"""Novelty detection with a variational autoencoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tutorial_course.findings.intervals import Interval, t_interval

if TYPE_CHECKING:
    import pandas


def novelty_lead(table: pandas.DataFrame, score: str, reference: str) -> dict[str, Interval]:
    """Return the difference in AUROC between two novelty scores for each dataset.

    Args:
        table: stored rows with the columns dataset, normal (the class), seed, and one column per score.
        score: name of the score.
        reference: name of the score that is subtracted.

    Returns:
        {dataset: the mean over its classes with the 95% interval over these classes}; seeds of a class are averaged,
        and a dataset without one of the scores is left out.
    """
    by_class = table.groupby(["dataset", "normal"])[[score, reference]].mean()
    differences = (by_class[score] - by_class[reference]).dropna()
    return {dataset: t_interval(values.tolist()) for dataset, values in differences.groupby("dataset")}
