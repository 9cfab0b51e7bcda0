"""Success rates of adversarial attacks, and results of detectors, with their intervals."""

from collections.abc import Callable

import pandas as pd
from torch import Tensor, nn

from tutorial_course.findings.intervals import Z_95, Interval
from tutorial_course.results.claims.rules import proportion
from tutorial_lib import uncertainty
from tutorial_lib.gradients import model_outputs


def success_interval(rate: float, n: int) -> Interval:
    """Return a stored success rate with its Wilson interval.

    Args:
        rate: share of the images that are misclassified after the attack.
        n: number of images that were attacked.

    Returns:
        The rate with its 95% interval.

    Example:
        >>> f"{success_interval(0.0, 100):.1%}"
        '0.0% (0.0% to 3.7%)'
    """
    return Interval(*proportion(rate * n, n))


def auroc_interval(auroc: float, standard_error: float, n: int) -> Interval:
    """Return a stored AUROC with the interval that follows from its standard error, limited to [0, 1].

    An AUROC of 0 or 1 has a standard error of zero, which would be too optimistic. Its interval is the Wilson interval
    of a share of ``n`` images.

    Args:
        auroc: the value.
        standard_error: its standard error over images.
        n: number of abnormal images.

    Returns:
        The value with its 95% interval.

    Example:
        >>> f"{auroc_interval(0.9, 0.01, 50):.2f}", f"{auroc_interval(1.0, 0.0, 50):.2f}"
        ('0.90 (0.88 to 0.92)', '1.00 (0.93 to 1.00)')
    """
    low, high = auroc - Z_95 * standard_error, auroc + Z_95 * standard_error
    if round(auroc, 2) in (0, 1):
        wilson = proportion(round(auroc) * n, n)
        low, high = min(low, wilson.low), max(high, wilson.high)
    return Interval(auroc, max(low, 0.0), min(high, 1.0))


def difference_interval(difference: float, standard_error: float) -> Interval:
    """Return a stored difference with the interval that follows from its standard error.

    Args:
        difference: the value.
        standard_error: its standard error over images.

    Returns:
        The value with its 95% interval.

    Example:
        >>> f"{difference_interval(-0.1, 0.05):+.2f}"
        '−0.10 (−0.20 to 0.00)'
    """
    return Interval(difference, difference - Z_95 * standard_error, difference + Z_95 * standard_error)


def adaptive_auroc(rows: pd.DataFrame, network: str, attack: str, detector: str) -> str | None:
    """Return the AUROC of a detector on an attack with its interval as text.

    Args:
        rows: stored rows on adaptive attacks.
        network: name of the network.
        attack: name of the attack.
        detector: name of the detector.

    Returns:
        The text, or None if this attack was not tested.
    """
    at = (rows["network"] == network) & (rows["attack"] == attack) & (rows["detector"] == detector)
    if not at.any():
        return None
    row = rows[at].iloc[0]
    n = round(row["images"] * row["success"])
    return format(auroc_interval(row["auroc"], row["auroc_se"], n), ".2f")


def half_success_budget(success: pd.Series) -> float:
    """Return the budget at which an attack misclassifies half of the images, by linear interpolation.

    Args:
        success: success rates, with increasing budgets as the index.

    Returns:
        The budget; the smallest one if it is already sufficient, and NaN if no budget is.

    Example:
        >>> half_success_budget(pd.Series([0.2, 0.4, 0.8], index=[1, 2, 4]))
        2.5
    """
    above = success[success >= 0.5]
    if above.empty:
        return float("nan")
    i = success.index.get_loc(above.index[0])
    if i == 0:
        return float(success.index[0])
    (a, b), (p, q) = success.index[i - 1 : i + 1], success.iloc[i - 1 : i + 1]
    return float(a + (b - a) * (0.5 - p) / (q - p))


def strongest_attacks(result: pd.DataFrame, network: str, budget: float) -> tuple[list[str], float]:
    """Return the attacks with the highest stored success rate within a budget.

    Args:
        result: the stored result on attacks, with rows of the kind "strength".
        network: name of the network.
        budget: budget in gray levels.

    Returns:
        The names of the attacks, several if they are equally successful, and their success rate.
    """
    rows = result[(result["kind"] == "strength") & (result["network"] == network) & (result["budget"] == budget)]
    highest = rows["success"].max()
    return rows.loc[rows["success"] == highest, "attack"].tolist(), float(highest)


def transfer_range(result: pd.DataFrame, networks: list[str], attack: str, same: bool) -> tuple[float, float]:
    """Return the lowest and the highest success rate of attacks that are made with one network.

    Args:
        result: the stored result on attacks.
        networks: names of the networks.
        attack: name of the attack.
        same: True for the network with which the attack was made, False for the other networks.

    Returns:
        The lowest and the highest rate over the pairs of networks.

    Example:
        >>> row = {"kind": "transfer", "network": "a", "to": "b", "attack": "PGD", "success": 0.2}
        >>> transfer_range(pd.DataFrame([row, row | {"success": 0.3}]), ["a", "b"], "PGD", same=False)
        (0.2, 0.3)
    """
    rows = result[(result["kind"] == "transfer") & (result["attack"] == attack) & result["network"].isin(networks)]
    rates = rows.loc[(rows["network"] == rows["to"]) == same, "success"]
    return float(rates.min()), float(rates.max())


def fit_attack_scores(
    model: nn.Module, images: Tensor, labels: Tensor, eps: float = 8 / 255
) -> Callable[[Tensor], dict[str, Tensor]]:
    """Return a function that computes three scores of images, of which a larger value is more abnormal.

    The gradient detector is a logistic regression on gradient norms, trained on these images against PGD.

    Args:
        model: a classifier.
        images: normal images (N, C, H, W), of which the first half is attacked for training.
        labels: their labels (N,).
        eps: budget of the attack.

    Returns:
        A function of images (M, C, H, W), with the scores (M,) by name.
    """
    half = len(images) // 2
    attacked = uncertainty.pgd(model, images[:half], labels[:half], eps=eps)
    norms = uncertainty.confounding_gradient_norms
    detector = uncertainty.PurviewDetector().fit(norms(model, images), norms(model, attacked))
    median = uncertainty.energy_score(model_outputs(model, images)).median()

    def scores(x: Tensor) -> dict[str, Tensor]:
        z = model_outputs(model, x)
        return {
            "MSP": uncertainty.msp_score(z),
            "two-sided energy": (uncertainty.energy_score(z) - median).abs(),
            "gradient detector": detector.score(norms(model, x)),
        }

    return scores
