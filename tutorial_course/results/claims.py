"""The ledger: what papers claim, what this course measured, and a verdict in words that have rules.

The claims stand in ``claims.yml`` beside this file, without a single number of ours: a measured figure is a reference to a stored
result, looked up when it is shown. What a chapter computes just now is given to ``Claim.measured`` by name.
"""

import ast
import operator
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from statistics import mean, median
from string import Formatter

from tutorial_course.results import StoredResult, load_result

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
# Where a published figure was read; what was only recalled has no figure here.
FIGURE_SOURCES = (
    "the authors' own files",
    "a transcript of the paper",
    "readers' notes",
    "the abstract",
    "could not be checked",
)
AGGREGATIONS = {"mean": mean, "median": median, "min": min, "max": max, "count": len}
SIGNED_ZERO = re.compile(r"(?<!\w)[-+](0\.0+)(?!\d)")  # what rounds to nothing has no sign
BINARY_OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}


@dataclass(frozen=True)
class Published:
    """A figure in its paper's own words, and how certain it is; of ``source``, where another work than the claim's printed it."""

    certainty: str
    figure: str | None = None
    source: str | None = None


@dataclass(frozen=True)
class Claim:
    """A row of the ledger. ``paper`` and ``ours``: the settings, by part; ``differs``: the parts in which they do."""

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
        """What its chapter computes while it runs, and hands in."""
        return {name for measure in self.measures for name in measure.get("live", ())}

    def measured_sentences(self, **live) -> list[str]:
        """What was measured, in sentences; one that needs what a chapter computes says so where it is not given."""
        said = []
        for measure in self.measures:
            values = resolve_values(measure.get("values", {}))
            given = {name: live[name] for name in measure.get("live", ()) if name in live}
            whole = len(given) == len(measure.get("live", ()))
            text = (
                measure["text"].format(**values, **given)
                if whole
                else f"computed anew whenever section {self.section} runs"
            )
            said.append(SIGNED_ZERO.sub(r"\1", text))
        return said

    @property
    def verdict_text(self) -> str:
        """The verdict; where something is not seen, with the parts of the setting that differ."""
        verdict = self.verdict
        if verdict == NOT_CONFIRMED_HERE:
            verdict += f"; the settings differ in {' and '.join(filter(None, [', '.join(self.differs[:-1]), *self.differs[-1:]]))}"
        return verdict


def resolve_values(values: dict) -> dict[str, float]:
    """Every value by name: looked up in a stored result, or computed from those before it."""
    found: dict[str, float] = {}
    for name, value in values.items():
        found[name] = evaluate_formula(value, found) if isinstance(value, str) else lookup_value(**value)
    return found


@cache
def load_table(study: str) -> StoredResult:
    return load_result(study)


def lookup_value(
    study: str, column: str, where: dict | None = None, take: str | None = None, group_by: str | None = None
) -> float:
    """One number of a stored result.

    Args:
        where: what a row's columns must be; of a list, any will do.
        take: how several rows become one number; without it there must be exactly one.
        by: a column: first the mean of each of its values, so that each counts alike.

    Raises:
        LookupError: no row, too many rows, no such column, or no number in it.
    """
    asked = {c: v if isinstance(v, list) else [v] for c, v in (where or {}).items()}
    rows = [row for row in load_table(study).rows if all(c in row and row[c] in v for c, v in asked.items())]
    if not rows or (take is None and len(rows) != 1):
        raise LookupError(
            f"{study}: {len(rows)} rows where {where}; {'say how to take them together' if rows else 'none to look up'}"
        )
    values = [row.get(column) for row in rows]
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        raise LookupError(f"{study}: no number in column '{column}' where {where}")
    if group_by:
        groups: dict[object, list[float]] = {}
        for row, v in zip(rows, values, strict=True):
            groups.setdefault(row[group_by], []).append(v)
        values = [mean(group) for group in groups.values()]
    return AGGREGATIONS[take](values) if take else values[0]


def evaluate_formula(formula: str, names: dict[str, float]) -> float:
    """Sums, differences, products and quotients of names and numbers, and nothing else."""

    def value(node: ast.expr) -> float:
        if isinstance(node, ast.BinOp) and type(node.op) in BINARY_OPERATORS:
            return BINARY_OPERATORS[type(node.op)](value(node.left), value(node.right))
        if isinstance(node, ast.Name) and node.id in names:
            return names[node.id]
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            return node.value
        raise LookupError(
            f"'{formula}' holds {ast.unparse(node)}, which is neither a value named before it nor a sum, product or number"
        )

    return value(ast.parse(formula, mode="eval").body)


def parse_ledger(text: str) -> tuple[dict[str, dict], list[Claim]]:
    """The sources by key, each with a ``label`` and a ``link``, and the claims, in order."""
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
    return parse_ledger(LEDGER_FILE.read_text(encoding="utf-8"))


def load_claims(chapter: int | None = None) -> list[Claim]:
    """The claims of one chapter, or all of them.

    Raises:
        ValueError: no claim belongs to that chapter.
    """
    found = [claim for claim in _load_ledger()[1] if chapter in (None, claim.chapter)]
    if not found:
        there = sorted({claim.chapter for claim in _load_ledger()[1]})
        raise ValueError(f"chapter {chapter} has no claims in the ledger; there are claims of {there}")
    return found


def load_sources() -> dict[str, dict]:
    return _load_ledger()[0]


def validate_ledger(sources: dict[str, dict], claims: list[Claim]) -> Iterator[str]:
    """What breaks a rule of the ledger, in words that say what to do."""
    for id in sorted({claim.id for claim in claims if [c.id for c in claims].count(claim.id) > 1}):
        yield f"{id}: two claims of this name"
    for claim in claims:
        for complaint in (*_of_words(claim), *_of_settings(claim), *_of_figures(claim, sources), *_of_measures(claim)):
            yield f"{claim.id}: {complaint}"


def _of_words(claim: Claim) -> Iterator[str]:
    if claim.verdict not in VERDICTS:
        yield f"'{claim.verdict}' is no verdict; choose one of: {'; '.join(VERDICTS)}"
    if (claim.verdict == OPEN) != (not claim.measures):
        yield f"a claim is '{OPEN}' if and only if nothing was measured"


def _of_settings(claim: Claim) -> Iterator[str]:
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
    for key in {claim.source, *(figure.source for figure in claim.published if figure.source)} - set(sources):
        yield f"unknown source '{key}'"
    for figure in claim.published:
        if figure.certainty not in FIGURE_SOURCES:
            yield f"'{figure.certainty}' is no certainty; choose one of: {'; '.join(FIGURE_SOURCES)}"
        elif (figure.certainty == FIGURE_SOURCES[-1]) != (figure.figure is None):
            yield "a figure that could not be checked is not printed, and one that was checked is"


def _of_measures(claim: Claim) -> Iterator[str]:
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
