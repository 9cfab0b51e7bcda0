"""The ledger on a page: claims, what was published, what was measured, a verdict, and how far the settings are apart."""

from tutorial_lib.instruments.say import Sentence
from tutorial_lib.results.ledger import PARTS, Claim, claims, sources


def ledger(chapter: int | None = None, **live) -> Sentence:
    """The ledger of a chapter, or of the whole course: what papers claim, what was measured, and a verdict in words.

    A table of two columns, narrow enough for a phone, and below it, folded, the settings of the papers beside ours. Measured
    figures are looked up in the stored results; a claim without any is shown as open.

    Args:
        chapter: its number; all chapters when not given.
        live: what the chapter computed just now, by the names that the ledger asks for.

    Raises:
        ValueError: a chapter without claims; or ``live`` lacks a name that its ledger asks for, or has one that it does not know.

    Example:
        >>> print(ledger(1, step=2.0, share=0.999, gap=1e-6).splitlines()[0])
        | they say | we measured |
    """
    rows = claims(chapter)
    wanted = set().union(*(claim.live for claim in rows))
    if set(live) - wanted or (chapter is not None and wanted - set(live)):
        missing, unknown = sorted(wanted - set(live)), sorted(set(live) - wanted)
        raise ValueError(f"the ledger of chapter {chapter} needs values for {sorted(wanted)}; missing: {missing}; unknown: {unknown}")
    lines, settings = ["| they say | we measured |", "|---|---|"], []
    for claim in rows:
        lines.append(f"| {_said(claim, chapter is None)} | {_found(claim, live)} |")
        if claim.paper:
            settings.append(_settings(claim))
    folded = "<details><summary><strong>How far our settings are from the papers'</strong></summary>\n\n{}\n\n</details>"
    return Sentence("\n".join(lines) + ("\n\n" + folded.format("\n\n".join(settings)) if settings else ""))


def _cell(text: str) -> str:
    """Text that stays in its cell of a table."""
    return text.replace("|", "&#124;").replace("\n", " ")


def _link(key: str) -> str:
    source = sources()[key]
    return f"[{source['label']}]({source['link']})"


def _said(claim: Claim, everywhere: bool) -> str:
    parts = [f"**{_cell(claim.claim)}**", _link(claim.source) + f", section {claim.section}" * everywhere]
    for figure in claim.published:
        by = f"{_link(figure.source)}: " if figure.source else ""
        words = f"{_cell(figure.figure)} ({figure.certainty})" if figure.figure else f"a figure that {figure.certainty}"
        parts.append(f"published: {by}{words}")
    return "<br>".join(parts)


def _found(claim: Claim, live: dict) -> str:
    given = {name: value for name, value in live.items() if name in claim.live}
    verdict = f"**{_cell(claim.words)}**" + f": {_cell(claim.note)}" * bool(claim.note)
    return "<br>".join([verdict, *(f"· {_cell(sentence)}" for sentence in claim.measured(**given))])


def _settings(claim: Claim) -> str:
    lines = [f"*{_cell(claim.claim)}*", ""]
    for part in PARTS:
        apart = " · differs" * (part in claim.differs)
        lines.append(f"- {part}{apart}: {claim.paper[part]} → {claim.ours[part]}")
    return "\n".join(lines)
