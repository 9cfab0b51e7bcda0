"""Curricula, prediction switches, and forgetting: the numbers of sections 1.A and 1.B."""

from typing import Any, NamedTuple

import pandas as pd
from torch import Tensor

ORDERS = {
    "random": "random",
    "few switches first": "few switches",
    "many switches first": "many switches",
    "low loss first": "low loss",
    "high loss first": "high loss",
}
KNOWN_ORDERS = {"known to be clean first": "everyday", "known to be corrupted first": "unusual"}
SETTINGS = {
    "new classes": "seven new signs",
    "digits, new classes": "five new digits",
    "new corruption": "the same signs in the dark",
}
METHODS = {
    "none": "none",
    "replay": "replay",
    "penalty": "EWC penalty",
    "penalty, equal weights": "penalty with equal weights",
    "joint": "joint training",
}
UNBALANCED = ", classes as they come"


def switch_means(events: Tensor, correct: Tensor, is_corrupted: Tensor) -> dict[str, float]:
    """Return the mean number of switch events of four groups of images.

    Args:
        events: switch events (N,).
        correct: mask of the images that are classified correctly at the end (N,).
        is_corrupted: mask of the corrupted images (N,).

    Returns:
        The means of the ``clean``, ``corrupted``, ``correct`` and ``wrong`` images.
    """
    groups = {"clean": ~is_corrupted, "corrupted": is_corrupted, "correct": correct, "wrong": ~correct}
    return {name: events[mask].double().mean().item() for name, mask in groups.items()}


def curriculum_curves(study: pd.DataFrame) -> dict[str, dict[str, list[list[float]]]]:
    """Return the accuracy on clean test images after each stage, for every order and training run.

    Args:
        study: the stored result ``curriculum``.

    Returns:
        Title of the panel -> title of the order -> one list of accuracies per run.
    """
    rows = study.query("part == 'order'").pivot_table(
        index=["dataset", "name", "seed"], columns="stage", values="everyday"
    )

    def runs(dataset: str, suffix: str) -> dict[str, list[list[float]]]:
        names = {title: name if name == "random" else f"{name}{suffix}" for title, name in ORDERS.items()}
        return {title: rows.loc[(dataset, name)].to_numpy().tolist() for title, name in names.items()}

    return {
        "signs, classes balanced": runs("signs", ""),
        "signs, not balanced": runs("signs", UNBALANCED),
        "digits, classes balanced": runs("digits", ""),
    }


def curriculum_table(study: pd.DataFrame) -> list[dict[str, str]]:
    """Return the accuracy after the first and the last stage for each balanced order.

    Args:
        study: the stored result ``curriculum``.

    Returns:
        A dict per order, with texts: mean, lowest and highest run, and the number of runs whose accuracy is higher
        than with the random order and the same seed.
    """
    rows = []
    for title, name in (ORDERS | KNOWN_ORDERS).items():
        row = {"order": title}
        for dataset in ("signs", "digits"):
            for stage in (1, 5):
                values, random = (_order_runs(study, dataset, order, stage) for order in (name, "random"))
                count = "" if name == "random" else f"; {(values > random).sum()}\u00a0of\u00a0{len(values)}"
                row[f"{dataset} {stage}"] = _range(values) + count
        rows.append(row)
    return rows


def corrupted_accuracy(study: pd.DataFrame) -> dict[str, str]:
    """Return the accuracy on corrupted signs at the end of training, for two orders.

    Args:
        study: the stored result ``curriculum``.

    Returns:
        Texts with mean, lowest and highest run, for ``clean_first`` and for ``random``.
    """
    names = {"clean_first": "everyday", "random": "random"}
    return {key: _range(_order_runs(study, "signs", name, 5, "unusual")) for key, name in names.items()}


def early_runs_below_random(study: pd.DataFrame) -> dict[str, int]:
    """Return in how many runs an order is worse than the random order on corrupted images after the first stage.

    Args:
        study: the stored result ``curriculum``.

    Returns:
        The number of ``runs`` on both datasets, and how many have a lower accuracy than the run with the random order
        and the same seed: with the order by ``switches``, by ``loss``, and with the ``corrupted`` images first.
    """
    names = {"switches": "many switches", "loss": "high loss", "corrupted": "unusual"}
    random, *orders = (
        pd.concat([_order_runs(study, dataset, name, 1, "unusual") for dataset in ("signs", "digits")])
        for name in ("random", *names.values())
    )
    below = (int((values.to_numpy() < random.to_numpy()).sum()) for values in orders)
    return {"runs": len(random), **dict(zip(names, below, strict=True))}


def _order_runs(study: pd.DataFrame, dataset: str, name: str, stage: int, column: str = "everyday") -> pd.Series:
    """The accuracy of each run with one order after one stage, indexed by the seed."""
    rows = study.query("part == 'order' and dataset == @dataset and name == @name and stage == @stage")
    return rows.set_index("seed")[column].sort_index()


def query_table(study: pd.DataFrame) -> list[dict[str, str]]:
    """Return the accuracy after images were added that each rule selected.

    Args:
        study: the stored result ``curriculum``.

    Returns:
        A dict per rule, with texts; ``better`` counts the runs in which it is better than a random selection.
    """
    values = study.query("part == 'query'").set_index(["name", "dataset", "seed"])["everyday"].sort_index()
    rows = []
    for name, title in {
        "random": "at random",
        "higher": "from the higher mean",
        "lower": "from the lower mean",
    }.items():
        better = values[name] > values["random"]
        count = "" if name == "random" else f"{better.sum()} of {len(better)}"
        cells = {dataset: _range(values[name, dataset]) for dataset in ("signs", "digits")}
        rows.append({"selection": title, **cells, "better": count})
    return rows


def _range(values: pd.Series) -> str:
    """The mean, the lowest and the highest of some runs."""
    return f"{values.mean():.0%} ({100 * values.min():.0f} to {100 * values.max():.0f})"


class Runs(NamedTuple):
    """Accuracies of several training runs.

    Attributes:
        values: the accuracy of each run.
        mean: their mean.
        spread: their standard deviation.
    """

    values: list[float]
    mean: float
    spread: float


def old_accuracy(study: pd.DataFrame, method: str, strength: float, epoch: int, setting: str = "new classes") -> Runs:
    """Return the accuracy on the old task in each training run.

    Args:
        study: the stored result ``continual_learning``.
        method: name of the method.
        strength: its strength.
        epoch: epoch after which the accuracy was measured.
        setting: name of the setting.

    Returns:
        The accuracies.
    """
    rows = study.query("setting == @setting and method == @method and strength == @strength and epoch == @epoch")["old"]
    return Runs(rows.tolist(), float(rows.mean()), float(rows.std()))


def forgetting_curves(study: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracy on old and new data after the last epoch, for each setting, method and strength.

    Args:
        study: the stored result ``continual_learning``.

    Returns:
        A table with the columns setting, method, strength, new, old, old_low and old_high (the range over the runs).
    """
    last = study[study["epoch"] == study["epoch"].max()]
    groups = last.groupby(["setting", "method", "strength"])
    columns = groups[["new", "old"]].mean()
    return columns.assign(old_low=groups["old"].min(), old_high=groups["old"].max()).reset_index()


def best_strengths(study: pd.DataFrame) -> list[dict[str, Any]]:
    """Return each method with the strength that has the highest mean of old and new accuracy.

    Args:
        study: the stored result ``continual_learning``.

    Returns:
        A dict per setting and method, with texts; ``edge`` states whether the best strength is the smallest or the
        largest one that was tried, so that a better one may lie outside the grid.
    """
    curves, last, rows = forgetting_curves(study), study[study["epoch"] == study["epoch"].max()], []
    for setting, title in SETTINGS.items():
        for method, method_title in METHODS.items():
            tried = curves.query("setting == @setting and method == @method").reset_index(drop=True)
            best = tried.loc[(tried["old"] + tried["new"]).idxmax()]
            strength, runs = best["strength"], last.query("setting == @setting and method == @method")
            runs = runs[runs["strength"] == strength]["old"]
            has_strength = len(tried) > 1
            edges = {tried["strength"].min(): "lowest", tried["strength"].max(): "highest"}
            text = f"{strength:.0%} of the old images" if method == "replay" else f"$\\lambda$ = {strength:,.0f}"
            rows.append(
                {
                    "setting": title,
                    "method": method_title,
                    "strength": text if has_strength else "",
                    "edge": edges.get(strength, "no") if has_strength else "",
                    "old": f"{best['old']:.0%}",
                    "new": f"{best['new']:.0%}",
                    "seeds": ", ".join(f"{value:.0%}" for value in runs),
                }
            )
    return rows


def forgetting_facts(study: pd.DataFrame) -> dict[str, float]:
    """Return the accuracies that the text of section 1.B states.

    Args:
        study: the stored result ``continual_learning``.

    Returns:
        ``signs`` and ``digits``: old data without a method, if only old classes are allowed; ``early`` and ``late``:
        old signs with the penalty of strength 10,000, after four and after eight epochs.
    """
    last = study[study["epoch"] == study["epoch"].max()].query("method == 'none'")
    only_old = last.groupby("setting")["old, old classes only"].mean()
    penalty = study.query("setting == 'new classes' and method == 'penalty' and strength == 10000")
    by_epoch = penalty.groupby("epoch")["old"].mean()
    return {
        "signs": only_old["new classes"],
        "digits": only_old["digits, new classes"],
        "early": by_epoch[18],
        "late": by_epoch.iloc[-1],
    }
