"""How closely coordinates follow a factor, and the stored results of the Trust Score."""

from typing import Any, TypedDict

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from tutorial_course.findings.core import format_interval
from tutorial_lib.metrics import auroc, bootstrap_interval

NETWORK_TITLES = {
    "signs/classifier": "signs",
    "signs/classifier/1": "signs, second network",
    "signs/classifier/2": "signs, third network",
    "cifar10/resnet20": "CIFAR-10",
}


class Correlation(TypedDict):
    """How closely coordinates follow a factor.

    Attributes:
        correlation: the largest absolute correlation of a coordinate with the factor.
        chance: the value below which 95% of randomly permuted factors are.
    """

    correlation: float
    chance: float


def coordinate_correlation(coordinates: np.ndarray, factor: Tensor, n_permutations: int = 500) -> Correlation:
    """Return the largest absolute correlation of the coordinates with a factor, and its chance level.

    Args:
        coordinates: (N, D).
        factor: (N,).
        n_permutations: number of random permutations of the factor.

    Returns:
        The correlation, and the 95% quantile of the same quantity over the permutations.
    """
    generator = torch.Generator().manual_seed(0)
    axes, f = (_standardize(torch.as_tensor(v, dtype=torch.float64)) for v in (coordinates, factor[:, None]))
    permuted = torch.stack([torch.randperm(len(f), generator=generator) for _ in range(n_permutations)])
    largest = [(axes.T @ columns).abs().max(0).values for columns in (f, f[permuted, 0].T)]
    return {"correlation": largest[0].item(), "chance": largest[1].quantile(0.95).item()}


def _standardize(columns: Tensor) -> Tensor:
    """Columns with mean 0 and norm 1."""
    centered = columns - columns.mean(0)
    return centered / centered.norm(dim=0)


def trust_score_rows(study: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of the table in section 1.5: corrupted images, all stored samples kept.

    Args:
        study: the stored result ``trust_score``.

    Returns:
        A dict per row; the first two are the confidence and the Trust Score on 1,400 stored features of signs.
    """
    rows = study.query("kind == 'trust' and images == 'corrupted' and alpha != 0.1")
    signs, photographs = (rows[rows["network"] == name] for name in ("signs/classifier", "cifar10/resnet20"))
    most = photographs["stored"].max()
    selected = pd.concat([signs, photographs[photographs["stored"].isin([0, most])]])
    return [_row(row) for row in selected.to_dict("records")]


def all_trust_score_rows(study: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a row per setting of the first sign network and of the CIFAR-10 network, for section 1.E.

    Args:
        study: the stored result ``trust_score``.

    Returns:
        A dict per row.
    """
    rows = study.query("kind == 'trust' and network in ('signs/classifier', 'cifar10/resnet20')")
    return [_row(row) for row in rows.to_dict("records")]


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """A row of a table of AUROC values."""
    is_baseline = row["score"] == "softmax"
    return {
        "network": NETWORK_TITLES[row["network"]],
        "images": row["images"],
        "score": "confidence" if is_baseline else f"Trust Score, {row['score']}",
        "stored": int(row["stored"]),
        "alpha": None if is_baseline else row["alpha"],
        "auroc": row["auroc"],
        "estimate": format_interval(row["auroc"], row["low"], row["high"]),
    }


def trust_score_summary(study: pd.DataFrame) -> dict[str, int]:
    """Return in how many settings the Trust Score is clearly above or below the confidence.

    Args:
        study: the stored result ``trust_score``.

    Returns:
        The number of ``settings``, and in how many the whole interval lies ``above`` or ``below`` that of the
        confidence on the same images.
    """
    rows = study.query("kind == 'trust'")
    confidence = rows[rows["stored"] == 0].set_index(["network", "images"])[["low", "high"]].add_prefix("confidence ")
    trials = rows[rows["stored"] > 0].join(confidence, on=["network", "images"])
    return {
        "settings": len(trials),
        "above": int((trials["low"] > trials["confidence high"]).sum()),
        "below": int((trials["high"] < trials["confidence low"]).sum()),
    }


def paired_auroc_difference(is_positive: Tensor, score: Tensor, baseline: Tensor) -> tuple[float, float, float]:
    """Return the AUROC of a score minus that of a baseline on the same images, with its paired 95% interval.

    Args:
        is_positive: mask of the group that should have the higher scores (N,).
        score: a score of each image (N,).
        baseline: another score of each image (N,).

    Returns:
        The difference, and the ends of its bootstrap interval; both scores are computed from the same resampled images.
    """
    both = torch.stack([score, baseline], 1).double().cpu()
    groups = both[~is_positive.cpu()], both[is_positive.cpu()]

    def difference(negative: Tensor, positive: Tensor) -> float:
        return auroc(negative[:, 0], positive[:, 0]) - auroc(negative[:, 1], positive[:, 1])

    interval = bootstrap_interval(difference, *groups, paired=False, n_resamples=300)
    return difference(*groups), interval.low, interval.high
