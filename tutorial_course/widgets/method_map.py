"""The overview of the course: every method by its objective and by the variables of its gradient."""

from html import escape

WITH_RESPECT_TO = ("the input <i>x</i>", "an activation <i>A</i>", "the last layer <i>W</i>", "all parameters <i>θ</i>")
EXPECTATIONS = (
    "the logit of the predicted class <i>P</i>",
    "the loss against another class <i>Q</i>",
    "the loss against every class",
    "a confounding or uniform label",
    "the image itself, reconstructed",
)
# (row of EXPECTATIONS, column of WITH_RESPECT_TO) → the methods of that cell, each with the number of its chapter
METHOD_GRID: dict[tuple[int, int], list[tuple[str, int]]] = {
    (0, 0): [("saliency, SmoothGrad, integrated gradients, guided backpropagation", 2)],
    (0, 1): [("Grad-CAM, counterfactual CAM", 2)],
    (1, 0): [("adversarial attacks", 3)],
    (1, 1): [("contrast CAM", 2)],
    (1, 2): [("one introspective feature", 2)],
    (1, 3): [("counterfactual manifold", 1)],
    (2, 0): [("implicit saliency", 4)],
    (2, 1): [("variance over Q (VOICE)", 2)],
    (2, 2): [("introspection, Fisher information", 2)],
    (2, 3): [("Gram matrix of gradients", 3)],
    (3, 2): [("GradNorm, GradTrust", 3)],
    (3, 3): [("purview: a norm per layer", 3)],
    (4, 3): [("GradCon: a direction", 3), ("image quality", 4)],
}
CHAPTER_TITLES = {1: "gradients", 2: "information", 3: "uncertainty", 4: "expectancy-mismatch", 5: "conclusion"}
CHAPTER_COLORS = {1: "#555555", 2: "#0072B2", 3: "#B34E00", 4: "#00775A"}

_STYLE = """<style>
.course-map{margin:1.2em 0;padding:0 3px;font-size:.86em;line-height:1.3}
.course-map .grid{display:grid;grid-template-columns:1.25fr repeat(4,1fr);gap:5px}
.course-map .head,.course-map .of{padding:.45em .5em;opacity:.85}
.course-map .head{font-weight:600;align-self:end}
.course-map .corner{font-size:.85em;opacity:.7;align-self:end;padding:.45em .5em}
.course-map .cell{border-radius:7px;border:1px solid rgba(128,128,128,.28);padding:.45em .5em;min-height:3.1em}
.course-map .cell.empty{border-style:dashed;border-color:rgba(128,128,128,.22)}
.course-map .method{display:flex;gap:.45em}
.course-map .method+.method{margin-top:.35em}
.course-map .number{flex:none;width:1.5em;height:1.5em;border-radius:50%;margin-top:.08em;text-align:center;line-height:1.5;
 font-size:.8em;font-weight:700;color:#fff}
.course-map .cell.lit,.course-map .axis{box-shadow:0 0 0 2px var(--c,currentColor)}
.course-map .axis{border-radius:7px}
.course-map .later{opacity:.7}
.course-map .wrt{display:none}
.course-map figcaption{margin-top:.8em;font-size:.95em;color:inherit;text-align:left}
@media (max-width:700px){.course-map .grid{grid-template-columns:1fr}.course-map .head,.course-map .corner,.course-map .cell.empty{display:none}
.course-map .of{font-weight:600;margin-top:.6em;padding-bottom:0}.course-map .wrt{display:block;font-size:.85em;opacity:.75}.course-map .cell{min-height:0}}
</style>"""


class MethodMap:
    """The overview as HTML text that can be read aloud; on a phone it is a list.

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

    def _cell(self, row: int, column: int) -> str:
        """One cell of the grid as HTML."""
        methods = METHOD_GRID.get((row, column), [])
        if not methods:
            return '<div class="cell empty" aria-hidden="true"></div>'
        lit = any(self._chapter_state(chapter) == "lit" for _, chapter in methods)
        known = self._chapter_state(methods[0][1]) != "later"
        color = CHAPTER_COLORS[self.chapter if lit and self.chapter in CHAPTER_COLORS else methods[0][1]]
        look = f"--c:{color};background:{color}{'26' if lit else '14' if known else '00'}"
        lines = [
            f'<span class="method{" later" if self._chapter_state(chapter) == "later" else ""}">'
            f'<span class="number" style="background:{CHAPTER_COLORS[chapter]}">{chapter}</span>'
            f"<span>{escape(name)}</span></span>"
            for name, chapter in methods
        ]
        where = f'<span class="wrt">with respect to {WITH_RESPECT_TO[column]}</span>'
        return f'<div class="cell{" lit" if lit else ""}" style="{look}">{where}{"".join(lines)}</div>'

    def _repr_html_(self) -> str:
        axis = " axis" if self.chapter == 1 else ""  # the first chapter explains the axes themselves
        heads = "".join(f'<div class="head{axis}">{name}</div>' for name in WITH_RESPECT_TO)
        rows = "".join(
            f'<div class="of{axis}">{expectation}</div>'
            + "".join(self._cell(row, column) for column in range(len(WITH_RESPECT_TO)))
            for row, expectation in enumerate(EXPECTATIONS)
        )
        legend = " · ".join(f"{number} {title}" for number, title in CHAPTER_TITLES.items() if number in CHAPTER_COLORS)
        corner = '<div class="corner">gradient of ↓<br>with respect to →</div>'
        caption = f"<figcaption>Each number is a chapter: {legend}. Chapter 5 returns to the whole map.</figcaption>"
        return f'{_STYLE}<figure class="course-map"><div class="grid">{corner}{heads}{rows}</div>{caption}</figure>'

    def __repr__(self) -> str:
        lines = [f"{name} (chapter {chapter})" for methods in METHOD_GRID.values() for name, chapter in methods]
        return "The overview of the course: " + "; ".join(lines)


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
