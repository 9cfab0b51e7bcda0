"""The stored agreement of saliency maps with the odd sign and with human fixations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import pandas as pd
import torch
from torch import Tensor

from tutorial_course.datasets import FixationDataset
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


def stored_intervals(result: pd.DataFrame, metrics: Iterable[str], **keys: object) -> dict[str, Interval]:
    """Return several metrics with their 95% intervals from the only stored row that has the given values.

    Args:
        result: the stored result "saliency".
        metrics: names of the metrics.
        **keys: as in :func:`stored_interval`.

    Returns:
        The metric with its interval, by name.
    """
    return {metric: stored_interval(result, metric, **keys) for metric in metrics}


def hit_rates_by_kind(result: pd.DataFrame, kinds: Mapping[str, str], maps: Mapping[str, str]) -> pd.DataFrame:
    """Return how often each map locates the odd sign, by what distinguishes this sign.

    Args:
        result: the stored result "saliency".
        kinds: kind of the arrays -> title.
        maps: name of each map -> title.

    Returns:
        The hit rate as a mean over networks: a row per kind and a column per map, with their titles.
    """
    rows = result.query("kind == 'array' and map in @maps")
    means = rows.groupby(["array", "map"])["hit rate"].mean().unstack()
    return means.loc[[*kinds], [*maps]].rename(index=kinds, columns=maps)


def fixation_differences(
    result: pd.DataFrame,
    map: str,
    compared_with: str,
    prior: bool,
    data: Mapping[str, str],
    metrics: Mapping[str, str],
) -> dict[str, Interval | None]:
    """Return the stored paired differences of two maps for human fixations.

    Args:
        result: the stored result "saliency".
        map: name of the map.
        compared_with: name of the map that is subtracted.
        prior: whether both maps are multiplied by the center prior.
        data: name of each data set -> title.
        metrics: name of each metric -> title.

    Returns:
        The difference with its interval over photographs for each ``"<data set>, <metric>"``; None if it was not
        measured on a data set.
    """
    rows = result.query("kind == 'fixations, difference' and map == @map")
    rows = rows.query("`compared with` == @compared_with and prior == @prior").set_index("data")
    return {
        f"{title}, {metric_title}": _interval(rows.loc[name], metric) if name in rows.index else None
        for name, title in data.items()
        for metric, metric_title in metrics.items()
    }


def fixation_metrics(result: pd.DataFrame, data: str, titles: Mapping[str, str]) -> pd.DataFrame:
    """Return all metrics of the maps that were evaluated for human fixations, without the center prior alone.

    Args:
        result: the stored result "saliency".
        data: name of the data set.
        titles: title of each map; a map without a title keeps its name.

    Returns:
        The stored rows. The column "map" contains the title, which says whether the map was multiplied by the center
        prior.
    """
    rows = result.query("kind == 'fixations' and data == @data and map != 'center prior'")
    factor = rows["prior"].map({True: " × center prior", False: ""})
    return rows.assign(map=rows["map"].replace(titles) + factor)


def center_prior_auc(dataset: FixationDataset, photographs: Sequence[int], size: tuple[int, int] = (150, 200)) -> float:
    """Return the AUC of the center prior for human fixations, the mean over photographs.

    Args:
        dataset: the fixations.
        photographs: indices of the photographs.
        size: height and width of the map.

    Returns:
        The mean AUC; ½ is chance level.
    """
    prior = metrics.center_bias_map(torch.zeros(size))
    return sum(metrics.auc_judd(prior, dataset.fixations(i, size)) for i in photographs) / len(photographs)


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
