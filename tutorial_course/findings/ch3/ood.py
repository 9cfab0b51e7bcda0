"""Out-of-distribution detection: norms by layer, stored values with their intervals, and the gain of the gradient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from tutorial_course.findings.intervals import Z_95, Interval
from tutorial_course.results import assert_reproduces
from tutorial_lib.gradients import layer_names

if TYPE_CHECKING:
    import pandas

SIGN_NETWORKS = ("signs/classifier", "signs/classifier/1", "signs/classifier/2")
CIFAR_NETWORKS = ("cifar10/resnet20", "cifar10/resnet56")
TASKS = ("near OOD", "far OOD", "textures", "corruptions", "FGSM", "PGD")
MISCLASSIFICATIONS = "misclassifications"
# Passes through the network for one image: forward, and forward and backward.
GRADIENT_SCORES = ("GradNorm", "ExGrad", "GradTrust", "ODIN", "distance of gradient norms")
ONE_FORWARD, FORWARD_AND_BACKWARD, ODIN_PASSES = "1 forward", "1 forward, 1 backward", "2 forward, 1 backward"
MAX_STANDARD_ERROR = 0.04  # about that of an AUROC of 0.85 with fifty abnormal images


def passes_of(score: str) -> str:
    """Return the passes through the network that a score needs for one image.

    Args:
        score: name of the score in the stored rows.

    Returns:
        The passes in words.

    Example:
        >>> passes_of("GradNorm"), passes_of("ODIN")
        ('1 forward', '2 forward, 1 backward')
    """
    if score == "ODIN":
        return ODIN_PASSES
    if "gradient norm" in score or score in ("GradCon", "alignment"):
        return FORWARD_AND_BACKWARD
    return "3 forward" if score.startswith("ensemble") else ONE_FORWARD


def norms_by_layer(model: nn.Module, norms: Tensor) -> Tensor:
    """Return the gradient norm of every layer from those of its weight and bias tensors.

    Args:
        model: the network.
        norms: norms (N, T), one per parameter tensor.

    Returns:
        Norms (N, L), the roots of the summed squares of the tensors of each layer.
    """
    owners = [name.rpartition(".")[0] for name in layer_names(model, group_by="tensor")]
    membership = torch.tensor([[owner == layer for layer in layer_names(model)] for owner in owners])
    return (norms.square() @ membership.to(norms)).sqrt()


def stored_value(table: pandas.DataFrame, network: str, task: str, score: str, metric: str = "auroc") -> Interval:
    """Return a stored AUROC or detection rate of a score with its 95% interval over images.

    Args:
        table: stored result with rows of the kind "task".
        network: name of the network.
        task: the task, one of ``TASKS`` or misclassifications.
        score: name of the score.
        metric: "auroc", or "detected", the share of abnormal images that is detected at a false-positive rate of 5%.

    Returns:
        The value with its interval, which is cut at 0 and 1.
    """
    row = _only(_select(table, kind="task", metric=metric, network=network, task=task))
    value, half = row[score], Z_95 * row[f"{score}_se"]
    return Interval(value, max(0.0, value - half), min(1.0, value + half))


def stored_lead(
    table: pandas.DataFrame, network: str, task: str, score: str, reference: str, metric: str = "auroc"
) -> Interval:
    """Return the stored paired difference of two scores with its 95% interval over images.

    Args:
        table: stored result with rows of the kind "lead".
        network: name of the network.
        task: the task, or "mean of tasks" or "worst task".
        score: name of the score.
        reference: name of the score that is subtracted.
        metric: "auroc" or "detected".

    Returns:
        The difference with its interval.
    """
    pair = {"score": score, "reference": reference}
    return stored_difference(_only(_select(table, kind="lead", metric=metric, network=network, task=task, **pair)))


def detector_lead(
    table: pandas.DataFrame, network: str, trained: str, family: str, score: str, reference: str
) -> Interval:
    """Return the stored paired difference of two trained detectors with its 95% interval.

    The difference is the mean over random splits of the images into a training and a test set. The interval contains
    the spread over these splits and over the test images.

    Args:
        table: stored result with rows of the kind "detector lead".
        network: name of the network.
        trained: the training set, "own type", "own family" or "other families".
        family: the family of the tested images, or the attack.
        score: input of the detector.
        reference: input of the detector that is subtracted.

    Returns:
        The difference with its interval.
    """
    pair = {"score": score, "reference": reference}
    rows = _select(table, kind="detector lead", network=network, trained=trained, family=family, **pair)
    return stored_difference(_only(rows))


def detector_auroc(table: pandas.DataFrame, network: str, trained: str, task: str, detector_input: str) -> float:
    """Return the stored AUROC of a trained detector, the mean over splits and over the types of anomaly of a task.

    Args:
        table: stored result with rows of the kind "detector task".
        network: name of the network.
        trained: the training set.
        task: one of ``TASKS``.
        detector_input: input of the detector.

    Returns:
        The AUROC; NaN if the detector was not trained on this set.
    """
    row = _only(_select(table, kind="detector task", network=network, trained=trained, task=task))
    return float(row.get(detector_input, float("nan")))


def detector_sd(table: pandas.DataFrame, network: str, trained: str, task: str, detector_input: str) -> float:
    """Return the standard deviation of the AUROC of a trained detector over splits and test images.

    This is the spread of a single detector that is trained on one random half of the images, not the error of the mean.

    Args:
        table: stored result with rows of the kind "detector task".
        network: name of the network.
        trained: the training set.
        task: one of ``TASKS``.
        detector_input: input of the detector.

    Returns:
        The standard deviation; NaN if the detector was not trained on this set.
    """
    return detector_auroc(table, network, trained, task, f"{detector_input}_sd")


def resampling_lead(table: pandas.DataFrame, network: str, dataset: str, normal_images: str) -> Interval:
    """Return the AUROC of the distance of activation norms minus that of gradient norms for one OOD dataset.

    Args:
        table: stored result with rows of the kind "resampling".
        network: name of the network.
        dataset: name of the OOD dataset.
        normal_images: "unchanged" or "resampled".

    Returns:
        The paired difference with its 95% interval over images.
    """
    columns = {"network": network, "set": dataset, "normal images": normal_images}
    return stored_difference(_only(_select(table, kind="resampling", **columns)))


def largest_change(
    first: pandas.DataFrame, second: pandas.DataFrame, networks: Sequence[str], trained: str, detector_input: str
) -> tuple[str, str, float, float]:
    """Return where the AUROC of a trained detector differs most between two sets of images.

    Args:
        first: stored result on the first set of images, with rows of the kind "detector task".
        second: stored result on the second set of images.
        networks: names of the networks.
        trained: the training set.
        detector_input: input of the detector.

    Returns:
        The network, the task, and the AUROC on the first and on the second set of images.
    """
    pairs = [
        (network, task, *(detector_auroc(table, network, trained, task, detector_input) for table in (first, second)))
        for network in networks
        for task in TASKS
    ]
    return max(pairs, key=lambda pair: abs(pair[2] - pair[3]))


def task_score_table(
    table: pandas.DataFrame, networks: Sequence[str], scores: Mapping[str, str], titles: Mapping[str, str]
) -> list[dict[str, str]]:
    """Return the AUROC and the FPR95 of some scores with intervals, for every network and task.

    Args:
        table: stored result with rows of the kind "task".
        networks: names of the networks.
        scores: names of the scores by title.
        titles: titles of the networks by name.

    Returns:
        One dict of texts per network and task.
    """
    rows = []
    for network in networks:
        for task in TASKS:
            row = {"network": titles[network], "images": task}
            for title, score in scores.items():
                low, high = (
                    1 - getattr(stored_value(table, network, task, score, "detected"), end) for end in ("high", "low")
                )
                value = 1 - stored_value(table, network, task, score, "detected").value
                row[f"AUROC, {title}"] = f"{stored_value(table, network, task, score):.2f}"
                row[f"FPR95, {title}"] = f"{Interval(value, low, high):.0%}"
            rows.append(row)
    return rows


def single_network_scores(table: pandas.DataFrame) -> list[str]:
    """Return the names of the scores of a single network without dropout, those without a backward pass first.

    Args:
        table: stored result with rows of the kind "task".

    Returns:
        The names, in the order of the columns within both groups.
    """
    names = [column.removesuffix("_se") for column in table.columns if column.endswith("_se")]
    names = [name for name in names if not name.startswith(("ensemble", "dropout"))]
    return sorted(names, key=lambda name: name in GRADIENT_SCORES)


def score_by_task(table: pandas.DataFrame, networks: Sequence[str]) -> pandas.DataFrame:
    """Return the AUROC of every score by task, the mean over networks.

    Args:
        table: stored result with rows of the kind "task".
        networks: names of the networks.

    Returns:
        Scores as rows and tasks as columns; scores that were not computed for all networks are left out.
    """
    rows = table.query("kind == 'task' and metric == 'auroc' and network in @networks and task in @TASKS")
    names = [column.removesuffix("_se") for column in rows.columns if column.endswith("_se")]
    means = rows.groupby("task")[names].mean().T[[*TASKS]]
    return means[rows[names].notna().any().reindex(means.index)]


def set_title(name: str) -> str:
    """Return the title of a set of images.

    Args:
        name: name of the set in the stored rows.

    Returns:
        The title.

    Example:
        >>> set_title("gtsrb"), set_title("PGD")
        ('photographs of signs (GTSRB)', 'PGD')
    """
    titles = {
        "gtsrb": "photographs of signs (GTSRB)",
        "mnist": "digits (MNIST)",
        "dtd": "texture photographs (DTD)",
        "tinyimagenet": "TinyImageNet",
    }
    return titles.get(name, name)


def detector_pair(
    table: pandas.DataFrame, networks: Sequence[str], task: str, detector_input: str
) -> tuple[float, float]:
    """Return the AUROC of a detector trained on the tested family and on the other families, the mean over networks.

    Args:
        table: stored result with rows of the kind "detector task".
        networks: names of the networks.
        task: one of ``TASKS``.
        detector_input: input of the detector.

    Returns:
        Both values.
    """
    own, unseen = (
        sum(detector_auroc(table, network, trained, task, detector_input) for network in networks) / len(networks)
        for trained in ("own family", "other families")
    )
    return own, unseen


def factor_aurocs(table: pandas.DataFrame, networks: Sequence[str]) -> pandas.DataFrame:
    """Return the AUROC of the factors of GradNorm and ExGrad and of both scores, the mean over networks.

    A value above 0.5 means that a small norm of h, or a small norm of p minus the uniform prediction, indicates an
    abnormal image.

    Args:
        table: stored result with rows of the kinds "factor" and "score".
        networks: names of the networks.

    Returns:
        Sets of images as rows; factors and scores as columns.
    """
    sets = ("near OOD", "gtsrb", "mnist", "dtd", "corruptions", "FGSM", "PGD")
    rows = table.query("kind == 'factor' and network in @networks and set in @sets").groupby("set")
    factors = 1 - rows[["auroc of norm of h", "auroc of norm of p minus u"]].mean()
    scores = table.query("kind == 'score' and metric == 'auroc' and network in @networks")
    by_set = scores.groupby("set")[["GradNorm", "ExGrad"]].mean()
    by_family = scores.groupby("family")[["GradNorm", "ExGrad"]].mean()
    for name in ("GradNorm", "ExGrad"):
        factors[name] = [by_set[name].get(s, by_family[name].get(s)) for s in factors.index]
    factors.columns = ["‖h‖ small", "p alone", "GradNorm", "ExGrad"]
    return factors.loc[[s for s in sets if s in factors.index]].rename(index=set_title)


def assert_task_aurocs(table: pandas.DataFrame, network: str, fresh: Mapping[str, Mapping[str, float]]) -> None:
    """Raise an error if AUROCs of other images differ from the stored ones by more than chance.

    Args:
        table: stored result with rows of the kind "task".
        network: name of the network.
        fresh: recomputed AUROCs by task and score.
    """
    pairs = [
        (value, stored_value(table, network, task, score))
        for task, areas in fresh.items()
        for score, value in areas.items()
    ]
    # Both values have chance errors of about the same size.
    errors = [2**0.5 * (stored.high - stored.low) / (2 * Z_95) for _, stored in pairs]
    assert_reproduces(table, [a for a, _ in pairs], [b.value for _, b in pairs], standard_errors=errors)


def assert_detector_aurocs(table: pandas.DataFrame, network: str, fresh: Mapping[tuple[str, str, str], float]) -> None:
    """Raise an error if AUROCs of trained detectors differ from the stored ones by more than chance.

    Only tasks with the same kind of images in both runs are compared.

    Args:
        table: stored result with rows of the kind "detector task".
        network: name of the network.
        fresh: recomputed AUROCs by task, input of the detector and training set, from half as many images.
    """
    keys = [key for key in fresh if key[0] in ("near OOD", "FGSM", "PGD")]
    pairs = [(fresh[task, name, trained], (table, network, trained, task, name)) for task, name, trained in keys]
    # With half as many images, the variance of the recomputed value is about twice that of one stored split. The
    # stored mean adds at most the variance of one split. A large spread must not make the check weak.
    errors = [min(3**0.5 * detector_sd(*stored), MAX_STANDARD_ERROR) for _, stored in pairs]
    assert_reproduces(table, [a for a, _ in pairs], [detector_auroc(*b) for _, b in pairs], standard_errors=errors)


def assert_set_aurocs(
    table: pandas.DataFrame, network: str, fresh: Mapping[str, Mapping[str, float]], n_fresh: int = 100
) -> None:
    """Raise an error if recomputed AUROCs differ from the stored ones by more than chance.

    Args:
        table: stored result with rows of the kind "score".
        network: name of the network.
        fresh: AUROCs by set of images and score; sets that are not stored are left out.
        n_fresh: number of images of each recomputed set.
    """
    stored = table.query("kind == 'score' and metric == 'auroc' and network == @network").set_index("set")
    names = {"MSP": "max softmax"}
    pairs = [
        (value, stored.loc[name, names.get(score, score)], stored.loc[name, "abnormal"])
        for name, areas in fresh.items()
        if name in stored.index
        for score, value in areas.items()
    ]
    errors = [(b * (1 - b) * (1 / n_fresh + 1 / n)) ** 0.5 for _, b, n in pairs]
    assert_reproduces(table, [a for a, *_ in pairs], [b for _, b, _ in pairs], standard_errors=errors)


def _select(table: pandas.DataFrame, **values: str) -> pandas.DataFrame:
    """The rows that have these values; for many small selections, this is faster than ``table.query``."""
    selected = np.ones(len(table), dtype=bool)
    for column, value in values.items():
        selected &= table[column].to_numpy() == value
    return table[selected]


def _only(rows: pandas.DataFrame) -> Mapping[str, Any]:
    """The only row of a selection."""
    if len(rows) != 1:
        raise ValueError(f"expected one stored row, got {len(rows)}")
    return rows.iloc[0]


def stored_difference(row: Mapping[str, Any]) -> Interval:
    """Return the paired difference of a stored row.

    Args:
        row: a row with the columns "lead", "low" and "high".

    Returns:
        The difference with its interval.
    """
    return Interval(row["lead"], row["low"], row["high"])
