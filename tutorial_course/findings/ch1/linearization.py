"""The radii of the first-order approximation."""

from typing import Any

import pandas as pd

from tutorial_course.findings.ch1.manifolds import NETWORK_TITLES
from tutorial_course.findings.core import format_interval

VARIABLES = {"image": "image", "weights": "weights"}
NOVEL_GROUPS = {"novel": "novel signs", "gtsrb": "traffic signs", "dtd": "textures", "mnist": "digits"}


def radius_rows(study: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the median radii of known and novel images, for each network, variable and objective.

    Args:
        study: the stored result ``linearization``.

    Returns:
        A dict per row, with texts; ``ratio`` is the median of the known images, divided by that of the novel ones.
    """
    table = study.set_index(["network", "step", "question", "group"]).sort_index()
    rows = []
    for network, title in NETWORK_TITLES.items():
        if network not in table.index:
            continue
        groups = [group for group in NOVEL_GROUPS if group in table.loc[network].index.get_level_values("group")]
        for question in ("uniform target", "logit of P"):
            for step in VARIABLES:
                known = table.loc[(network, step, question, "known")]
                novel = {group: table.loc[(network, step, question, group)] for group in groups}
                intervals = [f"{NOVEL_GROUPS[group]} {_interval(row)}" for group, row in novel.items()]
                rows.append(
                    {
                        "network": title,
                        "variable": VARIABLES[step],
                        "objective": question,
                        "known": _interval(known),
                        "novel": "; ".join(intervals),
                        "ratio": ", ".join(f"{known['median'] / row['median']:.1f}" for row in novel.values()),
                    }
                )
    return rows


def _interval(row: pd.Series) -> str:
    """A median with its interval."""
    return format_interval(row["median"], row["low"], row["high"], "#.2g")
