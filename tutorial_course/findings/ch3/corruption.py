"""Detection of corrupted images by severity, and detectors that were trained on one mild blur."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tutorial_course.findings.ch3.score_rows import NETWORKS, score_interval
from tutorial_course.findings.intervals import Interval, t_interval

if TYPE_CHECKING:
    import pandas


def severity_curves(
    result: pandas.DataFrame, networks: Sequence[str], scores: Mapping[str, str]
) -> tuple[dict[str, dict[str, list[Interval]]], dict[str, list[float]]]:
    """Return the AUROC of some scores and the error rate of the network for each severity.

    Args:
        result: the stored result ``corruption_and_open_set``.
        networks: names of the networks.
        scores: for the title of each score its name in the result.

    Returns:
        {network: {score: intervals by severity}} and {network: error rates by severity}, with the titles of the
        networks and the scores.
    """
    rows = result.query("kind == 'severity' and severity > 0")
    curves, errors = {}, {}
    for network in networks:
        own = rows[rows["network"] == network]
        by_level = [own[own["severity"] == level] for level in sorted(own["severity"].unique())]
        curves[NETWORKS[network]] = {
            title: [score_interval(level, network, score, "auroc") for level in by_level]
            for title, score in scores.items()
        }
        errors[NETWORKS[network]] = [float(level["error"].iloc[0]) for level in by_level]
    return curves, errors


def blur_transfer_accuracy(
    result: pandas.DataFrame, networks: Sequence[str], inputs: Mapping[str, str], types: Sequence[str]
) -> dict[str, dict[str, list[float]]]:
    """Return the balanced accuracy of detectors on classifiers, trained on one mild blur, for unseen corruptions.

    Args:
        result: the stored result ``corruption_and_open_set``.
        networks: names of the networks.
        inputs: for the title of each detector its name in the result.
        types: the unseen types of corruption.

    Returns:
        {network: {detector: accuracies in the order of the types}}, with the titles.
    """
    rows = result.query("kind == 'one blur'").set_index(["network", "score", "type"])["accuracy"]
    return {
        NETWORKS[network]: {title: [float(rows[network, name, t]) for t in types] for title, name in inputs.items()}
        for network in networks
    }


def vae_accuracy_lead(table: pandas.DataFrame, dataset: str, detector_input: str, reference: str) -> Interval:
    """Return the difference in mean balanced accuracy of two detectors on a VAE, over the unseen corruptions.

    Args:
        table: the stored result ``blur_transfer``.
        dataset: "signs" or "gtsrb".
        detector_input: input of the detector.
        reference: input of the detector that is subtracted.

    Returns:
        The mean over the trained networks with its 95% interval of Student's t distribution.
    """
    rows = table[(table["dataset"] == dataset) & ~table["trained"].astype(bool)]
    means = rows.groupby(["input", "seed"])["accuracy"].mean()
    return t_interval((means[detector_input] - means[reference]).tolist())
