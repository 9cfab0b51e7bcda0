"""The ledger on a page: claims, what was published, what was measured, a verdict, and how far the settings are apart."""

from collections.abc import Sequence

from tutorial_course.results.claims import SETTING_FIELDS, VERDICTS, Claim, load_claims, load_sources
from tutorial_course.widgets.markdown import MarkdownText
from tutorial_course.widgets.method_map import CHAPTER_TITLES
from tutorial_lib._validation import check_choice


def claims_table(chapter: int | None = None, *, only: str | Sequence[str] | None = None, **measured) -> MarkdownText:
    """The ledger of a chapter, or of the whole course: what papers claim, what was measured, and a verdict in words.

    A table of two columns, narrow enough for a phone, and below it, folded, the settings of the papers beside ours. The whole
    ledger begins with how many rows of each verdict there are, and then has a folded table for each chapter. Measured figures
    are looked up in the stored results; a claim without any is shown as open.

    Args:
        chapter: its number; all chapters when not given.
        only: a verdict, or the ids of some claims, in the order wanted.
        live: what the chapter computed just now, by the names that the ledger asks for.

    Raises:
        ValueError: a chapter without claims, an unknown verdict or claim; or ``live`` lacks a name that its ledger asks for, or
            has one that it does not know.

    Example:
        >>> print(claims_table(1, step=2.0, share=0.999, gap=1e-6).splitlines()[0])
        | they say | we measured |
    """
    rows = load_claims(chapter)
    if isinstance(only, str):
        rows = [claim for claim in rows if claim.verdict == check_choice(only, VERDICTS, "verdict")]
    elif only is not None:
        by_id = {claim.id: claim for claim in rows}
        rows = [by_id[check_choice(id, by_id, "claim")] for id in only]
    wanted = set().union(*(claim.live_names for claim in rows))
    if set(measured) - wanted or (chapter is not None and wanted - set(measured)):
        missing, unknown = sorted(wanted - set(measured)), sorted(set(measured) - wanted)
        raise ValueError(
            f"the ledger of chapter {chapter} needs values for {sorted(wanted)}; missing: {missing}; unknown: {unknown}"
        )
    if chapter is not None or only is not None:
        return MarkdownText(_table(rows, measured, chapter is None))
    chapters = sorted({claim.chapter for claim in rows})
    parts = [_counts(rows, chapters)]
    for number in chapters:
        own = [claim for claim in rows if claim.chapter == number]
        summary = f"<strong>Chapter {number}, {CHAPTER_TITLES[number]}</strong>: {len(own)} claims"
        parts.append(f"<details><summary>{summary}</summary>\n\n{_table(own, measured, True)}\n\n</details>")
    return MarkdownText("\n\n".join(parts))


def _table(rows: list[Claim], live: dict, everywhere: bool) -> str:
    lines = [
        "| they say | we measured |",
        "|---|---|",
        *(f"| {_published_cell(claim, everywhere)} | {_measured_cell(claim, live)} |" for claim in rows),
    ]
    settings = [_settings(claim) for claim in rows if claim.paper]
    folded = (
        "<details><summary><strong>How far our settings are from the papers'</strong></summary>\n\n{}\n\n</details>"
    )
    return "\n".join(lines) + ("\n\n" + folded.format("\n\n".join(settings)) if settings else "")


def _counts(rows: list[Claim], chapters: list[int]) -> str:
    """How many rows have which verdict, chapter by chapter."""
    lines = [
        "| verdict | " + " | ".join(f"chapter {number}" for number in chapters) + " | all |",
        "|---|" + "---|" * (len(chapters) + 1),
    ]
    for verdict in VERDICTS:
        each = [sum(claim.chapter == number and claim.verdict == verdict for claim in rows) for number in chapters]
        if any(each):
            lines.append(f"| {verdict} | " + " | ".join(str(n) if n else "" for n in each) + f" | {sum(each)} |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    """Text that stays in its cell of a table."""
    return text.replace("|", "&#124;").replace("\n", " ")


def _link(key: str) -> str:
    source = load_sources()[key]
    return f"[{source['label']}]({source['link']})"


def _published_cell(claim: Claim, everywhere: bool) -> str:
    parts = [f"**{_cell(claim.claim)}**", _link(claim.source) + f", section {claim.section}" * everywhere]
    for figure in claim.published:
        by = f"{_link(figure.source)}: " if figure.source else ""
        words = f"{_cell(figure.figure)} ({figure.certainty})" if figure.figure else f"a figure that {figure.certainty}"
        parts.append(f"published: {by}{words}")
    return "<br>".join(parts)


def _measured_cell(claim: Claim, live: dict) -> str:
    given = {name: value for name, value in live.items() if name in claim.live_names}
    verdict = f"**{_cell(claim.verdict_text)}**" + f": {_cell(claim.note)}" * bool(claim.note)
    return "<br>".join([verdict, *(f"· {_cell(sentence)}" for sentence in claim.measured_sentences(**given))])


def _settings(claim: Claim) -> str:
    lines = [f"*{_cell(claim.claim)}*", ""]
    for part in SETTING_FIELDS:
        apart = " · differs" * (part in claim.differs)
        lines.append(f"- {part}{apart}: {claim.paper[part]} → {claim.ours[part]}")
    return "\n".join(lines)
