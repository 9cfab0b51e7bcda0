"""Read the outline of a chapter from its notebook: sections with their cells, predictions, exercises and polls.

The teaching guide, the page of printable polls and the slides are made from this outline, so that they always agree
with the chapters.
"""

import ast
import json
import re
from dataclasses import dataclass, field
from html import unescape
from importlib import import_module
from itertools import takewhile
from pathlib import Path

from mdit_py_plugins.anchors.index import slugify

from docs_ext.explicit_labels import without_anchors

HEADING = re.compile(r"^(#{1,4}) (.+?)\s*$", re.M)
NUMBERED = re.compile(r"(\d+\.(?:\d+|[A-Z])) (.+)")
FENCED = re.compile(r"^(```+|~~~+).*?^\1\s*$", re.S | re.M)
SUMMARY_TITLES = ("What we saw", "Summary")  # titles of the last section of the core of a chapter
ADDED_MINUTES = re.compile(r"\badds to [^:]*:.*?(\d+) min\b", re.I | re.S)


@dataclass
class Section:
    """The part of a chapter below one heading.

    Attributes:
        page: file name of the notebook.
        rank: level of the heading, from 1.
        title: text of the heading.
        cells: (cell, its text below this heading), in order; a Markdown cell may belong to two sections.
    """

    page: str
    rank: int
    title: str
    cells: list = field(default_factory=list)

    @property
    def number(self):
        """Number of the section, such as "1.2" (core) or "1.B" (advanced); empty if it has none."""
        match = NUMBERED.fullmatch(self.title)
        return match[1] if match else ""

    @property
    def link(self):
        """Markdown link to the section."""
        if not self.number:
            return f"[{self.title}]({self.page}#{slugify(self.title)})"
        # Imported here, because a book without the packages of the course uses this module as well.
        from tutorial_course.widgets.section_links import section_label

        return f"[{self.title}]({self.page}#{section_label(self.number)})"

    @property
    def words(self):
        """Markdown text of the section."""
        return "\n\n".join(text for cell, text in self.cells if cell["cell_type"] == "markdown").strip()

    def calls(self, name):
        """Return (positional, keyword) arguments of every call of a function: constants as values, the rest as code."""
        calls = []
        for cell, text in self.cells:
            if cell["cell_type"] != "code" or f"{name}(" not in text:
                continue
            # A line with an IPython magic is not Python.
            tree = ast.parse("\n".join("pass" if line.lstrip().startswith("%") else line for line in text.splitlines()))
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                    calls.append(
                        ([to_plain_text(a) for a in node.args], {k.arg: to_plain_text(k.value) for k in node.keywords})
                    )
        return calls

    @property
    def minutes(self):
        """Minutes that an advanced section states, or None."""
        match = ADDED_MINUTES.search(self.words)
        return int(match[1]) if match else None


def to_plain_text(node):
    """Return the value of a constant, and the source code of any other expression."""
    return node.value if isinstance(node, ast.Constant) else ast.unparse(node)


def sections(notebook, page):
    """Return the sections of a notebook in order, from the title on; headings inside code blocks are ignored."""
    outline = []
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] != "markdown":
            if outline:
                outline[-1].cells.append((cell, text))
            continue
        text = without_anchors(text)
        # Code blocks are blanked, not removed, so that positions in both texts agree.
        without_code = FENCED.sub(lambda code: " " * len(code[0]), text)
        cuts = [m for m in HEADING.finditer(without_code) if len(m[1]) <= 3]
        before = text[: cuts[0].start()] if cuts else text
        if before.strip() and outline:
            outline[-1].cells.append((cell, before.strip()))
        ends = [*(m.start() for m in cuts[1:]), len(text)] if cuts else []
        for cut, after in zip(cuts, ends, strict=True):
            outline.append(Section(page, len(cut[1]), cut[2], [(cell, text[cut.end() : after].strip())]))
    return outline


def chapters(root):
    """Return {name: sections} of every numbered chapter."""
    paths = sorted((Path(root) / "chapters").glob("[0-9]*.ipynb"))
    return {path.stem: sections(json.loads(path.read_text(encoding="utf-8")), path.name) for path in paths}


def numbered_sections(lesson):
    """Return the numbered sections by number, each with the unnumbered subsections that follow it."""
    numbered = {}
    for section in lesson:
        if section.number:
            current = numbered[section.number] = Section(section.page, section.rank, section.title, list(section.cells))
        elif section.rank <= 2:
            current = None
        elif numbered and current:
            current.cells += section.cells
    return numbered


def predictions(lesson):
    """Return (place, question) of every prediction in the core; the question includes the answers to choose from."""
    return [
        (arguments[0], arguments[1] + printed_choices(named))
        for section in takewhile(lambda section: section.title != "Go deeper", lesson)
        for arguments, named in section.calls("ask_prediction")
    ]


def printed_choices(named):
    """Return the answers of a prediction in parentheses; empty if there are none, or if code computes them."""
    choices = named.get("choices", "")
    return f" ({'; '.join(ast.literal_eval(choices))})" if choices.startswith("[") else ""


def measured_in_table(html):
    """Return {place of the prediction: measured result} of the table at the end of a chapter."""
    rows = re.findall(r'<tr data-place="([^"]+)">.*?<td class="measured">(.*?)</td>', html, re.S)
    return {unescape(place): unescape(re.sub("<[^>]+>", "", result)) for place, result in rows if result != "–"}


def measured_results(lesson):
    """Return {place of the prediction: measured result} of an executed chapter."""
    results = {}
    for section in lesson:
        for cell, text in section.cells:
            if cell["cell_type"] == "code" and "compare_predictions(" in text:
                for output in cell.get("outputs", []):
                    results |= measured_in_table("".join(output.get("data", {}).get("text/html", "")))
    return results


def claim_questions(lesson):
    """Return the claims of a chapter's polls as questions, whose feedback is the verdict of the claims table."""
    questions = []
    for section in lesson:
        for cell, text in section.cells:
            for arguments, _ in Section("", 0, "", [(cell, text)]).calls("claim_poll"):
                named = {
                    ast.unparse(n.targets[0]): ast.unparse(n.value)
                    for n in ast.parse(text).body
                    if isinstance(n, ast.Assign)
                }
                question = import_module("tutorial_course.widgets.claim_poll").claim_question
                questions += [question(id) for id in ast.literal_eval(named.get(arguments[0], arguments[0]))]
    return questions


def exercises_of(lesson):
    """Return the exercises of a chapter, a list of (section, exercise), and its quiz, a tuple of questions."""
    code = "\n".join(text for section in lesson for cell, text in section.cells if cell["cell_type"] == "code")
    imported = re.search(r"from tutorial_course\.exercises import (\w+) as exercises", code)
    if imported is None:
        return [], ()
    package = import_module(f"tutorial_course.exercises.{imported[1]}")
    pattern = re.compile(r"exercises\.([a-z]\w*)")
    checks = [
        (section, pattern.fullmatch(call[1]))
        for section in numbered_sections(lesson).values()
        for call, _ in section.calls("check")
    ]
    return [(section, getattr(package, match[1])) for section, match in checks if match], package.QUIZ
