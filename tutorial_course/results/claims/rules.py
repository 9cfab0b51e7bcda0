"""The parts of a claim, and the rules by which its verdict is computed.

The verdict is computed from the lead of a method over a reference (the difference of their results), its 95% interval,
and a margin below which a difference does not matter. If no interval is stored, the verdict says so.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from inspect import signature
from statistics import fmean, stdev
from typing import Any, NamedTuple

import pandas as pd
from scipy.stats import binomtest
from scipy.stats import t as student_t

from tutorial_course._numbers import typeset_numbers
from tutorial_course.results import load_result
from tutorial_course.results.claims.sources import SOURCES

CONFIRMED_IN_PAPER_SETTING, CONTROL_AS_GOOD, CONFIRMED_HERE = (
    "confirmed in the paper's setting",
    "confirmed, but a control performs equally well",
    "confirmed in our setting, not tested in the paper's",
)
NOT_CONFIRMED_HERE, NOT_CONFIRMED_IN_PAPER_SETTING, INCONCLUSIVE = (
    "not confirmed in our setting",
    "not confirmed in the paper's setting",
    "tested, but inconclusive",
)
OPEN, NO_INTERVAL = "open", "no verdict, because no interval is stored"
VERDICTS = (
    CONFIRMED_IN_PAPER_SETTING,
    CONTROL_AS_GOOD,
    CONFIRMED_HERE,
    NOT_CONFIRMED_HERE,
    NOT_CONFIRMED_IN_PAPER_SETTING,
    INCONCLUSIVE,
    NO_INTERVAL,
    OPEN,
)
# Where a published figure comes from; a figure without a source is not listed.
FIGURE_SOURCES = AUTHORS_FILES, THIRD_PARTY, TRANSCRIPT, READERS_NOTES, ABSTRACT, NOT_CHECKED = (
    "the authors' own files",
    "a third party",
    "a transcript of the paper",
    "readers' notes",
    "the abstract",
    "could not be checked",
)
SETTING_FIELDS = ("network", "data", "training", "protocol", "implementation")
UNKNOWN = ("not known to us", "not stated")  # parts of a paper's setting that cannot be compared with ours
ACCURACY_MARGIN, AUROC_MARGIN, CORRELATION_MARGIN, NSS_MARGIN = 0.05, 0.05, 0.05, 0.1  # differences that do not matter

# Settings that several claims share.
OWN_CODE = "ours, from the equations, tested against naive implementations and other libraries"
OUR_NETWORKS = "three sign classifiers with ten layers; a published ResNet-20"
OUR_DATA = "synthetic traffic signs; the part of CIFAR-10 that was available to us"
OUR_TRAINING = "ten thousand synthetic signs, eight epochs; published weights"

# Networks of the stored results.
SIGNS = ["signs/classifier", "signs/classifier/1", "signs/classifier/2"]
CIFAR, IMAGENET = "cifar10/resnet20", "imagenet/squeezenet1_1"
AUROC = ["auroc", "low", "high"]  # the columns of an estimate with its interval

table: Callable[[str], pd.DataFrame] = cache(load_result)  # a stored result, which is loaded once


class Estimate(NamedTuple):
    """An estimate with its 95% interval.

    Attributes:
        value: the estimate.
        low: lower end of the interval.
        high: upper end of the interval.
    """

    value: float
    low: float
    high: float

    def __sub__(self, other: "Estimate") -> "Estimate":
        """Return the difference of two estimates that are independent of each other.

        The distances from the ends of the interval to the value are added as squares (Zou and Donner 2008,
        doi:10.1002/sim.3095). If the estimates are positively correlated, because they come from the same images, the
        interval is wider than a paired one.

        Args:
            other: the estimate that is subtracted.

        Returns:
            The difference with its 95% interval.
        """
        value = self.value - other.value
        below = ((self.value - self.low) ** 2 + (other.high - other.value) ** 2) ** 0.5
        above = ((self.high - self.value) ** 2 + (other.value - other.low) ** 2) ** 0.5
        return Estimate(value, value - below, value + above)

    def __str__(self) -> str:
        """Return the estimate and its interval as text.

        Returns:
            The text, such as "+0.250 (+0.100 to +0.400)".
        """
        return typeset_numbers(f"{self.value:+.3f} ({self.low:+.3f} to {self.high:+.3f})")


def proportion(successes: float, n: int) -> Estimate:
    """Return a fraction with its 95% Wilson interval, which is also valid near 0% and 100%.

    Args:
        successes: number of successes; a number with decimals, from a rounded fraction, is rounded to an integer.
        n: number of trials.

    Returns:
        The fraction and its interval.

    Example:
        >>> [round(number, 3) for number in proportion(0, 60)]
        [0.0, 0.0, 0.06]
    """
    interval = binomtest(round(float(successes)), n).proportion_ci(0.95, method="wilson")
    return Estimate(round(float(successes)) / n, float(interval.low), float(interval.high))


def t_estimate(values: Sequence[float]) -> Estimate:
    """Return the mean of a few independent values, such as one per training run, with its 95% interval of Student's t.

    Args:
        values: at least two values.

    Returns:
        The mean and its interval.

    Example:
        >>> print(t_estimate([1.0, 2.0, 3.0]))
        +2.000 (−0.484 to +4.484)
    """
    mean = fmean(values)
    half = float(student_t.ppf(0.975, len(values) - 1)) * stdev(values) / len(values) ** 0.5
    return Estimate(mean, mean - half, mean + half)


CHANCE = Estimate(0.5, 0.5, 0.5)  # the AUROC of a score that does not separate the groups


def is_ahead(leads: Sequence[Estimate], margin: float) -> bool | None:
    """Return whether the result of a method is higher than that of a reference.

    A lead is the difference of the two results. It is conclusive if its whole interval is at most the margin (the
    method is not ahead), or else above zero (the method is ahead).

    Args:
        leads: the lead of the method in each setting.
        margin: difference that does not matter.

    Returns:
        Whether the method is ahead; None if no lead is conclusive, or if the conclusive leads disagree.
    """
    conclusions = {lead.high > margin for lead in leads if is_conclusive(lead, margin)}
    return conclusions.pop() if len(conclusions) == 1 else None


def is_conclusive(lead: Estimate, margin: float) -> bool:
    """Return whether the interval of a lead is wholly at most the margin or wholly above zero.

    Args:
        lead: the lead of the method in one setting.
        margin: difference that does not matter.

    Returns:
        Whether the lead is conclusive.
    """
    return lead.high <= margin or lead.low > 0


@dataclass(frozen=True)
class Evidence:
    """The stored intervals from which the verdict on a claim follows.

    Attributes:
        leads: the lead of the method over what the claim names, in each setting; empty if no interval is stored.
        margin: difference that does not matter.
        claims_lead: True if the claim says that the method is ahead; False if it says that the method is not ahead.
        over_control: the lead of the method over a control, in each setting; empty if there is no control. Without
            leads, the verdict follows from the control alone.
    """

    leads: Sequence[Estimate]
    margin: float
    claims_lead: bool = True
    over_control: Sequence[Estimate] = ()

    def verdict(self, settings_differ: bool) -> str:
        """Return the verdict that follows from the intervals.

        Args:
            settings_differ: whether our setting differs from that of the paper.

        Returns:
            One of ``VERDICTS``.
        """
        if not (self.leads or self.over_control):
            return NO_INTERVAL
        ahead = is_ahead(self.leads, self.margin) if self.leads else self.claims_lead
        if ahead is not None and ahead != self.claims_lead:
            return NOT_CONFIRMED_HERE if settings_differ else NOT_CONFIRMED_IN_PAPER_SETTING
        ahead_of_control = is_ahead(self.over_control, self.margin) if self.over_control else True
        if ahead is None or ahead_of_control is None:
            return INCONCLUSIVE
        if not ahead_of_control:
            return CONTROL_AS_GOOD
        return CONFIRMED_HERE if settings_differ else CONFIRMED_IN_PAPER_SETTING

    def scope(self, verdict: str) -> str:
        """Return in how many comparisons the result is conclusive, because one of them suffices for a verdict.

        Args:
            verdict: the verdict of this evidence.

        Returns:
            The text; empty if all comparisons are conclusive, or if the verdict is that they are not.
        """
        leads = self.over_control if verdict == CONTROL_AS_GOOD else self.leads or self.over_control
        n_conclusive = sum(is_conclusive(lead, self.margin) for lead in leads)
        if verdict == INCONCLUSIVE or n_conclusive == len(leads):
            return ""
        return f"conclusive in {n_conclusive} of {len(leads)} comparisons"

    def text(self) -> str:
        """Return the differences from which the verdict follows, with their intervals and the margin.

        Returns:
            The text; empty if there are no intervals.
        """
        parts = {"difference for the verdict": self.leads, "difference from the control": self.over_control}
        texts = [f"{name} {', '.join(map(str, leads))}" for name, leads in parts.items() if leads]
        return "; ".join([*texts, f"margin {self.margin:g}"]) if texts else ""


@dataclass(frozen=True)
class Published:
    """A published figure.

    Attributes:
        certainty: where the figure comes from, one of ``FIGURE_SOURCES``.
        figure: the published values, with the metric and its unit; None if they could not be checked.
        source: key of the work that published it; None if it is the source of the claim.
    """

    certainty: str
    figure: str | None = None
    source: str | None = None

    def __post_init__(self) -> None:
        """Raise an error if the figure breaks a rule."""
        _require(self.certainty in FIGURE_SOURCES, f"unknown certainty '{self.certainty}'", FIGURE_SOURCES)
        _require(
            (self.certainty == NOT_CHECKED) == (self.figure is None),
            "the text of a figure that could not be checked is not printed, and every other figure needs a text",
        )
        _require(self.source is None or self.source in SOURCES, f"unknown source '{self.source}'", SOURCES)


@dataclass(frozen=True)
class Setting:
    """The setting of a measurement.

    Attributes:
        network: the network that was evaluated.
        data: the data on which it was evaluated.
        training: how the network was trained.
        protocol: what was measured, and how.
        implementation: whose code was used.
    """

    network: str
    data: str
    training: str
    protocol: str
    implementation: str


@dataclass(frozen=True)
class Claim:
    """A row of the claims table.

    Attributes:
        id: identifier.
        chapter: number of the chapter.
        section: number of the section.
        source: key of the paper.
        claim: the claim as one full sentence, without the final period.
        evidence: function that returns the intervals from which the verdict is computed; None if none are stored, or if
            the claim is an identity.
        published: the figures that were published.
        paper: the setting of the paper.
        ours: our setting.
        differs: the parts in which the settings differ, or in which that of the paper is unknown.
        measured: functions that return the measured values as text; their arguments are the values that the chapter
            computes while it runs.
        note: a sentence that explains the verdict, without the final period.
        merit: whether the claim is that a method is better than others.
        identity: whether the claim is a mathematical identity or follows from a definition. It has no setting, and
            without evidence against it, it is confirmed.
    """

    id: str
    chapter: int
    section: str
    source: str
    claim: str
    evidence: Callable[[], Evidence] | None = None
    published: tuple[Published, ...] = ()
    paper: Setting | None = None
    ours: Setting | None = None
    differs: tuple[str, ...] = ()
    measured: tuple[Callable[..., str], ...] = ()
    note: str = ""
    merit: bool = False
    identity: bool = False

    def __post_init__(self) -> None:
        """Raise an error if the claim breaks a rule."""
        _require(self.source in SOURCES, f"{self.id}: unknown source '{self.source}'", SOURCES)
        _require(
            set(self.differs) <= set(SETTING_FIELDS),
            f"{self.id}: a setting has no part {', '.join(map(repr, self.differs))}",
            SETTING_FIELDS,
        )
        _require(
            bool(self.measured) or self.evidence is None,
            f"{self.id}: a claim with evidence needs a text with the measured values",
        )
        _require(
            not self.measured or self.identity or None not in (self.paper, self.ours),
            f"{self.id}: describe the paper's setting and ours",
        )

    @cached_property
    def intervals(self) -> Evidence | None:
        """The stored intervals from which the verdict follows.

        Returns:
            The intervals; None if the claim names none.
        """
        return self.evidence() if self.evidence is not None else None

    @cached_property
    def verdict(self) -> str:
        """The verdict, which follows from the stored intervals.

        Returns:
            One of ``VERDICTS``.
        """
        if not self.measured:
            return OPEN
        if self.intervals is not None:
            return self.intervals.verdict(bool(self.differs))
        return CONFIRMED_IN_PAPER_SETTING if self.identity else NO_INTERVAL

    @property
    def unknown(self) -> list[str]:
        """The parts of the paper's setting that we do not know."""
        return [part for part in SETTING_FIELDS if getattr(self.paper, part, None) in UNKNOWN]

    @property
    def evidence_text(self) -> str:
        """The differences from which the verdict follows, with their intervals; empty if none are stored."""
        return self.intervals.text() if self.intervals is not None else ""

    @property
    def verdict_text(self) -> str:
        """The verdict, how many comparisons decide it, and what differs from the paper if it is not confirmed."""
        scope = self.intervals.scope(self.verdict) if self.intervals is not None else ""
        text = f"{self.verdict} ({scope})" if scope else self.verdict
        if self.verdict != NOT_CONFIRMED_HERE:
            return text
        text += f"; the settings differ in {_enumerated([part for part in self.differs if part not in self.unknown])}"
        return text + (f", and we do not know the paper's {_enumerated(self.unknown)}" if self.unknown else "")

    @property
    def live_names(self) -> set[str]:
        """Names of the values that the chapter computes while it runs."""
        return {name for sentence in self.measured for name in signature(sentence).parameters}

    def measured_sentences(self, **live: Any) -> list[str]:
        """Return the measured values as texts.

        Args:
            **live: values that the chapter has computed; if the values of a text are missing, it refers to the section
                in which they are computed.

        Returns:
            The texts.
        """
        sentences = []
        for sentence in self.measured:
            names = signature(sentence).parameters
            if set(names) <= set(live):
                text = sentence(**{name: live[name] for name in names})
            else:
                text = f"computed when section {self.section} is run"
            sentences.append(typeset_numbers(text))
        return sentences


def _enumerated(words: list[str]) -> str:
    """The words with commas and "and"."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _require(follows: bool, message: str, choices: Sequence[str] | dict = ()) -> None:
    """Raise an error with the possible choices if a rule is broken."""
    if not follows:
        raise ValueError(message + f"; choose from: {'; '.join(choices)}" * bool(choices))
