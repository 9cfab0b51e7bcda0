"""The answer of chapter 3: the best gradient score and the best other score of every task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tutorial_course.findings.ch3.ood import GRADIENT_SCORES, MISCLASSIFICATIONS, TASKS, passes_of, stored_difference
from tutorial_course.findings.ch3.score_rows import NETWORKS
from tutorial_course.findings.intervals import Interval, t_interval

if TYPE_CHECKING:
    import pandas

# The unknown images of open-set recognition, by their names in the stored rows.
UNKNOWN_IMAGES = {
    "novel signs": "near OOD",
    "TinyImageNet (near)": "near OOD",
    "gtsrb (far)": "photographs of signs",
    "mnist (far)": "digits",
    "dtd (far)": "textures",
}


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
    """Return the best gradient score of an autoencoder against the best score without a backward pass, by dataset.

    The gradient scores are those of an autoencoder with the gradient constraint. The reconstruction error comes from an
    autoencoder without it, and the distance to the mean image uses no network. Further controls are used if they are
    stored. The differences are paired by class.

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
    columns = {"GradCon": "both", "alignment": "alignment", "gradient norm": "norm"}
    gradients = {title: constrained[column].mean() for title, column in columns.items() if column in rows}
    columns = {
        "distance to the mean image": "mean image",
        "two-sided reconstruction error": "two-sided reconstruction",
        "activation norms": "activations",
    }
    controls = {title: means[column] for title, column in columns.items() if column in means}
    controls["reconstruction error"] = plain["reconstruction"].mean()
    found = []
    for dataset in gradients["GradCon"].index.unique("dataset"):
        names = [max(scores, key=lambda n: scores[n][dataset].mean()) for scores in (controls, gradients)]
        forward, gradient = controls[names[0]][dataset], gradients[names[1]][dataset]
        found.append(
            {
                "network": dataset,
                "task": "anomaly detection",
                "forward": names[0],
                "forward AUROC": forward.mean(),
                "gradient": names[1],
                "gradient AUROC": gradient.mean(),
                "difference": t_interval((gradient - forward).tolist()),
            }
        )
    return found


def open_set_rows(table: pandas.DataFrame) -> list[dict[str, Any]]:
    """Return the best score without a gradient and the best gradient score for open-set recognition.

    The metric is the OSCR, and the differences are paired by image.

    Args:
        table: stored result with rows of the kind "open set".

    Returns:
        One dict per network and kind of unknown images, as :func:`best_scores` returns them.
    """
    found = []
    for (network, unknown), rows in table.query("kind == 'open set'").groupby(["network", "unknown"], sort=False):
        is_gradient = rows["score"].isin(GRADIENT_SCORES)
        gradient, forward = (part.loc[part["oscr"].idxmax()] for part in (rows[is_gradient], rows[~is_gradient]))
        column = f"oscr minus {forward['score']}"
        found.append(
            {
                "network": network,
                "task": f"open set: {UNKNOWN_IMAGES[unknown]}",
                "forward": forward["score"],
                "forward AUROC": forward["oscr"],
                "gradient": gradient["score"],
                "gradient AUROC": gradient["oscr"],
                "difference": Interval(*(gradient[column + end] for end in ("", "_low", "_high"))),
            }
        )
    return found


def answer_rows(
    study: pandas.DataFrame, other_images: pandas.DataFrame, gradcon: pandas.DataFrame, open_set: pandas.DataFrame
) -> list[dict[str, Any]]:
    """Return the comparison of the best scores for every task of the chapter, ordered by task.

    Args:
        study: stored result on OOD detection.
        other_images: stored result for a second set of images, with rows of the kind "confirmation".
        gradcon: stored result on GradCon.
        open_set: stored result on open-set recognition.

    Returns:
        Dicts as :func:`best_scores` returns them, with "data" as the name of the data and the network, and
        "confirmation" as the difference between the same two scores on the second set of images, or None.
    """
    confirmed = {
        (row["network"], row["task"]): stored_difference(row)
        for row in other_images.query("kind == 'confirmation'").to_dict("records")
    }
    rows = [row | {"confirmation": confirmed.get((row["network"], row["task"]))} for row in best_scores(study)]
    rows += [row | {"confirmation": None} for row in open_set_rows(open_set)]
    unknown = (f"open set: {images}" for images in dict.fromkeys(UNKNOWN_IMAGES.values()))
    found = [
        row | {"data": f"CIFAR-10, {title}" if "ResNet" in (title := NETWORKS[row["network"]]) else title}
        for task in (MISCLASSIFICATIONS, *TASKS, *unknown)
        for row in rows
        if row["task"] == task
    ]
    names = {
        "signs": ("anomaly detection: other signs", "signs, autoencoder"),
        "corrupted signs": ("anomaly detection: corrupted signs", "signs, autoencoder"),
        "mnist": ("anomaly detection: other digits", "MNIST, autoencoder"),
        "cifar10": ("anomaly detection: other CIFAR-10 classes", "CIFAR-10, autoencoder"),
    }
    by_dataset = {row["network"]: row for row in anomaly_rows(gradcon)}
    return found + [
        by_dataset[d] | {"task": task, "data": title, "confirmation": None}
        for d, (task, title) in names.items()
        if d in by_dataset
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
            "without a gradient": f"{row['forward'].replace('max softmax', 'MSP')}: {row['forward AUROC']:.2f}",
            "with a gradient": f"{row['gradient']}: {row['gradient AUROC']:.2f}",
            "difference": f"{row['difference']:+.3f}",
            "other images": f"{row['confirmation']:+.3f}" if row["confirmation"] else None,
        }
        for row in rows
    ]


def passes_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the passes that the gradient scores of :func:`answer_rows` need for one image, in words.

    Args:
        rows: the rows.

    Returns:
        The scores by their number of passes.
    """
    costs: dict[str, list[str]] = {}
    for score in dict.fromkeys(row["gradient"] for row in rows):
        costs.setdefault(passes_of(score), []).append(score)
    return "; ".join(f"{passes} for {', '.join(scores)}" for passes, scores in costs.items())
