"""Data attribution: a linear classifier that can be retrained, and the scores that find wrong labels."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import pandas as pd
import torch
from scipy.stats import t
from torch import Tensor
from torch.nn.functional import one_hot

from tutorial_course.findings.core import format_interval
from tutorial_course.findings.intervals import t_interval
from tutorial_lib.data import load

NEWTON_STEPS = 30


class DigitProblem(NamedTuple):
    """A small classification problem for a linear softmax classifier.

    Attributes:
        train: inputs with a constant 1 (n, d).
        train_labels: labels (n,).
        test: inputs (m, d).
        test_labels: labels (m,).
        penalty: λ of the penalty λ/2 ‖W‖².
    """

    train: Tensor
    train_labels: Tensor
    test: Tensor
    test_labels: Tensor
    penalty: float = 0.01


def digit_problem(n_train: int, n_test: int, n_classes: int) -> DigitProblem:
    """Return scanned digits of the first classes as vectors of 64 pixels and a constant 1.

    Args:
        n_train: number of training images.
        n_test: number of test images.
        n_classes: number of classes.

    Returns:
        The problem, in double precision.
    """
    parts = []
    for split, n in (("train", n_train), ("test", n_test)):
        images, labels = load("digits", split)
        rows = (labels < n_classes).nonzero().flatten()[:n]
        pixels = torch.nn.functional.adaptive_avg_pool2d(images[rows].mean(1), 8).flatten(1).double()
        parts += [torch.cat([pixels, torch.ones_like(pixels[:, :1])], 1), labels[rows]]
    return DigitProblem(*parts)


def softmax_gradients(weights: Tensor, x: Tensor, labels: Tensor) -> Tensor:
    """Return the gradient of the cross-entropy of each sample with respect to the weights, (p - e_y) xᵀ.

    Args:
        weights: W (C, d).
        x: inputs (n, d).
        labels: labels (n,).

    Returns:
        Gradients (n, C·d).
    """
    delta = (x @ weights.T).softmax(1) - one_hot(labels, len(weights))
    return (delta[:, :, None] * x[:, None]).flatten(1)


def softmax_hessian(weights: Tensor, x: Tensor, penalty: float) -> Tensor:
    """Return the Hessian of the mean cross-entropy plus λ/2 ‖W‖².

    Args:
        weights: W (C, d).
        x: inputs (n, d).
        penalty: λ.

    Returns:
        The mean of (diag p - p pᵀ) ⊗ x xᵀ, plus λ on the diagonal, (C·d, C·d).
    """
    p = (x @ weights.T).softmax(1)
    curvature = torch.diag_embed(p) - p[:, :, None] * p[:, None]
    H = torch.einsum("nab,ni,nj->aibj", curvature, x, x) / len(x)
    return H.reshape(weights.numel(), -1) + penalty * torch.eye(weights.numel(), dtype=x.dtype)


def fit_softmax(
    x: Tensor, labels: Tensor, penalty: float, start: Tensor | None = None, keep: Tensor | None = None
) -> Tensor:
    """Return the weights that minimize the mean cross-entropy plus λ/2 ‖W‖², by Newton's method.

    Args:
        x: inputs (n, d).
        labels: labels (n,); each class must occur.
        penalty: λ > 0.
        start: weights to start from (C, d); None is zero.
        keep: 0 for samples that are left out and 1 for others (n,); the sum is divided by n in both cases.

    Returns:
        The weights (C, d).
    """
    weights = x.new_zeros(int(labels.max()) + 1, x.shape[1]) if start is None else start.clone()
    keep = x.new_ones(len(x)) if keep is None else keep
    for _ in range(NEWTON_STEPS):
        gradient = (keep @ softmax_gradients(weights, x, labels)) / len(x) + penalty * weights.flatten()
        if gradient.norm() < 1e-10:
            break
        kept = x[keep > 0]
        scale = len(kept) / len(x)
        H = scale * softmax_hessian(weights, kept, penalty / scale)
        weights = weights - torch.linalg.solve(H, gradient).view_as(weights)
    return weights


def leave_one_out_changes(problem: DigitProblem, weights: Tensor, removed: Iterable[int]) -> Tensor:
    """Return the change of the mean test loss after retraining without each training image.

    Args:
        problem: the problem.
        weights: the weights of all training images.
        removed: indices of the training images that are removed, one after the other.

    Returns:
        The changes, in the order of the indices; positive if the image helped.
    """

    def test_loss(w: Tensor) -> Tensor:
        return torch.nn.functional.cross_entropy(problem.test @ w.T, problem.test_labels)

    changes = []
    for i in removed:
        keep = torch.ones(len(problem.train), dtype=problem.train.dtype)
        keep[i] = 0
        retrained = fit_softmax(problem.train, problem.train_labels, problem.penalty, weights, keep)
        changes.append(test_loss(retrained) - test_loss(weights))
    return torch.stack(changes)


class LabelCurve(NamedTuple):
    """The AUROC with which a score finds wrong labels, after each epoch.

    Attributes:
        flipped: share of wrong labels.
        score: name of the score.
        over: "last epoch" or "sum over epochs".
        epochs: the epochs.
        mean: mean over the training runs.
        low: lower ends of the 95% intervals.
        high: upper ends of the 95% intervals.
    """

    flipped: float
    score: str
    over: str
    epochs: list[int]
    mean: list[float]
    low: list[float]
    high: list[float]


def label_curves(study: pd.DataFrame) -> list[LabelCurve]:
    """Return a curve per share of wrong labels, score and use of the score.

    Args:
        study: the stored result ``data_attribution``.

    Returns:
        The curves.
    """
    curves = []
    for (flipped, score, over), rows in study.groupby(["flipped", "score", "over"]):
        by_epoch = rows.groupby("epoch")["auroc"]
        mean, half_width = by_epoch.mean(), t.ppf(0.975, rows["seed"].nunique() - 1) * by_epoch.sem()
        limits = (mean - half_width).tolist(), (mean + half_width).tolist()
        curves.append(LabelCurve(flipped, score, over, mean.index.tolist(), mean.tolist(), *limits))
    return curves


def label_score_rows(study: pd.DataFrame) -> list[dict[str, Any]]:
    """Return each score at its best epoch and in its better use, with its paired difference from the loss.

    Args:
        study: the stored result ``data_attribution``.

    Returns:
        A dict per share of wrong labels and score. The lead is the mean difference from the loss in the same training
        runs, with the interval of Student's t distribution; ``low`` and ``high`` are its ends, and ``auroc low`` and
        ``auroc high`` those of the AUROC.
    """
    rows = []
    for flipped, part in study.groupby("flipped"):
        best = {score: _best_setting(rows_of_score) for score, rows_of_score in part.groupby("score")}
        loss = best["loss"][2]
        for score, (over, epoch, values) in best.items():
            (auroc, *ends), lead = t_interval(values), t_interval(values - loss)
            row = {"flipped": flipped, "score": score, "over": over, "epoch": epoch}
            row |= {"auroc": auroc, "auroc low": ends[0], "auroc high": ends[1]}
            row |= {"difference": lead[0], "low": lead[1], "high": lead[2]}
            rows.append(row | {"lead": "" if score == "loss" else format_interval(*lead, "+.3f")})
    return rows


def _best_setting(rows: pd.DataFrame) -> tuple[str, int, pd.Series]:
    """The use and the epoch with the highest mean AUROC, and the AUROC of each training run there."""
    means = rows.groupby(["over", "epoch"])["auroc"].mean()
    over, epoch = means.idxmax()
    chosen = rows[(rows["over"] == over) & (rows["epoch"] == epoch)]
    return over, epoch, chosen.set_index("seed")["auroc"]


def best_label_score(rows: list[dict[str, Any]]) -> str:
    """Return the score with the highest mean AUROC over both shares of wrong labels.

    Args:
        rows: the rows of :func:`label_score_rows`.

    Returns:
        Its name.
    """
    return pd.DataFrame(rows).groupby("score")["auroc"].mean().idxmax()
