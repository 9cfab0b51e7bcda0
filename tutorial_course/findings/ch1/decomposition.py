"""The decomposition of gradients: descriptions of groups, the detection of novel signs, and the green stop sign."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor, nn

from tutorial_course.findings.ch1.manifolds import NETWORK_TITLES
from tutorial_course.findings.core import format_interval, format_number
from tutorial_lib.foundations import Decomposition

SIGN_NETWORKS = ("signs/classifier", "signs/classifier/1", "signs/classifier/2")
METHODS = (
    "last layer, uniform target",
    "last layer, predicted class",
    "all layers, uniform target",
    "features",
    "softmax",
)


class GroupDescription(NamedTuple):
    """How the decomposition describes a group of images.

    Attributes:
        name: name of the group.
        largest: the two classes with the largest mean coefficients, (name, coefficient).
        residual_share: median residual share.
    """

    name: str
    largest: list[tuple[str, float]]
    residual_share: float


def describe_groups(
    groups: Mapping[str, tuple[Tensor, Decomposition, Tensor]], class_names: Sequence[str]
) -> list[GroupDescription]:
    """Return the two largest mean coefficients and the median residual share of each group.

    Args:
        groups: name -> images (N, 3, H, W), their decomposition, and the mask of the group (n,) for the first n.
        class_names: names of the known classes.

    Returns:
        A description per group.
    """
    descriptions = []
    for name, (_, parts, rows) in groups.items():
        mean = parts.coefficients[rows].mean(0)
        values, classes = mean.topk(2)
        largest = [(class_names[c], value) for c, value in zip(classes.tolist(), values.tolist(), strict=True)]
        descriptions.append(GroupDescription(name, largest, parts.residual_share[rows].median().item()))
    return descriptions


def novelty_rows(study: pd.DataFrame) -> list[dict[str, str]]:
    """Return the AUROC with which the residual share and three controls detect novel images, for each network.

    Args:
        study: the stored result ``trust_score``.

    Returns:
        A dict per network, with texts: the AUROC and its 95% interval.
    """
    rows = []
    for row in study.query("kind == 'remainder' and `OOD set` == 'all'").to_dict("records"):
        prefixes = {"residual": "", "features": "features ", "softmax": "softmax ", "energy": "energy "}
        cells = {
            name: format_interval(*(row[f"{prefix}{column}"] for column in ("auroc", "low", "high")))
            for name, prefix in prefixes.items()
        }
        rows.append({"network": NETWORK_TITLES[row["network"]], **cells})
    return rows


def least_residual_classes(study: pd.DataFrame) -> dict[str, str]:
    """Return the novel class with the smallest median residual share, for each sign network.

    Args:
        study: the stored result ``trust_score``.

    Returns:
        Network -> class.
    """
    medians = _novel_classes(study).set_index(["network", "OOD set"])["median"].astype(float)
    return {network: medians[network].idxmin() for network in SIGN_NETWORKS}


def residual_share_by_class(study: pd.DataFrame) -> dict[str, int]:
    """Return for how many novel classes the residual share is clearly better or worse than the confidence.

    Args:
        study: the stored result ``trust_score``.

    Returns:
        The number of ``cases`` (a novel class and a sign network), and in how many the whole interval of the AUROC of
        the residual share lies ``above`` or ``below`` that of the confidence.
    """
    rows = _novel_classes(study)
    return {
        "cases": len(rows),
        "above": int((rows["low"] > rows["softmax high"]).sum()),
        "below": int((rows["high"] < rows["softmax low"]).sum()),
    }


def _novel_classes(study: pd.DataFrame) -> pd.DataFrame:
    """The rows of the single novel classes, for the sign networks."""
    rows = study.query("kind == 'remainder' and network in @SIGN_NETWORKS")
    return rows[~rows["OOD set"].isin(["none", "all"])]


def green_sign_rows(study: pd.DataFrame) -> list[dict[str, str]]:
    """Return the mean coefficient of *stop* for red and green stop signs, for each method.

    Args:
        study: the stored result ``green_sign``.

    Returns:
        A dict per method; each text lists the three networks. The rank is that of *stop* among the mean coefficients
        of all classes, for green stop signs.
    """
    table = study.set_index(["method", "group", "network"]).sort_index()

    def listed(column: str, method: str, group: str, number_format: str) -> str:
        values = [table.loc[(method, group, network), column] for network in SIGN_NETWORKS]
        return ", ".join(format_number(value, number_format) for value in values)

    return [
        {
            "method": method,
            "red": listed("coefficient", method, "red", ".2f"),
            "gray": listed("coefficient", method, "red, gray", ".2f"),
            "green": listed("coefficient", method, "green", ".3f"),
            "rank": listed("rank", method, "green", ".0f"),
        }
        for method in METHODS
    ]


def without_color(
    network: nn.Module, pair: Mapping[str, Tensor], images: Tensor, labels: Tensor
) -> dict[str, float | int]:
    """Return how a network classifies images without color, and how similar two signs are without color.

    The color is removed by replacing the three channels by their mean.

    Args:
        network: a classifier.
        pair: images (N, 3, H, W) of two signs in the same scenes.
        images: test images (M, 3, H, W).
        labels: their classes (M,).

    Returns:
        ``accuracy_gray`` on the ``tested`` images without color; the root-mean-square ``difference`` of the two signs
        without color, and the standard ``deviation`` of the pixel values of the first sign.
    """
    first, second = (x.mean(1) for x in pair.values())
    with torch.no_grad():
        predicted = network(images.mean(1, keepdim=True).expand_as(images)).argmax(1)
    return {
        "accuracy_gray": (predicted == labels).float().mean().item(),
        "tested": len(labels),
        "difference": (first - second).square().mean().sqrt().item(),
        "deviation": first.std().item(),
    }


def positive_control_rows(study: pd.DataFrame) -> list[dict[str, str]]:
    """Return the mean coefficient of *stop* in networks that were trained on images without color.

    Args:
        study: the stored result ``green_sign``.

    Returns:
        A dict per method, with texts that list the networks: the coefficients of red and of green stop signs without
        color, and the ``accuracy`` on test images without color, which is the same for each method.
    """
    networks = study[study["network"].str.startswith("trained without color")]

    def listed(method: str, group: str, column: str, number_format: str) -> str:
        rows = networks[(networks["method"] == method) & (networks["group"] == group)]
        return ", ".join(format_number(value, number_format) for value in rows[column])

    return [
        {
            "method": method,
            "red": listed(method, "red, gray", "coefficient", ".2f"),
            "green": listed(method, "green, gray", "coefficient", ".2f"),
            "accuracy": listed(method, "red, gray", "accuracy", ".0%"),
        }
        for method in METHODS
    ]
