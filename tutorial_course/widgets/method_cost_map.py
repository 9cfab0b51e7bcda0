"""The overview of all methods at the end of the course, with links, functions, verdicts and costs."""

from __future__ import annotations

import re
from html import escape

from tutorial_course.methods import COST_SYMBOLS, METHODS, Method
from tutorial_course.results.claims import (
    CONFIRMED_HERE,
    CONFIRMED_IN_PAPER_SETTING,
    CONTROL_AS_GOOD,
    NOT_CONFIRMED_HERE,
    NOT_CONFIRMED_IN_PAPER_SETTING,
    NOT_TESTED_FAIRLY,
    OPEN,
    load_claims,
)
from tutorial_course.widgets.method_map import CHAPTER_COLORS, CHAPTER_TITLES, EXPECTATIONS, WITH_RESPECT_TO
from tutorial_course.widgets.section_links import section_url

# A mark in addition to the color, for readers who cannot distinguish the colors, and for print.
VERDICT_MARKS = {
    CONFIRMED_IN_PAPER_SETTING: ("●", "#0072B2"),
    CONFIRMED_HERE: ("◕", "#009E73"),
    CONTROL_AS_GOOD: ("◑", "#B38600"),
    NOT_CONFIRMED_HERE: ("○", "#C2410C"),
    NOT_CONFIRMED_IN_PAPER_SETTING: ("✕", "#C2410C"),
    NOT_TESTED_FAIRLY: ("?", "#777777"),
    OPEN: ("…", "#777777"),
    None: ("", "#888888"),
}

_STYLE = """<style>
.priced-map{margin:1.2em 0;padding:0 3px;font-size:.86em;line-height:1.3}
.priced-map .grid{display:grid;grid-template-columns:.85fr repeat(4,1fr);gap:5px}
.priced-map .head,.priced-map .of,.priced-map .corner{padding:.45em .4em;opacity:.85}
.priced-map .head{font-weight:600;align-self:end}
.priced-map .corner{font-size:.85em;align-self:end}
.priced-map .cell{display:flex;flex-direction:column;gap:4px;min-height:2.6em}
.priced-map .cell.empty{border:1px dashed rgba(128,128,128,.22);border-radius:7px}
.priced-map .method{border-radius:7px;border:1px solid rgba(128,128,128,.3);padding:.35em .45em;flex:1}
.priced-map .top{display:flex;gap:.35em;align-items:baseline}
.priced-map .sign{flex:none;width:1em;text-align:center}
.priced-map a{flex:1;min-width:0;color:inherit;text-decoration:underline;text-underline-offset:2px}
.priced-map .price{flex:none;border:1.5px solid currentColor;border-radius:.35em;padding:0 .35em;font-weight:700;font-size:.9em;
 font-variant-numeric:tabular-nums}
.priced-map code{display:block;font-size:.8em;background:none;border:0;padding:.15em 0 0;color:inherit;opacity:.85;
 white-space:normal}
.priced-map .wrt{display:none}
.priced-map figcaption{margin-top:.8em;font-size:.95em;color:inherit;text-align:left}
.priced-map .legend{display:flex;flex-wrap:wrap;gap:.2em 1.1em;margin-top:.35em}
@media (max-width:700px){.priced-map .grid{grid-template-columns:1fr}
.priced-map .head,.priced-map .corner,.priced-map .cell.empty{display:none}
.priced-map .of{font-weight:600;margin-top:.6em;padding-bottom:0}.priced-map .wrt{display:block;font-size:.85em;opacity:.75}}
</style>"""


def method_verdict(method: Method) -> str | None:
    """Return the verdict on the claim that the paper of a method makes.

    Args:
        method: a row of the table of methods.

    Returns:
        The verdict; None if the claims table has no claim of the method.
    """
    return next((claim.verdict for claim in load_claims() if claim.id == method.claim), None)


class MethodCostMap:
    """The overview as HTML text that can be read aloud; on a phone it is a list."""

    def _method(self, method: Method) -> str:
        """One method as HTML."""
        verdict = method_verdict(method)
        mark, color = VERDICT_MARKS[verdict]
        label = escape(verdict or "no claim of its own in the ledger")
        function = re.sub("([._])", r"<wbr>\1", method.function)  # where a narrow cell may break it
        passes = "one backward pass" if method.backward_passes == "1" else f"{method.backward_passes} backward passes"
        return (
            f'<div class="method" style="background:{color}{"2b" if verdict else "0d"};'
            f'border-left:4px solid {CHAPTER_COLORS[method.chapter]}">'
            f'<div class="top"><span class="sign" role="img" aria-label="{label}" title="{label}">{mark}</span>'
            f'<a href="{section_url(method.section)}" title="section {method.section}">{escape(method.name)}</a>'
            f'<span class="price" role="img" aria-label="{passes}" title="{passes}">{method.backward_passes}</span>'
            "</div>"
            f"<code>{function}</code></div>"
        )

    def _cell(self, row: int, column: int) -> str:
        """One cell of the grid as HTML."""
        methods = [method for method in METHODS.values() if method.cell == (row, column)]
        if not methods:
            return '<div class="cell empty" aria-hidden="true"></div>'
        where = f'<span class="wrt">with respect to {WITH_RESPECT_TO[column]}</span>'
        return f'<div class="cell">{where}{"".join(map(self._method, methods))}</div>'

    def _repr_html_(self) -> str:
        heads = "".join(f'<div class="head">{name}</div>' for name in WITH_RESPECT_TO)
        rows = "".join(
            f'<div class="of">{expectation}</div>'
            + "".join(self._cell(row, column) for column in range(len(WITH_RESPECT_TO)))
            for row, expectation in enumerate(EXPECTATIONS)
        )
        verdicts = {method_verdict(method) for method in METHODS.values() if method.cell}
        marks = "".join(
            f'<span><span style="background:{color}2b;padding:0 .3em;border-radius:.3em">'
            f"{mark or '&nbsp;&nbsp;'}</span> {words or 'no claim of its own in the ledger'}</span>"
            for words, (mark, color) in VERDICT_MARKS.items()
            if words in verdicts
        )
        used = {
            letter
            for method in METHODS.values()
            if method.cell
            for letter in method.backward_passes
            if letter in COST_SYMBOLS
        }
        letters = ", ".join(f"<i>{letter}</i> {words}" for letter, words in COST_SYMBOLS.items() if letter in used)
        bars = "".join(
            f'<span><span style="border-left:4px solid {CHAPTER_COLORS[chapter]};padding-left:.35em">{chapter}</span> '
            f"{CHAPTER_TITLES[chapter]}</span>"
            for chapter in CHAPTER_COLORS
        )
        corner = '<div class="corner">gradient of ↓<br>with respect to →</div>'
        caption = (
            "<figcaption>Each name is a link to the section of the method; below it is the function. The number in the "
            f"box is the cost: backward passes per image ({letters}). The background color is the verdict on the "
            f'claim of its paper:<span class="legend">{marks}</span>'
            f'<span class="legend">{bars}</span></figcaption>'
        )
        return f'{_STYLE}<figure class="priced-map"><div class="grid">{corner}{heads}{rows}</div>{caption}</figure>'

    def __repr__(self) -> str:
        return "The overview with costs: " + "; ".join(
            f"{m.name} (section {m.section}, {m.function}, backward passes: {m.backward_passes}, "
            f"{method_verdict(m) or 'no claim'})"
            for m in METHODS.values()
            if m.cell
        )


def method_cost_map() -> MethodCostMap:
    """Return the overview of all methods with links, functions, verdicts and costs.

    Returns:
        The overview, shown as HTML; costs are backward passes per image.
    """
    return MethodCostMap()
