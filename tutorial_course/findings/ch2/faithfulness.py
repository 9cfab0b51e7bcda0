"""The stored faithfulness metrics of explanation maps, averaged over networks and compared with controls."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import torch

from tutorial_course.findings.intervals import Z_95

METHODS = (
    "occlusion",
    "saliency",
    "SmoothGrad",
    "integrated gradients",
    "guided backpropagation",
    "guided Grad-CAM",
    "Grad-CAM",
    "Grad-CAM++",
)
EDGES = "centre × edges"  # the start of the names of the smoothed edges times the center prior
CONTROLS = (EDGES, "centre", "edges of the image", "random, smooth", "random")


@dataclass(frozen=True)
class MethodScore:
    """The score of one map, the mean over the networks.

    Attributes:
        method: name of the method or of the control.
        mean: the mean over networks.
        low: lower end of the 95% interval over images.
        high: upper end.
        uses_network: whether this is a method and not a control.
    """

    method: str
    mean: float
    low: float
    high: float
    uses_network: bool


@dataclass(frozen=True)
class ControlDifference:
    """The paired difference of a method from a control.

    Attributes:
        mean: the mean over networks; its sign is that of the metric.
        low: lower end of the 95% interval over images.
        high: upper end.
        better: number of networks whose own interval lies on the better side of zero.
    """

    mean: float
    low: float
    high: float
    better: int


def higher_is_better(metric: str) -> bool:
    """Return whether a larger value of the metric means a better map.

    Args:
        metric: name of the metric, as in the stored table.

    Returns:
        False for deletion and average drop.
    """
    return not metric.startswith(("deletion", "drop"))


def faithfulness_over_networks(result: pd.DataFrame, metric: str) -> list[MethodScore]:
    """Return the mean score of each method and of each control over the networks.

    The smoothed edges times the center prior are listed once, with the best width for this metric. The networks are
    evaluated on the same images. Therefore the standard error over images is not divided by the root of their number;
    it is the mean of the standard errors of the networks.

    Args:
        result: the stored result "explanations_signs".
        metric: name of the metric.

    Returns:
        The scores, the methods first.
    """
    rows = result.query("kind == 'metrics'").groupby("method")[[metric, f"{metric}_se"]].mean()
    rows.loc[EDGES] = rows.loc[best_edges(result, metric)]
    scores = []
    for method in (*METHODS, *CONTROLS):
        mean, error = rows.loc[method]
        scores.append(MethodScore(method, mean, mean - Z_95 * error, mean + Z_95 * error, method in METHODS))
    return scores


def best_edges(result: pd.DataFrame, metric: str) -> str:
    """Return the name of the smoothed edges times the center prior, with the width that is best for a metric.

    Args:
        result: the stored result "explanations_signs".
        metric: name of the metric.

    Returns:
        The name of the control whose mean over networks is best.
    """
    rows = result.query("kind == 'metrics'")
    means = rows[rows["method"].str.startswith(EDGES)].groupby("method")[metric].mean()
    return str(means.idxmax() if higher_is_better(metric) else means.idxmin())


def difference_from_edges(result: pd.DataFrame, metric: str, method: str) -> ControlDifference:
    """Return the paired difference between a method and the smoothed edges times the center prior.

    The width of the smoothing is the best one for this metric and each network.

    Args:
        result: the stored result "explanations_signs".
        metric: a metric that depends on the order of the pixels only.
        method: name of the method.

    Returns:
        The difference with its interval.
    """
    rows = result.query("kind == 'metrics over edges' and method == @method")
    return _mean_difference(rows, metric, "edges")


def difference_from_center(result: pd.DataFrame, metric: str, method: str) -> ControlDifference:
    """Return the paired difference between a method and the center prior.

    Args:
        result: the stored result "explanations_signs".
        metric: a metric that depends on the order of the pixels only.
        method: name of the method.

    Returns:
        The difference with its interval.
    """
    return _mean_difference(result.query("kind == 'metrics' and method == @method"), metric, "centre")


def _mean_difference(rows: pd.DataFrame, metric: str, control: str) -> ControlDifference:
    """The difference from a control as the mean over the rows, one for each network."""
    gain, error = rows[f"{metric} over {control}"], rows[f"{metric} over {control}_se"]
    side = 1 if higher_is_better(metric) else -1
    half = Z_95 * error.mean()
    better = int((side * gain - Z_95 * error > 0).sum())
    return ControlDifference(gain.mean(), gain.mean() - half, gain.mean() + half, better)


def best_center_prior(result: pd.DataFrame, metric: str) -> float:
    """Return the best mean score of the center prior over its stored widths.

    Args:
        result: the stored result "explanations_signs".
        metric: a metric that depends on the values of a map.

    Returns:
        The mean over networks of the best width.
    """
    rows = result.query("kind == 'metrics'")
    rows = rows[rows["method"].str.startswith("centre, width")]
    means = rows.groupby("method")[metric].mean()
    return float(means.max() if higher_is_better(metric) else means.min())


def chance_rank_correlation(n_maps: int, quantile: float = 0.95, n_samples: int = 20_000) -> float:
    """Return the absolute rank correlation that two unrelated metrics exceed in 5% of cases.

    Args:
        n_maps: number of maps that both metrics order, without ties.
        quantile: share of cases with a smaller absolute correlation.
        n_samples: number of random orders.

    Returns:
        The quantile of the absolute value of Spearman's correlation.

    Example:
        >>> 0.6 < chance_rank_correlation(8) < 0.8
        True
    """
    generator = torch.Generator().manual_seed(0)
    orders = torch.rand(n_samples, n_maps, generator=generator).argsort(1).double()
    centered = torch.arange(n_maps).double() - (n_maps - 1) / 2
    correlation = (orders - orders.mean()) @ centered / centered.square().sum()
    return float(correlation.abs().quantile(quantile))
