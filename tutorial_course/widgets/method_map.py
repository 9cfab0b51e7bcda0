"""The overview of the course: every method by its objective and by the variables of its gradient.

:func:`method_map` shows the methods of each chapter, :func:`method_cost_map` their costs and verdicts. Both show the
rows of the table of methods that have a ``cell``.
"""

import re
from collections.abc import Callable
from html import escape

from tutorial_course.methods import COST_SYMBOLS, METHODS, Method
from tutorial_course.results.claims import (
    CONFIRMED_HERE,
    CONFIRMED_IN_PAPER_SETTING,
    CONTROL_AS_GOOD,
    INCONCLUSIVE,
    NO_INTERVAL,
    NOT_CONFIRMED_HERE,
    NOT_CONFIRMED_IN_PAPER_SETTING,
    OPEN,
    load_claims,
)
from tutorial_course.widgets.section_links import CHAPTER_TITLES, section_url

WITH_RESPECT_TO = ("the input <i>x</i>", "an activation <i>A</i>", "the last layer <i>W</i>", "all parameters <i>θ</i>")
OBJECTIVES = (
    "the logit of the predicted class <i>P</i>",
    "the loss for another class <i>Q</i>",
    "the losses for all classes",
    "the loss for a confounding target (all classes correct) or a uniform target",
    "the reconstruction error of the image",
)
CHAPTER_COLORS = {1: "#555555", 2: "#0072B2", 3: "#B34E00", 4: "#00775A"}

# A mark in addition to the color, for readers who cannot distinguish the colors, and for print.
VERDICT_MARKS = {
    CONFIRMED_IN_PAPER_SETTING: ("●", "#0072B2"),
    CONFIRMED_HERE: ("◕", "#009E73"),
    CONTROL_AS_GOOD: ("◑", "#B38600"),
    NOT_CONFIRMED_HERE: ("○", "#C2410C"),
    NOT_CONFIRMED_IN_PAPER_SETTING: ("✕", "#C2410C"),
    INCONCLUSIVE: ("?", "#777777"),
    NO_INTERVAL: ("–", "#777777"),
    OPEN: ("…", "#777777"),
    None: ("", "#888888"),
}
NO_CLAIM = "no claim of its own in the claims table"

ON_MAP = [method for method in METHODS.values() if method.cell]

_STYLE = """<style>
.course-map{margin:1.2em 0;padding:0 3px;font-size:.86em;line-height:1.3} .course-map
.grid{display:grid;grid-template-columns:1.25fr repeat(4,1fr);gap:5px} .course-map .head,.course-map .of,.course-map
.corner{padding:.45em .5em;opacity:.85} .course-map .head{font-weight:600;align-self:end} .course-map
.corner{font-size:.85em;align-self:end} .course-map .cell{border-radius:7px;border:1px solid
rgba(128,128,128,.28);padding:.45em .5em;min-height:3.1em} .course-map
.cell.empty{border-style:dashed;border-color:rgba(128,128,128,.22)} .course-map .cell.lit,.course-map .axis{box-shadow:0
0 0 2px var(--c,currentColor)} .course-map .axis{border-radius:7px} .course-map .line{display:flex;gap:.45em}
.course-map .line+.line{margin-top:.35em} .course-map
.number{flex:none;width:1.5em;height:1.5em;border-radius:50%;margin-top:.08em;text-align:center;line-height:1.5;
 font-size:.8em;font-weight:700;color:#fff}
.course-map .later{opacity:.7} .course-map .wrt{display:none} .course-map
figcaption{margin-top:.8em;font-size:.95em;color:inherit;text-align:left} .cost-map{font-size:.82em} .cost-map
.grid{grid-template-columns:min-content min-content repeat(3,minmax(0,1fr))} .cost-map
.cell:not(.empty){display:flex;flex-direction:column;gap:4px;border:0;padding:0} .cost-map
.method{border-radius:7px;border:1px solid rgba(128,128,128,.3);padding:.35em;flex:1} .cost-map
.top{display:flex;gap:.25em;align-items:baseline} .cost-map
.verdict{flex:none;width:1em;text-align:center} .cost-map
a{flex:1;min-width:0;color:inherit;text-decoration:underline;text-underline-offset:2px} .cost-map
.cost{flex:none;border:1.5px solid currentColor;border-radius:.35em;padding:0 .35em;font-weight:700;font-size:.9em;
 font-variant-numeric:tabular-nums}
.cost-map code{display:block;font-size:.8em;background:none;border:0;padding:.15em 0
0;color:inherit;opacity:.85;white-space:normal;overflow-wrap:anywhere}
.cost-map .legend{display:flex;flex-wrap:wrap;gap:.2em
1.1em;margin-top:.35em} @media (max-width:700px){.course-map .grid{grid-template-columns:1fr} .course-map
.head,.course-map .corner,.course-map .cell.empty{display:none} .course-map
.of{font-weight:600;margin-top:.6em;padding-bottom:0}.course-map .wrt{display:block;font-size:.85em;opacity:.75}
.course-map .cell{min-height:0}}
</style>"""


def _figure(cell: Callable[[list[Method]], tuple[str, str]], caption: str, kind: str = "", axis: str = "") -> str:
    """The overview as HTML that can be read aloud; on a phone it is a list.

    ``cell`` returns the attributes and the content of a cell from its methods; ``kind`` and ``axis`` are further
    classes of the figure and of the labels of the axes.
    """

    def cell_html(row: int, column: int) -> str:
        methods = [method for method in ON_MAP if method.cell == (row, column)]
        if not methods:
            return '<div class="cell empty" aria-hidden="true"></div>'
        attributes, content = cell(methods)
        where = f'<span class="wrt">with respect to {WITH_RESPECT_TO[column]}</span>'
        return f"<div {attributes}>{where}{content}</div>"

    columns = range(len(WITH_RESPECT_TO))
    heads = "".join(f'<div class="head{axis}">{name}</div>' for name in WITH_RESPECT_TO)
    rows = "".join(
        f'<div class="of{axis}">{objective}</div>' + "".join(cell_html(row, column) for column in columns)
        for row, objective in enumerate(OBJECTIVES)
    )
    corner = '<div class="corner">objective ↓<br>variables →</div>'
    return (
        f'{_STYLE}<figure class="course-map{kind}"><div class="grid">{corner}{heads}{rows}</div>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


class MethodMap:
    """The overview with the number of the chapter before the names of its methods.

    Args:
        chapter: number of the chapter to highlight; None highlights none.

    Raises:
        ValueError: unknown chapter.
    """

    def __init__(self, chapter: int | None = None):
        if chapter is not None and chapter not in CHAPTER_TITLES:
            raise ValueError(
                f"there is no chapter {chapter!r}; chapters run from 1 to {max(CHAPTER_TITLES)}, "
                "and None highlights no chapter"
            )
        self.chapter = chapter

    def _chapter_state(self, chapter: int) -> str:
        """Whether a chapter is highlighted ("lit"), comes "earlier" or "later"; empty without a highlighted chapter."""
        if self.chapter is None:
            return ""
        return "lit" if chapter == self.chapter else "earlier" if chapter < self.chapter else "later"

    def _cell(self, methods: list[Method]) -> tuple[str, str]:
        """The attributes and the content of a cell: one line for each chapter."""
        names: dict[int, list[str]] = {}
        for method in methods:
            name = method.name.partition(",")[0]  # "adversarial attacks" for one step and for many steps
            if name not in names.setdefault(method.chapter, []):
                names[method.chapter].append(name)
        states = {chapter: self._chapter_state(chapter) for chapter in names}
        lit, first = "lit" in states.values(), next(iter(names))
        color = CHAPTER_COLORS[self.chapter if lit else first]
        opacity = "26" if lit else "00" if states[first] == "later" else "14"
        lines = [
            f'<span class="line{" later" if states[chapter] == "later" else ""}">'
            f'<span class="number" style="background:{CHAPTER_COLORS[chapter]}">{chapter}</span>'
            f"<span>{escape(', '.join(words))}</span></span>"
            for chapter, words in names.items()
        ]
        style = f"--c:{color};background:{color}{opacity}"
        return f'class="cell{" lit" if lit else ""}" style="{style}"', "".join(lines)

    def _repr_html_(self) -> str:
        legend = " · ".join(f"{number} {CHAPTER_TITLES[number]}" for number in CHAPTER_COLORS)
        caption = (
            "Rows: which objective is differentiated? Columns: with respect to which variables? Each entry names the "
            "quantity that is computed from the gradient, or the method that uses it. Each number is a chapter: "
            f"{legend}."
        )
        # The first chapter explains the axes themselves.
        return _figure(self._cell, caption, axis=" axis" if self.chapter == 1 else "")

    def __repr__(self) -> str:
        return "The overview of the course: " + "; ".join(f"{m.name} (chapter {m.chapter})" for m in ON_MAP)


def method_map(chapter: int | None = None) -> MethodMap:
    """Return the overview of the course, with the methods of one chapter highlighted.

    Args:
        chapter: number of the chapter whose cells are highlighted and after which methods are pale; None highlights
            none.

    Returns:
        The overview, shown as HTML.

    Raises:
        ValueError: unknown chapter.

    Example:
        >>> method_map(2).chapter
        2
    """
    return MethodMap(chapter)


def method_verdict(method: Method) -> str | None:
    """Return the verdict on the claim that the paper of a method makes.

    Args:
        method: a row of the table of methods.

    Returns:
        The verdict; None if the claims table has no claim of the method.
    """
    return next((claim.verdict for claim in load_claims() if claim.id == method.claim), None)


class MethodCostMap:
    """The overview with links, functions, verdicts and costs."""

    def _method(self, method: Method) -> str:
        """One method as HTML."""
        verdict = method_verdict(method)
        mark, color = VERDICT_MARKS[verdict]
        label = escape(verdict or NO_CLAIM)
        function = re.sub("([._]|(?<=[a-z])[A-Z])", r"<wbr>\1", method.function)  # where a narrow cell may break it
        passes = "one backward pass" if method.backward_passes == "1" else f"{method.backward_passes} backward passes"
        return (
            f'<div class="method" style="background:{color}{"2b" if verdict else "0d"};'
            f'border-left:4px solid {CHAPTER_COLORS[method.chapter]}">'
            f'<div class="top"><span class="verdict" role="img" aria-label="{label}" title="{label}">{mark}</span>'
            f'<a href="{section_url(method.section)}" title="section {method.section}">{escape(method.name)}</a>'
            f'<span class="cost" role="img" aria-label="{passes}" title="{passes}">{method.backward_passes}</span>'
            "</div>"
            f"<code>{function}</code></div>"
        )

    def _cell(self, methods: list[Method]) -> tuple[str, str]:
        """The attributes and the content of a cell."""
        return 'class="cell"', "".join(map(self._method, methods))

    def _repr_html_(self) -> str:
        verdicts = {method_verdict(method) for method in ON_MAP}
        marks = "".join(
            f'<span><span style="background:{color}2b;padding:0 .3em;border-radius:.3em">'
            f"{mark or '&nbsp;&nbsp;'}</span> {words or NO_CLAIM}</span>"
            for words, (mark, color) in VERDICT_MARKS.items()
            if words in verdicts
        )
        used = {letter for method in ON_MAP for letter in method.backward_passes}
        letters = ", ".join(f"<i>{letter}</i> {words}" for letter, words in COST_SYMBOLS.items() if letter in used)
        bars = "".join(
            f'<span><span style="border-left:4px solid {color};padding-left:.35em">{chapter}</span> '
            f"{CHAPTER_TITLES[chapter]}</span>"
            for chapter, color in CHAPTER_COLORS.items()
        )
        caption = (
            "Each name is a link to the section of the method; below it is the function. The number in the "
            f"box is the cost in backward passes per image ({letters}). The background color and the mark show the "
            f'verdict on the claim of its paper:<span class="legend">{marks}</span><span class="legend">{bars}</span>'
        )
        return _figure(self._cell, caption, kind=" cost-map")

    def __repr__(self) -> str:
        return "The overview with costs: " + "; ".join(
            f"{m.name} (section {m.section}, {m.function}, backward passes: {m.backward_passes}, "
            f"{method_verdict(m) or 'no claim'})"
            for m in ON_MAP
        )


def method_cost_map() -> MethodCostMap:
    """Return the overview of all methods with links, functions, verdicts and costs.

    Returns:
        The overview, shown as HTML; costs are backward passes per image.
    """
    return MethodCostMap()
