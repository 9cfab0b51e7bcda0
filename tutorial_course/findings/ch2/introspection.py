"""The gain of a second-stage head, with one rule for averages and intervals."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from scipy import stats


@dataclass(frozen=True)
class HeadGain:
    """A difference in percentage points between two classifiers.

    Attributes:
        mean: the mean over networks of the mean over the runs of a network.
        half_width: half the 95% t-interval over networks; None if there is a single network.
        runs: the difference of each run.
    """

    mean: float
    half_width: float | None
    runs: tuple[float, ...]

    def text(self) -> str:
        """Return the mean with its interval, or with the runs of the only network.

        Returns:
            The text.
        """
        if self.half_width is None:
            return f"{_rounded(self.mean)} (runs {', '.join(f'{_rounded(run)}' for run in self.runs)})"
        low, high = self.mean - self.half_width, self.mean + self.half_width
        return f"{_rounded(self.mean)} ({_rounded(low)} to {_rounded(high)})"


def head_gain(rows: pd.DataFrame, trained: str, head: str, column: str, over: str = "feed-forward") -> HeadGain:
    """Return by how much a head exceeds another classifier.

    Runs are compared in pairs of the same network and the same seed. The base classifier has one row per network,
    which is compared with all seeds. The runs of a network are averaged first, and the networks have equal weights.

    Args:
        rows: rows of kind "head" of a stored result.
        trained: name of the training set of the heads.
        head: name of the head.
        column: name of the column, a fraction.
        over: name of the head that is subtracted; "feed-forward" is the base classifier.

    Returns:
        The difference in percentage points.
    """
    values = rows[rows["trained"] == trained].set_index(["head", "network", "seed"]).sort_index()[column]
    before = values.loc[over]
    if over == "feed-forward":
        alone = before.groupby("network").mean()
        gains = values.loc[head].sub(alone, level="network")
    else:
        gains = (values.loc[head] - before).dropna()
    gains = 100 * gains
    means = gains.groupby("network").mean()
    half = None
    if len(means) > 1:
        half = float(stats.t.ppf(0.975, len(means) - 1) * means.std() / len(means) ** 0.5)
    return HeadGain(float(means.mean()), half, tuple(gains))


def _rounded(points: float) -> str:
    """The difference with one decimal; one that rounds to zero has no minus."""
    return f"{round(points, 1) + 0.0:+.1f}"
