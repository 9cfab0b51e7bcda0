"""Image quality: the mismatch of a label, rank correlations with their intervals, and shares of a map."""

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor

from tutorial_course.findings.ch4.logistic_fit import logistic_fit
from tutorial_course.findings.core import markdown_table
from tutorial_course.findings.intervals import Interval, mean_interval
from tutorial_course.widgets.markdown import MarkdownText
from tutorial_lib.data import QualityDataset
from tutorial_lib.metrics import krcc, plcc, rmse, srcc


class HueMismatch(NamedTuple):
    """The norm of a gradient over the hue of a sign, as means over scenes.

    Attributes:
        start: mean norm at the first hue.
        peak: largest mean norm.
        peak_step: step at which it is reached.
        end: mean norm at the last hue.
        decrease: decrease from the peak to the last hue, with its interval over scenes.
        error_ratio: norm of the output error at the last hue relative to that at the peak.
        feature_ratio: norm of the features at the last hue relative to that at the peak.
    """

    start: float
    peak: float
    peak_step: int
    end: float
    decrease: Interval
    error_ratio: float
    feature_ratio: float


def hue_mismatch(errors: Tensor, features: Tensor) -> HueMismatch:
    """Return how the norm of the last layer's gradient changes with the hue, and which of its two factors changes.

    Args:
        errors: norm of p − e_Q (K, N) for K hues and N scenes.
        features: norm of the features h (K, N).

    Returns:
        The means over scenes.

    Example:
        >>> hue_mismatch(torch.tensor([[0.0], [1.0], [1.0]]), torch.tensor([[4.0], [4.0], [2.0]])).feature_ratio
        0.5
    """
    norms = errors * features
    means = norms.mean(1)
    peak = int(means.argmax())
    return HueMismatch(
        start=float(means[0]),
        peak=float(means[peak]),
        peak_step=peak,
        end=float(means[-1]),
        decrease=mean_interval(norms[peak] - norms[-1]),
        error_ratio=float(errors[-1].mean() / errors[peak].mean()),
        feature_ratio=float(features[-1].mean() / features[peak].mean()),
    )


def within_kind_correlation(values: Tensor, pairs: QualityDataset) -> float:
    """Return the rank correlation of a measure with quality within a kind of distortion, averaged over the kinds.

    Args:
        values: one value per image (N,); a distance is counted by its absolute correlation.
        pairs: the distorted images.

    Returns:
        The mean absolute correlation, in [0, 1].
    """
    kinds = list(dict.fromkeys(pairs.distortion_types))
    total = 0.0
    for kind in kinds:
        rows = torch.tensor([k == kind for k in pairs.distortion_types])
        total += abs(srcc(values.cpu()[rows], pairs.quality[rows]))
    return total / len(kinds)


def stored_correlation(
    table: pd.DataFrame, name: str, measure: str, statistic: str = "pooled", training: float = 1.0
) -> Interval:
    """Return a stored rank correlation with its interval over reference images.

    Args:
        table: the stored result "image_quality".
        name: name of the data set.
        measure: name of the measure.
        statistic: "monotone", "within" or "pooled".
        training: training of the network as a fraction of that of the shipped network.

    Returns:
        The mean over networks, with its interval.
    """
    rows = table[(table["kind"] == "measure") & (table["set"] == name) & (table["measure"] == measure)]
    return _interval(rows[rows["training"] == training], statistic)


def stored_difference(
    table: pd.DataFrame, name: str, method: str, baseline: str, statistic: str = "pooled", training: float = 1.0
) -> Interval:
    """Return a stored paired difference of two rank correlations with its interval over reference images.

    Args:
        table: the stored result "image_quality".
        name: name of the data set.
        method: name of the measure.
        baseline: name of the measure that is subtracted.
        statistic: "monotone", "within" or "pooled".
        training: training of the network as a fraction of that of the shipped network.

    Returns:
        The difference with its interval.
    """
    rows = table[(table["kind"] == "difference") & (table["set"] == name) & (table["measure"] == method)]
    return _interval(rows[(rows["baseline"] == baseline) & (rows["training"] == training)], statistic)


def stored_training_effect(
    table: pd.DataFrame, name: str, method: str, training: float, statistic: str = "pooled"
) -> Interval:
    """Return by how much another amount of training changes a stored rank correlation, with its paired interval.

    Args:
        table: the stored result "image_quality".
        name: name of the data set.
        method: name of the measure.
        training: training of the network as a fraction of that of the shipped network.
        statistic: "monotone", "within" or "pooled".

    Returns:
        The correlation with this training minus that with the training of the shipped network.
    """
    rows = table[(table["kind"] == "training") & (table["set"] == name) & (table["measure"] == method)]
    return _interval(rows[rows["training"] == training], statistic)


def stored_contrast(table: pd.DataFrame, name: str, column: str = "share") -> Interval:
    """Return a stored number of a map that explains a quality score, with its interval over scenes.

    Args:
        table: the stored result "image_quality".
        name: name of the map.
        column: "share", the share of the map's total positive value on the distorted half, or "lead over the expected
            score", this share minus that of the expected score.

    Returns:
        The number with its interval.
    """
    return _interval(table[(table["kind"] == "contrast") & (table["map"] == name)], column)


def _interval(rows: pd.DataFrame, statistic: str) -> Interval:
    """The value of a single row and its interval."""
    (values,) = rows[[statistic, f"{statistic} low", f"{statistic} high"]].itertuples(index=False)
    return Interval(*map(float, values))


def correlation_table(
    table: pd.DataFrame, measures: Mapping[str, str], sets: Mapping[str, str], statistic: str = "pooled"
) -> MarkdownText:
    """Return a table of stored rank correlations with their intervals, a row per measure and a column per data set.

    Args:
        table: the stored result "image_quality".
        measures: name of each measure -> title.
        sets: name of each data set -> title.
        statistic: "monotone", "within" or "pooled".

    Returns:
        The table; a measure that was not evaluated on a data set has a dash there.
    """
    stored = table[(table["kind"] == "measure") & (table["training"] == 1.0)]
    pairs = set(zip(stored["set"], stored["measure"], strict=True))
    rows = []
    for measure, title in measures.items():
        row: dict[str, str | None] = {"measure": title}
        for name in sets:
            is_stored = (name, measure) in pairs
            row[name] = f"{stored_correlation(table, name, measure, statistic):.2f}" if is_stored else None
        rows.append(row)
    return markdown_table(rows, {"measure": "measure", **sets})


def rated_scores(table: pd.DataFrame) -> dict[str, list[Tensor]]:
    """Return the stored values of each measure on the images with human ratings, one tensor per network.

    Args:
        table: the stored result "image_quality".

    Returns:
        Name of the measure -> its values (N,), only for networks with the full training.
    """
    scores: dict[str, list[Tensor]] = {}
    rows = table[(table["kind"] == "scores") & (table["training"] == 1.0)]
    for measure, values in zip(rows["measure"], rows["scores"], strict=True):
        scores.setdefault(measure, []).append(torch.tensor(values, dtype=torch.float64))
    return scores


def protocol(scores: Tensor, quality: Tensor) -> dict[str, float]:
    """Return the four numbers that studies of image quality report.

    Args:
        scores: values of a measure (N,).
        quality: ratings (N,), oriented so that higher means better.

    Returns:
        SRCC and KRCC of the values, and PLCC and RMSE after the logistic fit.

    Example:
        >>> quality = torch.linspace(0, 100, 20)
        >>> protocol(quality / 10, quality)["SRCC"]
        1.0
    """
    fitted = logistic_fit(scores, quality)(scores)
    return {
        "PLCC": plcc(fitted, quality),
        "SRCC": srcc(scores, quality),
        "KRCC": krcc(scores, quality),
        "RMSE": rmse(fitted, quality),
    }


def map_shares(maps: Tensor, half: Tensor) -> Tensor:
    """Return the share of each map's total positive value on one half of the image.

    Args:
        maps: signed maps (N, h, w).
        half: which columns belong to the half (w,), bool.

    Returns:
        Shares (N,) in [0, 1]; NaN for a map without positive values.

    Example:
        >>> map_shares(torch.tensor([[[3.0, 1.0]]]), torch.tensor([True, False]))
        tensor([0.7500])
    """
    positive = maps.detach().cpu().relu()
    total = positive.sum((1, 2))
    return torch.where(total > 1e-6, positive[..., half].sum((1, 2)) / total, torch.nan)
