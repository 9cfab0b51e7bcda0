"""The answer of chapter 3: the best gradient score and the best other score of every task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tutorial_course.findings.ch3.ood import MISCLASSIFICATIONS, TASKS, passes_of, stored_difference
from tutorial_course.findings.intervals import t_interval

if TYPE_CHECKING:
    import pandas


def best_scores(table: pandas.DataFrame) -> list[dict[str, Any]]:
    """Return the best score without a gradient and the best gradient score of every network and task.

    Args:
        table: stored result with rows of the kind "best".

    Returns:
        One dict per row: network, task, the names and the AUROC of both scores, and their paired difference.
    """
    return [
        {
            "network": row["network"],
            "task": row["task"],
            "forward": row["best forward score"],
            "forward AUROC": row["forward auroc"],
            "gradient": row["best gradient score"],
            "gradient AUROC": row["gradient auroc"],
            "difference": stored_difference(row),
        }
        for row in table.query("kind == 'best'").to_dict("records")
    ]


def anomaly_rows(gradcon: pandas.DataFrame) -> list[dict[str, Any]]:
    """Return GradCon against the best score of an autoencoder without a backward pass, by dataset.

    The reconstruction error comes from an autoencoder without the gradient constraint, and the distance to the mean
    image uses no network. Further controls are used if they are stored. The differences are paired by class.

    Args:
        gradcon: stored result of the experiment on GradCon, with rows of the kind "class".

    Returns:
        One dict per dataset, as :func:`best_scores` returns them.
    """
    by_sign = gradcon["kind"].str.startswith("corruption") & gradcon["kind"].str.endswith("by sign")
    by_sign &= ~gradcon["kind"].str.contains("novelty")
    rows = gradcon.assign(dataset=gradcon["dataset"].mask(by_sign, "corrupted signs"))
    rows = rows[by_sign | (rows["kind"] == "forward control") | ((rows["kind"] == "class") & (rows["steps"] == 300))]
    means = rows.groupby(["dataset", "normal"]).mean(numeric_only=True)
    constrained, plain = (rows[rows["alpha"] == a].groupby(["dataset", "normal"]) for a in (rows["alpha"].max(), 0.0))
    gradient = constrained["both"].mean()
    columns = {
        "distance to the mean image": "mean image",
        "two-sided reconstruction error": "two-sided reconstruction",
        "activation norms": "activations",
    }
    controls = {title: means[column] for title, column in columns.items() if column in means}
    controls["reconstruction error"] = plain["reconstruction"].mean()
    found = []
    for dataset in gradient.index.unique("dataset"):
        name = max(controls, key=lambda control: controls[control][dataset].mean())
        forward = controls[name][dataset]
        found.append(
            {
                "network": dataset,
                "task": "anomaly detection",
                "forward": name,
                "forward AUROC": forward.mean(),
                "gradient": "GradCon",
                "gradient AUROC": gradient[dataset].mean(),
                "difference": t_interval((gradient[dataset] - forward).tolist()),
            }
        )
    return found


def open_set_row(transfer: pandas.DataFrame) -> dict[str, Any]:
    """Return the best detector of unknown signs on gradient norms, and the best one that needs no backward pass.

    The detectors are trained on known classes held out as proxy unknowns and applied to the final network. The
    differences are paired by network.

    Args:
        transfer: stored result of the experiment on pseudo-unknown classes.

    Returns:
        A dict as :func:`best_scores` returns them.
    """
    aurocs = transfer.groupby(["input", "network B"])["novel, through B"].mean().unstack()
    is_gradient = aurocs.index.str.startswith("norms")
    gradient, forward = (aurocs[rows].loc[aurocs[rows].mean(axis=1).idxmax()] for rows in (is_gradient, ~is_gradient))
    return {
        "network": "signs",
        "task": "open set",
        "forward": forward.name,
        "forward AUROC": forward.mean(),
        "gradient": gradient.name.replace("norms, ", "gradient norms, "),
        "gradient AUROC": gradient.mean(),
        "difference": t_interval((gradient - forward).tolist()),
    }


def answer_rows(study: pandas.DataFrame, gradcon: pandas.DataFrame, transfer: pandas.DataFrame) -> list[dict[str, Any]]:
    """Return the comparison of the best scores for every task of the chapter, ordered by task.

    Args:
        study: stored result on OOD detection.
        gradcon: stored result on GradCon.
        transfer: stored result on pseudo-unknown classes.

    Returns:
        Dicts as :func:`best_scores` returns them, with "data" as the name of the data and the network.
    """
    data = {
        "signs/classifier": "signs",
        "cifar10/resnet20": "CIFAR-10, ResNet-20",
        "cifar10/resnet56": "CIFAR-10, ResNet-56",
    }
    rows = [row for row in best_scores(study) if row["network"] in data]
    found = [
        row | {"data": data[row["network"]]}
        for task in (MISCLASSIFICATIONS, *TASKS)
        for row in rows
        if row["task"] == task
    ]
    found.append(open_set_row(transfer) | {"data": "signs"})
    names = {
        "signs": ("anomaly detection: other signs", "signs"),
        "corrupted signs": ("anomaly detection: corrupted signs", "signs"),
        "mnist": ("anomaly detection: other digits", "MNIST, autoencoder"),
        "cifar10": ("anomaly detection: other CIFAR-10 classes", "CIFAR-10, autoencoder"),
    }
    by_dataset = {row["network"]: row for row in anomaly_rows(gradcon)}
    return found + [
        by_dataset[d] | {"task": task, "data": title} for d, (task, title) in names.items() if d in by_dataset
    ]


def answer_table(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return the rows of :func:`answer_rows` as text for a table.

    Args:
        rows: the rows.

    Returns:
        One dict per row.
    """
    return [
        {
            "task": row["task"],
            "data": row["data"],
            "without a gradient": f"{row['forward']}: {row['forward AUROC']:.2f}",
            "with a gradient": f"{row['gradient']}: {row['gradient AUROC']:.2f}",
            "difference": f"{row['difference']:+.3f}",
            "passes": passes_of(row["gradient"]),
        }
        for row in rows
    ]
