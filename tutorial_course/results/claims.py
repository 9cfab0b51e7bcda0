"""The claims table: what papers claim, what we measured, and a verdict that follows rules.

The claims are listed in ``claims.yml`` in this folder without any number of ours: a measured figure refers to a stored
result and is looked up when it is shown. What a chapter computes is passed to ``Claim.measured_sentences`` by name.
"""

import ast
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from statistics import mean, median
from string import Formatter
from typing import Any

import pandas as pd

from tutorial_course.results import load_result

LEDGER_FILE = Path(__file__).parent / "claims.yml"
SETTING_FIELDS = ("network", "data", "training", "protocol", "implementation")
CONFIRMED_IN_PAPER_SETTING, CONTROL_AS_GOOD, CONFIRMED_HERE = (
    "seen in the paper's setting",
    "seen, and a control does as well",
    "seen in ours, not tested in the paper's",
)
NOT_CONFIRMED_HERE, NOT_CONFIRMED_IN_PAPER_SETTING, NOT_TESTED_FAIRLY = (
    "not seen in ours",
    "not seen in the paper's setting",
    "not tested fairly yet",
)
OPEN = "open"
VERDICTS = (
    CONFIRMED_IN_PAPER_SETTING,
    CONTROL_AS_GOOD,
    CONFIRMED_HERE,
    NOT_CONFIRMED_HERE,
    NOT_CONFIRMED_IN_PAPER_SETTING,
    NOT_TESTED_FAIRLY,
    OPEN,
)
# The source of a published figure; figures without a source are not listed.
FIGURE_SOURCES = (
    "the authors' own files",
    "a transcript of the paper",
    "readers' notes",
    "the abstract",
    "could not be checked",
)
AGGREGATIONS: dict[str, Callable[[Any], float]] = {"mean": mean, "median": median, "min": min, "max": max, "count": len}
SIGNED_ZERO = re.compile(r"(?<!\w)[-+](0\.0+)(?!\d)")  # a value that rounds to zero has no sign
BINARY_OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}


@dataclass(frozen=True)
class Published:
    """A published figure.

    Attributes:
        certainty: where the figure comes from, one of ``FIGURE_SOURCES``.
        figure: the figure as the paper states it; None if it could not be checked.
        source: key of the work that published it; None if it is the source of the claim.
    """

    certainty: str
    figure: str | None = None
    source: str | None = None


@dataclass(frozen=True)
class Claim:
    """A row of the claims table.

    Attributes:
        id: identifier.
        chapter: number of the chapter.
        section: number of the section.
        source: key of the paper.
        claim: the claim in words.
        verdict: one of ``VERDICTS``.
        published: the figures that were published.
        paper: the setting of the paper, by part.
        ours: our setting, by part.
        differs: the parts in which the settings differ.
        measures: sentences with the values that were measured.
        note: a remark on the verdict.
        merit: whether the claim is that a method is better than others.
        identity: whether the claim is a mathematical identity, which has no setting.
    """

    id: str
    chapter: int
    section: str
    source: str
    claim: str
    verdict: str
    published: tuple[Published, ...] = ()
    paper: dict[str, str] = field(default_factory=dict)
    ours: dict[str, str] = field(default_factory=dict)
    differs: tuple[str, ...] = ()
    measures: tuple[dict, ...] = ()
    note: str = ""
    merit: bool = False
    identity: bool = False

    @property
    def live_names(self) -> set[str]:
        """Names of the values that the chapter computes while it runs."""
        return {name for measure in self.measures for name in measure.get("live", ())}

    def measured_sentences(self, **live: Any) -> list[str]:
        """Return what was measured, in sentences.

        Args:
            **live: values that the chapter has computed; a sentence without its values refers to the section instead.

        Returns:
            The sentences.
        """
        sentences = []
        for measure in self.measures:
            values = resolve_values(measure.get("values", {}))
            available = {name: live[name] for name in measure.get("live", ()) if name in live}
            complete = len(available) == len(measure.get("live", ()))
            text = (
                measure["text"].format(**values, **available)
                if complete
                else f"computed whenever section {self.section} runs"
            )
            sentences.append(SIGNED_ZERO.sub(r"\1", text))
        return sentences

    @property
    def verdict_text(self) -> str:
        """The verdict, with the parts of the setting that differ if the claim is not confirmed."""
        if self.verdict != NOT_CONFIRMED_HERE:
            return self.verdict
        parts = " and ".join(filter(None, [", ".join(self.differs[:-1]), *self.differs[-1:]]))
        return f"{self.verdict}; the settings differ in {parts}"


def resolve_values(values: dict) -> dict[str, float]:
    """Return the values of a sentence.

    Args:
        values: by name, the arguments of :func:`lookup_value`, or a formula of the values before it.

    Returns:
        The values by name.
    """
    resolved: dict[str, float] = {}
    for name, value in values.items():
        resolved[name] = evaluate_formula(value, resolved) if isinstance(value, str) else lookup_value(**value)
    return resolved


@cache
def load_table(study: str) -> list[dict]:
    """Return the rows of a stored result, which is read once.

    Args:
        study: name of the stored result.

    Returns:
        The rows, without the columns in which they have no value.
    """
    rows = load_result(study).to_dict("records")
    return [{column: value for column, value in row.items() if pd.notna(value)} for row in rows]


def lookup_value(
    study: str, column: str, where: dict | None = None, take: str | None = None, group_by: str | None = None
) -> float:
    """Return one number of a stored result.

    Args:
        study: name of the stored result.
        column: the column with the number.
        where: the values that the columns of a row must have; a list allows several values.
        take: aggregation of several rows, one of ``AGGREGATIONS``; None requires exactly one row.
        group_by: a column whose values have equal weight: the mean of each group is taken first. None takes no means.

    Returns:
        The number.

    Raises:
        LookupError: no row, too many rows, no such column, or no number in it.
    """
    allowed = {c: v if isinstance(v, list) else [v] for c, v in (where or {}).items()}
    rows = [row for row in load_table(study) if all(c in row and row[c] in v for c, v in allowed.items())]
    if not rows or (take is None and len(rows) != 1):
        raise LookupError(
            f"{study}: {len(rows)} rows where {where}; {'say how to take them together' if rows else 'none to look up'}"
        )
    values: list[Any] = [row.get(column) for row in rows]
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        raise LookupError(f"{study}: no number in column '{column}' where {where}")
    if group_by:
        groups: dict[object, list[float]] = {}
        for row, v in zip(rows, values, strict=True):
            groups.setdefault(row[group_by], []).append(v)
        values = [mean(group) for group in groups.values()]
    return AGGREGATIONS[take](values) if take else values[0]


def evaluate_formula(formula: str, names: dict[str, float]) -> float:
    """Return the value of a formula of sums, differences, products and quotients.

    Args:
        formula: the formula, in names and numbers.
        names: the value of each name.

    Returns:
        The value.

    Raises:
        LookupError: an unknown name, or another operation.
    """

    def value(node: ast.expr) -> float:
        if isinstance(node, ast.BinOp) and type(node.op) in BINARY_OPERATORS:
            return BINARY_OPERATORS[type(node.op)](value(node.left), value(node.right))
        if isinstance(node, ast.Name) and node.id in names:
            return names[node.id]
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            return node.value
        raise LookupError(
            f"'{formula}' holds {ast.unparse(node)}, which is neither an earlier value nor a sum, product or number"
        )

    return value(ast.parse(formula, mode="eval").body)


def parse_ledger(text: str) -> tuple[dict[str, dict], list[Claim]]:
    """Return the sources and the claims of a claims table.

    Args:
        text: the table in YAML.

    Returns:
        The sources by key, each with a ``label`` and a ``link``, and the claims, in order.
    """
    import yaml

    content = yaml.safe_load(text)
    claims = []
    for row in content["claims"]:
        row = dict(row)
        published = tuple(Published(**figure) for figure in row.pop("published", []))
        measures, differs = tuple(row.pop("measured", [])), tuple(row.pop("differs", []))
        claims.append(
            Claim(**{**row, "section": str(row["section"])}, published=published, measures=measures, differs=differs)
        )
    return content["sources"], claims


@cache
def _load_ledger() -> tuple[dict[str, dict], list[Claim]]:
    """The sources and the claims of the course, which are read once."""
    return parse_ledger(LEDGER_FILE.read_text(encoding="utf-8"))


def load_claims(chapter: int | None = None) -> list[Claim]:
    """Return the claims of one chapter, or all of them.

    Args:
        chapter: number of the chapter; None selects all.

    Returns:
        The claims.

    Raises:
        ValueError: the chapter has no claims.
    """
    claims = [claim for claim in _load_ledger()[1] if chapter in (None, claim.chapter)]
    if not claims:
        chapters = sorted({claim.chapter for claim in _load_ledger()[1]})
        raise ValueError(f"chapter {chapter} has no claims; the chapters with claims are {chapters}")
    return claims


def load_sources() -> dict[str, dict]:
    """Return the sources of the claims.

    Returns:
        The sources by key, each with a ``label`` and a ``link``.
    """
    return _load_ledger()[0]


def validate_ledger(sources: dict[str, dict], claims: list[Claim]) -> Iterator[str]:
    """Check the rules of the claims table.

    Args:
        sources: the sources by key.
        claims: the claims.

    Yields:
        The violations, in words that say what to do.
    """
    for id in sorted({claim.id for claim in claims if [c.id for c in claims].count(claim.id) > 1}):
        yield f"{id}: two claims of this name"
    for claim in claims:
        for complaint in (*_of_words(claim), *_of_settings(claim), *_of_figures(claim, sources), *_of_measures(claim)):
            yield f"{claim.id}: {complaint}"


def _of_words(claim: Claim) -> Iterator[str]:
    """Violations in the verdict."""
    if claim.verdict not in VERDICTS:
        yield f"unknown verdict '{claim.verdict}'; choose one of: {'; '.join(VERDICTS)}"
    if (claim.verdict == OPEN) != (not claim.measures):
        yield f"a claim is '{OPEN}' if and only if nothing was measured"


def _of_settings(claim: Claim) -> Iterator[str]:
    """Violations in the settings."""
    if unknown := {*claim.differs, *claim.paper, *claim.ours} - set(SETTING_FIELDS):
        yield f"a setting has the parts {', '.join(SETTING_FIELDS)}, not {', '.join(sorted(unknown))}"
    if claim.verdict == OPEN or claim.identity:
        return
    both = {"paper's": claim.paper, "our": claim.ours}
    if missing := [f"{whose} {part}" for part in SETTING_FIELDS for whose, has in both.items() if not has.get(part)]:
        yield f"say the whole setting; missing: {', '.join(missing)}"
    if claim.verdict in (NOT_CONFIRMED_HERE, CONFIRMED_HERE) and not claim.differs:
        yield f"'{claim.verdict}' must name the parts of the setting that differ"
    if claim.verdict in (CONFIRMED_IN_PAPER_SETTING, NOT_CONFIRMED_IN_PAPER_SETTING) and claim.differs:
        yield f"'{claim.verdict}', and yet the settings differ in {', '.join(claim.differs)}"


def _of_figures(claim: Claim, sources: dict[str, dict]) -> Iterator[str]:
    """Violations in the published figures."""
    for key in {claim.source, *(figure.source for figure in claim.published if figure.source)} - set(sources):
        yield f"unknown source '{key}'"
    for figure in claim.published:
        if figure.certainty not in FIGURE_SOURCES:
            yield f"unknown certainty '{figure.certainty}'; choose one of: {'; '.join(FIGURE_SOURCES)}"
        elif (figure.certainty == FIGURE_SOURCES[-1]) != (figure.figure is None):
            yield "a figure that could not be checked is not printed, and one that was checked is"


def _of_measures(claim: Claim) -> Iterator[str]:
    """Violations in the measured sentences."""
    for measure in claim.measures:
        fields = {
            name.split(".")[0].split("[")[0] for _, name, _, _ in Formatter().parse(measure["text"]) if name is not None
        }
        values, live = measure.get("values", {}), measure.get("live", ())
        used = {
            node.id
            for v in values.values()
            if isinstance(v, str)
            for node in ast.walk(ast.parse(v))
            if isinstance(node, ast.Name)
        }
        if fields - {*values, *live} or {*values, *live} - fields - used:
            yield f"every field needs a value and every value a field: '{measure['text']}'"
        if not fields:
            yield f"a measured sentence without a number: '{measure['text']}'"
        try:
            measure["text"].format(**resolve_values(values), **dict.fromkeys(live, 0.5))
        except (LookupError, ValueError, TypeError) as error:
            yield str(error)
