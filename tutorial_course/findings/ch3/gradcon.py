"""The AUROC of GradCon and of its controls, over classes and over corruptions."""

from typing import NamedTuple

import pandas as pd

from tutorial_course.findings.intervals import Interval, t_interval

# By title: the weight of the constraint and the column of the stored result.
GRADCON_SCORES = {
    "distance to the mean image": (None, "mean image"),
    "two-sided reconstruction error": (None, "two-sided reconstruction"),
    "activation norms, all layers": (None, "activations"),
    "reconstruction error": (0.0, "reconstruction"),
    "gradient norm": (0.03, "norm"),
    "alignment, without constraint": (0.0, "alignment"),
    "alignment, with constraint": (0.03, "alignment"),
    "GradCon": (0.03, "both"),
}
GRADCON_TESTS = {
    "signs": "other signs",
    "corruptions": "corrupted images of the same sign",
    "cifar10": "other CIFAR-10 classes",
}

# Pairs of scores whose difference is reported.
GRADCON_COMPARISONS = (
    ("GradCon", "reconstruction error"),
    ("GradCon", "distance to the mean image"),
    ("GradCon", "two-sided reconstruction error"),
    ("GradCon", "activation norms, all layers"),
    ("alignment, with constraint", "activation norms, all layers"),
    ("alignment, with constraint", "gradient norm"),
    ("alignment, with constraint", "alignment, without constraint"),
)


class ClassDifference(NamedTuple):
    """The paired difference between two scores over normal classes.

    Attributes:
        interval: the mean difference with its 95% interval over classes.
        positive: number of classes in which the difference is positive.
        classes: number of classes.
    """

    interval: Interval
    positive: int
    classes: int

    def __str__(self) -> str:
        """Return the difference with its interval, and in how many classes it is positive.

        Returns:
            The text, for example ``+0.10 (+0.05 to +0.15), 3 of 4``.
        """
        return f"{self.interval:+.2f}, {self.positive} of {self.classes}"


def class_aurocs(result: pd.DataFrame, score: str, test: str) -> pd.Series:
    """Return the AUROC of a score for each normal class, averaged over the training runs.

    Args:
        result: the stored result on GradCon.
        score: a key of ``GRADCON_SCORES``.
        test: a key of ``GRADCON_TESTS``; the corruptions are averaged over all types and severities.

    Returns:
        The AUROC by normal class.
    """
    alpha, column = GRADCON_SCORES[score]
    kinds = {"mean image": ", mean image", "two-sided reconstruction": ", forward control"}
    kinds["activations"] = kinds["two-sided reconstruction"]
    if test == "corruptions":
        rows = result[result["kind"] == f"corruption{kinds.get(column, '')}, by sign"]
    elif column in ("two-sided reconstruction", "activations"):
        rows = result[(result["kind"] == "forward control") & (result["dataset"] == test)]
    else:
        rows = result[(result["kind"] == "class") & (result["dataset"] == test)]
        rows = rows[rows["steps"] == rows["steps"].min()]
    if alpha is not None:
        rows = rows[rows["alpha"] == alpha]
    return rows.groupby("normal")[column].mean()


def auroc_over_classes(result: pd.DataFrame, score: str, test: str) -> Interval:
    """Return the mean AUROC of a score over normal classes with its t interval.

    Args:
        result: the stored result on GradCon.
        score: a key of ``GRADCON_SCORES``.
        test: a key of ``GRADCON_TESTS``.

    Returns:
        The mean with its 95% interval over classes, limited to [0, 1].
    """
    mean, low, high = t_interval(class_aurocs(result, score, test).tolist())
    return Interval(mean, max(low, 0.0), min(high, 1.0))


def difference_over_classes(result: pd.DataFrame, score: str, other: str, test: str) -> ClassDifference:
    """Return the paired difference between two scores over normal classes.

    Args:
        result: the stored result on GradCon.
        score: a key of ``GRADCON_SCORES``.
        other: the key of the score that is subtracted.
        test: a key of ``GRADCON_TESTS``.

    Returns:
        The mean difference, and the number of classes in which it is positive.
    """
    difference = class_aurocs(result, score, test) - class_aurocs(result, other, test)
    return ClassDifference(t_interval(difference.tolist()), int((difference > 0).sum()), len(difference))
