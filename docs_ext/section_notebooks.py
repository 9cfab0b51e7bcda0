"""Cut one notebook for each core section out of the chapters, so that a section can be run on its own.

Such a notebook consists of the setup cell of the chapter, of the cells of earlier sections that the section needs, and
of the cells of the section. Which cells are needed follows from the names that each cell reads and writes. The
notebooks are written beside the pages of the book, and each section links to its own; ``make bundle`` copies them.
"""

import ast
import dis
import json
import re
from pathlib import Path, PurePath
from types import CodeType
from typing import NamedTuple

from docutils import nodes

from docs_ext import advanced_sections, execution_stats

FOLDER = "sections"
LABEL = re.compile(r"section-(\d+)-(\d+)")
HEADING = re.compile(r"## (\d+\.\d+) (?!Summary)\S")
HEADING_START = re.compile(r'\n(?=<a id="[^"]*"></a>\n## )|(?<!</a>)\n(?=## )')
LINK = re.compile(r"\]\((?:(?=[\w-]+\.(ipynb|md))|(?=#))")
INTRODUCTION = """# Section {number}

This notebook contains one section of the chapter [{title}](../{page})."""
NEEDED = " It begins with the code of earlier sections that this section needs, which also shows some of their results."


class Names(NamedTuple):
    """The names that a code cell reads, writes and changes in place, and by function those that its body reads."""

    reads: set
    writes: set
    changes: set
    bodies: dict


def body_reads(code):
    """Return the global names that the body of a function or of a comprehension reads, and bodies inside it."""
    own = {step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    return own.union(*(body_reads(constant) for constant in code.co_consts if isinstance(constant, CodeType)))


def names_of(source):
    """Return the names of a code cell; a name that the cell has written before is not read."""
    source = re.sub(r"(?m)^(\s*)[%!].*$", r"\1pass", source)
    reads, writes, bodies, body = set(), set(), {}, set()
    for step in dis.get_instructions(compile(source, "cell", "exec")):
        if isinstance(step.argval, CodeType):
            reads |= body_reads(step.argval) - writes
            if not step.argval.co_name.endswith(("comp>", "expr>")):
                body |= body_reads(step.argval)
        elif step.opname == "LOAD_NAME":
            reads |= {step.argval} - writes
        elif step.opname == "STORE_NAME":
            writes.add(step.argval)
            bodies[step.argval], body = body, set()
    parts = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Subscript | ast.Attribute)]
    stored = [part.value for part in parts if not isinstance(part.ctx, ast.Load)]
    return Names(reads, writes, {value.id for value in stored if isinstance(value, ast.Name)}, bodies)


def needed_cells(names, section):
    """Return the positions of the cells that a section needs, its own included.

    Args: names: the names of each cell, by position. section: the positions of the cells of the section.
    """
    needed, seen = set(), set()

    def need(position, name):
        if (position, name) in seen:
            return
        seen.add((position, name))
        writers = [i for i in names if i < position and name in names[i].writes]
        if writers:
            changed = [i for i in names if writers[-1] < i < position and name in names[i].changes]
            for i in (writers[-1], *changed):
                add(i)
            # The body of a function reads its names when the function is called.
            for other in names[writers[-1]].bodies[name]:
                need(position, other)

    def add(position):
        if position not in needed:
            needed.add(position)
            for name in names[position].reads:
                need(position, name)

    for position in section:
        add(position)
    return needed


def split_at_headings(cells):
    """Yield the cells, where a Markdown cell is split above every heading of a section inside it."""
    for cell in cells:
        text = advanced_sections.text(cell)
        first, *others = HEADING_START.split(text) if cell["cell_type"] == "markdown" else [text]
        yield cell | {"source": first}
        for n, text in enumerate(others):
            yield cell | {"id": f"{cell['id']}-{n}", "source": text}


def adjust_links(cell, page):
    """Return a cell with links that are valid one folder below the chapter."""
    if cell["cell_type"] != "markdown":
        return cell
    return cell | {"source": LINK.sub(lambda link: f"](../{'' if link[1] else page}", cell["source"])}


def section_notebooks(chapter, page):
    """Return {number: notebook} for each core section of a chapter; ``page`` is the file name of the chapter.

    A page without further sections is not divided.
    """
    parts = advanced_sections.split_chapter(chapter)
    if parts is None:
        return {}
    cells = list(split_at_headings(parts.core))
    title = cells[0]["source"].splitlines()[0].removeprefix("# ")
    names = {i: names_of(cell["source"]) for i, cell in enumerate(cells) if cell["cell_type"] == "code"}
    sections, section = {}, []
    for i, cell in enumerate(cells):
        text = advanced_sections.markdown(cell)
        if text.startswith("## "):
            number = HEADING.match(text)
            section = sections.setdefault(number[1], []) if number else []
        section.append(i)
    setup = next(i for i, cell in enumerate(cells) if "setup" in cell["metadata"].get("tags", []))
    notebooks = {}
    for number, own in sections.items():
        earlier = sorted(needed_cells(names, [i for i in own if i in names]) - {setup, *own})
        source = INTRODUCTION.format(number=number, title=title, page=page) + NEEDED * bool(earlier)
        head = {"cell_type": "markdown", "id": "introduction", "metadata": {}, "source": source}
        body = [adjust_links(cells[i], page) for i in (setup, *earlier, *own)]
        notebooks[number] = chapter | {"cells": [head, *body]}
    return notebooks


def add_links(app, doctree):
    """Link every section to its notebook, at the end of the line with its reading time."""
    for section in doctree.findall(nodes.section):
        label = next(filter(None, map(LABEL.fullmatch, section["ids"])), None)
        line = next((part for part in section.children if part.astext().startswith("This section takes about")), None)
        if label and line and execution_stats.is_chapter(app.env.docname):
            link = f'<a href="{FOLDER}/{label[1]}.{label[2]}.ipynb" download>Notebook of this section</a>'
            line += nodes.raw("", f'<span class="section-notebook"> {link}</span>', format="html")


def write_notebooks(app, exception):
    """Write the notebooks beside the pages of a finished HTML build."""
    if exception or app.builder.format != "html":
        return
    for name in sorted(filter(execution_stats.is_chapter, app.env.found_docs)):
        path = Path(app.env.doc2path(name))
        folder = Path(app.outdir, PurePath(name).parent, FOLDER)
        folder.mkdir(exist_ok=True)
        for number, notebook in section_notebooks(json.loads(path.read_text(encoding="utf-8")), path.name).items():
            text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
            (folder / f"{number}.ipynb").write_text(text, encoding="utf-8")


def setup(app):
    """Register the extension."""
    app.connect("doctree-read", add_links)
    app.connect("build-finished", write_notebooks)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
