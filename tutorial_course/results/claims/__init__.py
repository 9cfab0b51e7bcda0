"""The claims table: what papers claim, what we measured, and a verdict that follows from fixed rules.

A claim is a frozen dataclass with the settings, the published figures with their source, and functions that compute our
figures from stored results. Values that a chapter computes while it runs are passed to ``Claim.measured_sentences`` by
name.
"""

from tutorial_course.results.claims import chapter1, chapter2, chapter3, chapter4
from tutorial_course.results.claims.rules import (
    CONFIRMED_HERE,
    CONFIRMED_IN_PAPER_SETTING,
    CONTROL_AS_GOOD,
    FIGURE_SOURCES,
    INCONCLUSIVE,
    NO_INTERVAL,
    NOT_CONFIRMED_HERE,
    NOT_CONFIRMED_IN_PAPER_SETTING,
    OPEN,
    SETTING_FIELDS,
    VERDICTS,
    Claim,
    Estimate,
    Evidence,
    Published,
    Setting,
    is_ahead,
)
from tutorial_course.results.claims.sources import SOURCES, Source

__all__ = [
    "CLAIMS",
    "CONFIRMED_HERE",
    "CONFIRMED_IN_PAPER_SETTING",
    "CONTROL_AS_GOOD",
    "FIGURE_SOURCES",
    "NOT_CONFIRMED_HERE",
    "NOT_CONFIRMED_IN_PAPER_SETTING",
    "INCONCLUSIVE",
    "NO_INTERVAL",
    "OPEN",
    "SETTING_FIELDS",
    "SOURCES",
    "VERDICTS",
    "Claim",
    "Estimate",
    "Evidence",
    "Published",
    "Setting",
    "Source",
    "is_ahead",
    "load_claims",
]

CLAIMS = (*chapter1.CLAIMS, *chapter2.CLAIMS, *chapter3.CLAIMS, *chapter4.CLAIMS)


def load_claims(chapter: int | None = None) -> list[Claim]:
    """Return the claims of one chapter, or all of them.

    Args:
        chapter: number of the chapter; None selects all.

    Returns:
        The claims.

    Raises:
        ValueError: the chapter has no claims.
    """
    claims = [claim for claim in CLAIMS if chapter in (None, claim.chapter)]
    if not claims:
        chapters = sorted({claim.chapter for claim in CLAIMS})
        raise ValueError(f"chapter {chapter} has no claims; the chapters with claims are {chapters}")
    return claims
