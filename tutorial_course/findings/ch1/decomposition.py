"""The decomposition of gradients: descriptions of groups, the detection of novel signs, and the green stop sign."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd
from torch import Tensor

from tutorial_course.findings.ch1.manifolds import NETWORK_TITLES
from tutorial_course.findings.core import format_interval, format_percent
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
        return ", ".join(format(value, number_format) for value in values)

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


def green_sign_summary(study: pd.DataFrame) -> dict[str, str]:
    """Return the coefficient of *stop* in networks that were trained on images without color.

    Args:
        study: the stored result ``green_sign``.

    Returns:
        Their ``accuracy``, and the coefficients for ``red`` and ``green`` stop signs without color, as texts that list
        the networks.
    """
    rows = study[(study["method"] == METHODS[0]) & study["network"].str.startswith("trained without color")]
    red, green = (rows[rows["group"] == f"{color}, gray"] for color in ("red", "green"))
    return {
        "accuracy": ", ".join(format_percent(value) for value in red["accuracy"]),
        "red": ", ".join(f"{value:.2f}" for value in red["coefficient"]),
        "green": ", ".join(f"{value:.2f}" for value in green["coefficient"]),
    }
