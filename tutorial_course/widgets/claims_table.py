"""The claims table: what papers claim and published, what we measured, a verdict, and how far the settings differ."""

from collections.abc import Sequence
from typing import Any

from tutorial_course.results.claims import SETTING_FIELDS, SOURCES, VERDICTS, Claim, load_claims
from tutorial_course.widgets.markdown import MarkdownText
from tutorial_course.widgets.section_links import CHAPTER_TITLES
from tutorial_lib._validation import check_choice


def claims_table(
    chapter: int | None = None, *, only: str | Sequence[str] | None = None, **measured: Any
) -> MarkdownText:
    """Return the table of claims of a chapter or of the whole course.

    It shows what papers claim, what we measured, and a verdict. It has two columns, narrow enough for a phone; below it
    the intervals of claims with many comparisons, the settings of the papers and ours are folded. The table of the
    whole course begins with the number of claims of each verdict, and has a folded table per chapter. Measured figures
    are looked up in the stored results; a claim without a measurement is shown as open.

    Args:
        chapter: number of the chapter; None shows all chapters.
        only: a verdict, or the identifiers of some claims in the order in which they are shown; None shows all.
        **measured: what the chapter has just computed, by the names that its claims refer to.

    Returns:
        The table in Markdown.

    Raises:
        ValueError: a chapter without claims, an unknown verdict or claim; or ``measured`` lacks a name that the claims
            of the chapter refer to, or has one that they do not.

    Example:
        >>> print(claims_table(3).splitlines()[0])
        | published claim | our verdict and measurements |
    """
    rows = load_claims(chapter)
    if isinstance(only, str):
        rows = [claim for claim in rows if claim.verdict == check_choice(only, VERDICTS, "verdict")]
    elif only is not None:
        by_id = {claim.id: claim for claim in rows}
        rows = [by_id[check_choice(id, by_id, "claim")] for id in only]
    names = {name for claim in rows for name in claim.live_names}
    if set(measured) - names or (chapter is not None and names - set(measured)):
        missing, unknown = sorted(names - set(measured)), sorted(set(measured) - names)
        raise ValueError(
            f"the claims table of chapter {chapter} needs values for {sorted(names)}; missing: {missing}; unknown: "
            f"{unknown}"
        )
    if chapter is not None or only is not None:
        return MarkdownText(_table(rows, measured, chapter is None))
    chapters = sorted({claim.chapter for claim in rows})
    parts = [_counts(rows, chapters)]
    for number in chapters:
        claims = [claim for claim in rows if claim.chapter == number]
        summary = f"<strong>Chapter {number}, {CHAPTER_TITLES[number]}</strong>: {len(claims)} claims"
        parts.append(f"<details><summary>{summary}</summary>\n\n{_table(claims, measured, True)}\n\n</details>")
    return MarkdownText("\n\n".join(parts))


def _table(rows: list[Claim], measured: dict[str, Any], with_section: bool) -> str:
    """A table of claims, and their settings folded below it."""
    lines = [
        "| published claim | our verdict and measurements |",
        "|---|---|",
        *(f"| {_published_cell(claim, with_section)} | {_measured_cell(claim, measured)} |" for claim in rows),
    ]
    parts = ["\n".join(lines)]
    for title, texts in (
        ("The intervals of verdicts with many comparisons", [_intervals(c) for c in rows if _has_many_intervals(c)]),
        ("The settings: the paper’s → ours", [_settings(claim) for claim in rows if claim.paper]),
    ):
        if texts:
            folded = "\n\n".join(texts)
            parts.append(f"<details><summary><strong>{title}</strong></summary>\n\n{folded}\n\n</details>")
    return "\n\n".join(parts)


def _counts(rows: list[Claim], chapters: list[int]) -> str:
    """A table with the number of claims of each verdict in each chapter."""
    lines = [
        "| verdict | " + " | ".join(f"chapter {number}" for number in chapters) + " | all |",
        "|---|" + "---|" * (len(chapters) + 1),
    ]
    for verdict in VERDICTS:
        counts = [sum(claim.chapter == number and claim.verdict == verdict for claim in rows) for number in chapters]
        if any(counts):
            lines.append(f"| {verdict} | " + " | ".join(str(n) if n else "" for n in counts) + f" | {sum(counts)} |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    """Text that fits into one cell of a table."""
    return text.replace("|", "&#124;").replace("\n", " ")


def _link(key: str) -> str:
    """A link to a source, by its key."""
    source = SOURCES[key]
    return f"[{source.label}]({source.link})"


def _published_cell(claim: Claim, with_section: bool) -> str:
    """What a paper claims, and the figures that it published."""
    parts = [f"**{_cell(claim.claim)}**", _link(claim.source) + f", section {claim.section}" * with_section]
    for figure in claim.published:
        source = f"{_link(figure.source)}: " if figure.source else ""
        words = f"{_cell(figure.figure)} ({figure.certainty})" if figure.figure else f"a figure that {figure.certainty}"
        parts.append(f"published: {source}{words}")
    return "<br>".join(parts)


def _measured_cell(claim: Claim, measured: dict[str, Any]) -> str:
    """The verdict on a claim, and what we measured."""
    values = {name: value for name, value in measured.items() if name in claim.live_names}
    verdict = f"**{_cell(claim.verdict_text)}**" + f": {_cell(claim.note)}" * bool(claim.note)
    many = "the intervals are in the folded table below" if _has_many_intervals(claim) else ""
    texts = [*claim.measured_sentences(**values), many or claim.evidence_text]
    return "<br>".join([verdict, *(f"· {_cell(text)}" for text in texts if text)])


def _has_many_intervals(claim: Claim) -> bool:
    """Whether the intervals of a claim would make a cell of the table hard to read."""
    return claim.intervals is not None and len([*claim.intervals.leads, *claim.intervals.over_control]) > 6


def _intervals(claim: Claim) -> str:
    """The differences from which a verdict follows, one per row."""
    groups = {"for the verdict": claim.intervals.leads, "from the control": claim.intervals.over_control}
    lines = [
        f"*{_cell(claim.claim)}* (margin {claim.intervals.margin:g})",
        "",
        "| difference | value and 95% confidence interval |",
        "|---|---|",
        *(f"| {name} | {lead} |" for name, leads in groups.items() for lead in leads),
    ]
    return "\n".join(lines)


def _settings(claim: Claim) -> str:
    """The setting of a paper and ours, as a list."""
    lines = [f"*{_cell(claim.claim)}*", ""]
    for part in SETTING_FIELDS:
        difference = " · unknown" if part in claim.unknown else " · differs" * (part in claim.differs)
        lines.append(f"- {part}{difference}: {getattr(claim.paper, part)} → {getattr(claim.ours, part)}")
    return "\n".join(lines)
