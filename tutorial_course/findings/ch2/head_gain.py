"""The gain of a second-stage head, with one rule for averages and intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tutorial_course.findings.ch2.second_stage_gains import accuracy_gains, network_means
from tutorial_course.findings.intervals import t_interval

if TYPE_CHECKING:
    import pandas


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


def head_gain(table: pandas.DataFrame, trained: str, head: str, column: str, over: str = "feed-forward") -> HeadGain:
    """Return by how much a head exceeds another classifier.

    The runs of a network are averaged first, and the networks have equal weights.

    Args:
        table: stored result with rows of the kind "head".
        trained: name of the training set of the heads.
        head: name of the head.
        column: name of the column, a fraction.
        over: name of the head that is subtracted; "feed-forward" is the base classifier.

    Returns:
        The difference in percentage points.
    """
    gains = accuracy_gains(table, head, over, trained, column)
    means = network_means(gains)
    half = t_interval(means).high - means.mean() if len(means) > 1 else None
    return HeadGain(float(means.mean()), half, tuple(gains))


def _rounded(points: float) -> str:
    """The difference with two decimals and a typographic minus; one that rounds to zero has no minus."""
    return f"{round(points, 2) + 0.0:+.2f}".replace("-", "−")
