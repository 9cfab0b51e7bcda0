"""Tests that the core of a chapter runs without its advanced sections, and that each advanced section runs on its own.

The advanced sections come last in a chapter (``advanced_sections.split_chapter`` requires it), so that the core cannot
use their names.
"""

import ast
import builtins
import copy
import json
import re
from pathlib import Path

import nbclient
import nbformat
import pytest

from docs_ext import advanced_sections
from tools import repo_url

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "chapters").glob("*.ipynb"))

ADDS_TO_SECTION = re.compile(r"^> .*\bAdds to (?:sections? )?\d+\.\d", re.M)
ANSI_COLORS = re.compile(r"\x1b\[[0-9;]*m")


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def runnable_parts(notebook):
    """Return {title: cells} of the core, and of each advanced section after the setup and the state cell."""
    chapter = advanced_sections.split_chapter(notebook)
    if chapter is None:
        return {}
    base = [cell for cell in chapter.core if cell["cell_type"] == "code" and repo_url.is_setup(cell)] + [
        chapter.state_cell
    ]
    return {"the core": chapter.core} | {title: [*base, *cells] for title, cells in chapter.sections.items()}


def silent_sections(notebook):
    """Return the titles of advanced sections that do not state what they add to."""
    chapter = advanced_sections.split_chapter(notebook)
    sections = chapter.sections.items() if chapter else ()
    return [title for title, cells in sections if not ADDS_TO_SECTION.search(advanced_sections.markdown(cells[0]))]


class SharedKernel:
    """One kernel for many runs, cleared of all names before each; modules stay imported, which saves time."""

    def __init__(self, folder):
        self.notebook = nbformat.v4.new_notebook()
        resources = {"metadata": {"path": str(folder)}}
        self.client = nbclient.NotebookClient(self.notebook, timeout=180, kernel_name="python3", resources=resources)

    def run(self, cells):
        """Run code cells in order; the first one that raises fails the test with its source."""
        for cell in [{"cell_type": "code", "source": "%reset -f"}, *cells]:
            if cell["cell_type"] != "code":
                continue
            self.notebook.cells = [nbformat.v4.new_code_cell(advanced_sections.text(cell))]
            try:
                self.client.execute_cell(self.notebook.cells[0], 0)
            except nbclient.exceptions.CellExecutionError as error:
                message = (
                    f"this cell does not run here:\n\n{advanced_sections.text(cell)}\n\n{error.ename}: {error.evalue}"
                )
                pytest.fail(ANSI_COLORS.sub("", message), pytrace=False)


@pytest.fixture(scope="module")
def shared_kernel():
    kernel = SharedKernel(ROOT / "chapters")
    with kernel.client.setup_kernel():
        yield kernel


def chapter_parts():
    """Yield a test case for each part of each chapter; chapters with misplaced cells are reported by the test below."""
    for path in NOTEBOOKS:
        try:
            parts = runnable_parts(read(path))
        except ValueError:
            continue
        for title, cells in parts.items():
            yield pytest.param(cells, id=f"{path.stem}: {title}")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_advanced_sections_are_ordered_and_state_what_they_add_to(path):
    assert silent_sections(read(path)) == []


def undefined_names(cells):
    """Return the names that code cells use, but neither define nor import."""
    code = "\n".join(advanced_sections.text(cell) for cell in cells if cell["cell_type"] == "code")
    nodes = [*ast.walk(ast.parse(re.sub(r"(?m)^(\s*)[%!].*$", r"\1pass", code)))]
    names = [node for node in nodes if isinstance(node, ast.Name)]
    defined = {*dir(builtins), "display"} | {name.id for name in names if not isinstance(name.ctx, ast.Load)}
    defined |= {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.ExceptHandler)}
    defined |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    defined |= {node.asname or node.name.partition(".")[0] for node in nodes if isinstance(node, ast.alias)}
    return {name.id for name in names} - defined


@pytest.mark.parametrize("cells", [*chapter_parts()])
def test_chapter_part_defines_every_name_that_it_uses(cells):
    assert undefined_names(cells) == set()


def test_undefined_names_finds_name_of_another_cell():
    cells = [{"cell_type": "code", "source": "%pip list\nimport os.path\ntotal = sum(other for n in range(3))"}]
    assert undefined_names(cells) == {"other"}


@pytest.mark.slow
@pytest.mark.notebook
@pytest.mark.parametrize("cells", [*chapter_parts()])
def test_chapter_part_runs_on_its_own(shared_kernel, cells):
    shared_kernel.run(cells)


# Tests of the checks.


def md(source):
    return {"cell_type": "markdown", "id": "a", "metadata": {}, "source": source}


def code(source, *tags):
    return {"cell_type": "code", "id": "b", "metadata": {"tags": list(tags)}, "source": source}


SMALL = {
    "metadata": {},
    "cells": [
        md("# A chapter"),
        code("from math import sqrt", "setup"),
        md("## 1.1 Core"),
        code("core_only = sqrt(4)\nshared = sqrt(4)"),
        md("## Go deeper"),
        code("shared = sqrt(9)", "state"),
        md("### 1.A Stands alone\n\n> Adds to 1.1: something, 5 min."),
        code("mine = shared + 1"),
        code("assert mine == 4"),
        md("### 1.B Leans on the core\n\n> Adds to 1.1: something, 5 min."),
        code("core_only + 1"),
        md("### 1.C Leans on 1.A\n\n> Adds to 1.1: something, 5 min."),
        code("mine + 1"),
    ],
}


@pytest.mark.parametrize(
    ("part", "missing"),
    [
        ("the core", None),
        ("1.A Stands alone", None),
        ("1.B Leans on the core", "core_only"),
        ("1.C Leans on 1.A", "mine"),
    ],
)
def test_shared_kernel_detects_dependence_on_other_parts(shared_kernel, part, missing):
    # Everything was run before, in the order of a reader; the names of that run must not be visible.
    shared_kernel.run(SMALL["cells"])
    cells = runnable_parts(SMALL)[part]
    if missing is None:
        shared_kernel.run(cells)
    else:
        with pytest.raises(pytest.fail.Exception, match=rf"{missing} \+ 1\n\nNameError: name '{missing}'"):
            shared_kernel.run(cells)


def test_shared_kernel_reports_cell_errors(shared_kernel):
    with pytest.raises(pytest.fail.Exception, match="1 / 0\n\nZeroDivisionError"):
        shared_kernel.run([code("1 / 0")])


def test_chapter_without_advanced_sections_has_no_parts():
    assert runnable_parts({"cells": SMALL["cells"][:4]}) == {} and silent_sections({"cells": SMALL["cells"][:4]}) == []


def test_silent_sections_detects_section_without_adds_to_line():
    notebook = copy.deepcopy(SMALL)
    assert silent_sections(notebook) == []
    notebook["cells"].insert(13, md("### 1.D Silent"))
    assert silent_sections(notebook) == ["1.D Silent"]


def test_silent_sections_rejects_missing_state_cell():
    with pytest.raises(ValueError, match="state cell"):
        silent_sections({"cells": [cell for cell in SMALL["cells"] if "state" not in cell["metadata"].get("tags", [])]})
