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
CONTROLS = ("centre", "edges of the image", "random, smooth", "random")


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
class CenterDifference:
    """The paired difference of a method from the center prior.

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

    The networks are evaluated on the same images. Therefore the standard error over images is not divided by the root
    of their number; it is the mean of the standard errors of the networks.

    Args:
        result: the stored result "explanations_signs".
        metric: name of the metric.

    Returns:
        The scores, the methods first.
    """
    rows = result.query("kind == 'metrics'").groupby("method")[[metric, f"{metric}_se"]].mean()
    scores = []
    for method in (*METHODS, *CONTROLS):
        mean, error = rows.loc[method]
        scores.append(MethodScore(method, mean, mean - Z_95 * error, mean + Z_95 * error, method in METHODS))
    return scores


def difference_from_center(result: pd.DataFrame, metric: str, method: str) -> CenterDifference:
    """Return the paired difference between a method and the center prior.

    Args:
        result: the stored result "explanations_signs".
        metric: a metric that depends on the order of the pixels only.
        method: name of the method.

    Returns:
        The difference with its interval.
    """
    rows = result.query("kind == 'metrics' and method == @method")
    gain, error = rows[f"{metric} over centre"], rows[f"{metric} over centre_se"]
    side = 1 if higher_is_better(metric) else -1
    half = Z_95 * error.mean()
    better = int((side * gain - Z_95 * error > 0).sum())
    return CenterDifference(gain.mean(), gain.mean() - half, gain.mean() + half, better)


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
