"""Lessons: a chapter as who teaches it sees it, read from its notebook: sections with their cells, predictions asked, exercises set.

The teaching guide, the page of polls and the slides are made from what this finds, so that none of them says anything that a
chapter does not.
"""

import ast
import json
import re
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from mdit_py_plugins.anchors.index import slugify

HEADING = re.compile(r"^(#{1,4}) (.+?)\s*$", re.M)
NUMBERED = re.compile(r"(\d+\.(?:\d+|[A-Z])) (.+)")
FENCED = re.compile(r"^(```+|~~~+).*?^\1\s*$", re.S | re.M)
MAX_WORDS = re.compile(r"\badds to [^:]*:.*?(\d+) min\b", re.I | re.S)


@dataclass
class Section:
    """A part of a chapter below one heading, core or deeper: ``number`` is its place, "1.2" or "1.B", empty where it has none.

    cells: (cell, its text below this heading), in order; a Markdown cell may be shared by two sections.
    """

    page: str
    rank: int
    title: str
    cells: list = field(default_factory=list)

    @property
    def number(self):
        found = NUMBERED.fullmatch(self.title)
        return found[1] if found else ""

    @property
    def link(self):
        return f"[{self.title}]({self.page}#{slugify(self.title)})"

    @property
    def words(self):
        return "\n\n".join(text for cell, text in self.cells if cell["cell_type"] == "markdown").strip()

    def calls(self, name):
        """Arguments of every call of a function in this section: constants as they are, anything else as its code."""
        found = []
        for cell, text in self.cells:
            if cell["cell_type"] != "code" or f"{name}(" not in text:
                continue
            # A line for IPython is no Python.
            tree = ast.parse("\n".join("pass" if line.lstrip().startswith("%") else line for line in text.splitlines()))
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                    found.append(
                        ([to_plain_text(a) for a in node.args], {k.arg: to_plain_text(k.value) for k in node.keywords})
                    )
        return found

    @property
    def minutes(self):
        """What a deeper section says it takes, or None."""
        found = MAX_WORDS.search(self.words)
        return int(found[1]) if found else None


def to_plain_text(node):
    return node.value if isinstance(node, ast.Constant) else ast.unparse(node)


def sections(notebook, page):
    """The sections of a notebook in order, from the title on. Headings inside code are none."""
    found = []
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] != "markdown":
            if found:
                found[-1].cells.append((cell, text))
            continue
        # The same length, so that places in the one are places in the other.
        hollow = FENCED.sub(lambda code: " " * len(code[0]), text)
        cuts = [m for m in HEADING.finditer(hollow) if len(m[1]) <= 3]
        before = text[: cuts[0].start()] if cuts else text
        if before.strip() and found:
            found[-1].cells.append((cell, before.strip()))
        ends = [*(m.start() for m in cuts[1:]), len(text)] if cuts else []
        for cut, after in zip(cuts, ends, strict=True):
            found.append(Section(page, len(cut[1]), cut[2], [(cell, text[cut.end() : after].strip())]))
    return found


def chapters(root):
    """Every numbered chapter by its name, with its sections."""
    paths = sorted((Path(root) / "chapters").glob("[0-9]*.ipynb"))
    return {path.stem: sections(json.loads(path.read_text(encoding="utf-8")), path.name) for path in paths}


def numbered_sections(lesson):
    """Sections that have a number, each together with the unnumbered ones of a lower rank that follow it."""
    found = {}
    for section in lesson:
        if section.number:
            current = found[section.number] = Section(section.page, section.rank, section.title, list(section.cells))
        elif section.rank <= 2:
            current = None
        elif found and current:
            current.cells += section.cells
    return found


def predictions(lesson):
    """(place, question) of everything that a chapter lets its readers guess."""
    return [(arguments[0], named.get("ask", "")) for section in lesson for arguments, named in section.calls("predict")]


def measured(lesson):
    """What came out, by the place of its prediction; of a chapter that ran."""
    found = {}
    for section in lesson:
        for cell, text in section.cells:
            if cell["cell_type"] != "code" or "predictions(" not in text:
                continue
            for output in cell.get("outputs", []):
                for line in "".join(output.get("data", {}).get("text/markdown", "")).splitlines():
                    row = [entry.strip().replace("\\|", "|") for entry in re.split(r"(?<!\\)\|", line)[1:-1]]
                    if len(row) == 4 and row[3] not in ("measured", "---", "–"):
                        found[row[0]] = row[3]
    return found


def votes(lesson):
    """The claims that a chapter votes on before it opens its ledger, as questions; whatever is chosen, the ledger answers."""
    found = []
    for section in lesson:
        for cell, text in section.cells:
            for arguments, _ in Section("", 0, "", [(cell, text)]).calls("vote"):
                named = {
                    ast.unparse(n.targets[0]): ast.unparse(n.value)
                    for n in ast.parse(text).body
                    if isinstance(n, ast.Assign)
                }
                ballot = import_module("tutorial_course.widgets.claim_poll").ballot
                found += [ballot(id) for id in ast.literal_eval(named.get(arguments[0], arguments[0]))]
    return found


def exercises_of(lesson):
    """The chapter's exercises: (the section that sets it, the exercise itself); and its quiz, a tuple of questions."""
    code = "\n".join(text for section in lesson for cell, text in section.cells if cell["cell_type"] == "code")
    room = re.search(r"from tutorial_lib\.exercises import (\w+) as exercises", code)
    if room is None:
        return [], ()
    room = import_module(f"tutorial_course.exercises.{room[1]}")
    named = re.compile(r"exercises\.([a-z]\w*)")
    asked = [
        (section, named.fullmatch(call[1]))
        for section in numbered_sections(lesson).values()
        for call, _ in section.calls("check")
    ]
    return [(section, getattr(room, found[1])) for section, found in asked if found], room.QUIZ
