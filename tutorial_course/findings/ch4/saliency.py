"""The stored agreement of saliency maps with the odd sign and with human fixations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd
from torch import Tensor

from tutorial_course.findings.intervals import Interval
from tutorial_lib import metrics
from tutorial_lib.data import OddOneOutArrays


def _interval(row: pd.Series, metric: str) -> Interval:
    """A metric of a stored row with its interval."""
    return Interval(*(float(row[column]) for column in (metric, f"{metric}, low", f"{metric}, high")))


def stored_interval(result: pd.DataFrame, metric: str, **keys: object) -> Interval:
    """Return a metric with its 95% interval from the only stored row that has the given values.

    Args:
        result: the stored result "saliency".
        metric: name of the metric, for example "shuffled auc".
        **keys: value by column; a column whose name has a space is written with an underscore.

    Returns:
        The metric with its interval over arrays or photographs.

    Raises:
        ValueError: there is not exactly one such row.
    """
    rows = result
    for column, value in keys.items():
        rows = rows[rows[column.replace("_", " ")] == value]
    if len(rows) != 1:
        raise ValueError(f"expected one stored row with {keys}, got {len(rows)}; check the names and values")
    return _interval(rows.iloc[0], metric)


def fixation_scores(
    result: pd.DataFrame, data: str, metric: str, titles: Mapping[tuple[str, bool], str]
) -> dict[str, Interval]:
    """Return a metric of several maps for human fixations.

    Args:
        result: the stored result "saliency".
        data: name of the data set.
        metric: name of the metric.
        titles: title of each map, by its name and whether it is multiplied by the center prior.

    Returns:
        The metric with its interval over photographs, by title; maps that were not evaluated are left out.
    """
    rows = result.query("kind == 'fixations' and data == @data").set_index(["map", "prior"])
    return {title: _interval(rows.loc[key], metric) for key, title in titles.items() if key in rows.index}


def noise_scores(result: pd.DataFrame, metric: str, names: Sequence[str]) -> pd.DataFrame:
    """Return a metric of maps under the strongest noise, with and without the photograph that was fixated.

    Args:
        result: the stored result "saliency".
        metric: name of the metric.
        names: names of the maps, without the center prior.

    Returns:
        A row for each map, with an interval in each of the columns "photograph" and "nothing", which say what is under
        the noise.
    """
    rows = result.query("kind == 'noise' and prior == False and sd == sd.max()").set_index(["map", "under the noise"])
    under = ("photograph", "nothing")
    return pd.DataFrame({u: [_interval(rows.loc[(name, u)], metric) for name in names] for u in under}, index=names)


def odd_sign_hits(maps: Tensor, arrays: OddOneOutArrays) -> Tensor:
    """Return whether the cell with the largest mean of a map contains the odd sign.

    Args:
        maps: one map for each array (N, H, W), whose sides are divisible by three.
        arrays: the arrays of nine signs.

    Returns:
        One bool per array (N,).
    """
    side = maps.shape[-1] // 3
    cells = maps.unfold(1, side, side).unfold(2, side, side).mean((3, 4)).flatten(1)
    return cells.argmax(1) == arrays.odd_index.to(cells.device)


def metric_changes(
    changed: Mapping[str, Tensor], points: Tensor, density: Tensor, prior: Tensor, others: Tensor
) -> list[dict[str, str | float]]:
    """Return the fixation metrics of several versions of a map.

    Args:
        changed: the versions of the map (H, W) by title.
        points: fixations (K, 2), row and column.
        density: density of the fixations (H, W).
        prior: map (H, W) that the information gain compares with.
        others: fixations in other images (M, 2).

    Returns:
        One row per version. "SIM, benchmark" and "IG, benchmark" first rescale the maps to [0, 1], as the code of the
        MIT/Tübingen benchmark does.
    """
    functions: dict[str, Callable[[Tensor], float]] = {
        "AUC": lambda m: metrics.auc_judd(m, points),
        "sAUC": lambda m: metrics.shuffled_auc(m, points, others),
        "NSS": lambda m: metrics.nss(m, points),
        "CC": lambda m: metrics.cc(m, density),
        "SIM": lambda m: metrics.sim(m, density),
        "SIM, benchmark": lambda m: metrics.sim(rescale(m), rescale(density)),
        "KL": lambda m: metrics.kl_divergence(m, density),
        "IG": lambda m: metrics.information_gain(m, points, prior),
        "IG, benchmark": lambda m: metrics.information_gain(rescale(m), points, rescale(prior)),
    }
    return [{"map": title} | {name: f(m) for name, f in functions.items()} for title, m in changed.items()]


def rescale(map: Tensor) -> Tensor:
    """Return a map rescaled to the range [0, 1].

    Args:
        map: map (H, W) that is not constant.

    Returns:
        The rescaled map.

    Example:
        >>> import torch
        >>> rescale(torch.tensor([[1.0, 3.0]]))
        tensor([[0., 1.]])
    """
    return (map - map.min()) / (map.max() - map.min())
