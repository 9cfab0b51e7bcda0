"""Two depths: the core of a chapter is whole without what is behind its door, and each section there stands alone.

The door is the last thing in a chapter (``doors.depths`` insists), so cells of the core never see a name from behind it.
"""

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
    """What must run by itself: the core, and each deeper section after the setup and the state cell."""
    found = advanced_sections.split_chapter(notebook)
    if found is None:
        return {}
    base = [cell for cell in found.core if cell["cell_type"] == "code" and repo_url.is_setup(cell)] + [found.setup_cell]
    return {"the core": found.core} | {title: [*base, *cells] for title, cells in found.sections.items()}


def silent_sections(notebook):
    """Advanced sections that do not say what they add to."""
    found = advanced_sections.split_chapter(notebook)
    sections = found.sections.items() if found else ()
    return [title for title, cells in sections if not ADDS_TO_SECTION.search(advanced_sections.markdown(cells[0]))]


class SharedKernel:
    """One kernel for many runs, emptied of all names before each: imports stay warm, so that a section costs what its cells cost."""

    def __init__(self, folder):
        self.notebook = nbformat.v4.new_notebook()
        where = {"metadata": {"path": str(folder)}}
        self.client = nbclient.NotebookClient(self.notebook, timeout=180, kernel_name="python3", resources=where)

    def run(self, cells):
        """Run code cells in order; the first that raises fails the test, with its text."""
        for cell in [{"cell_type": "code", "source": "%reset -f"}, *cells]:
            if cell["cell_type"] != "code":
                continue
            self.notebook.cells = [nbformat.v4.new_code_cell(advanced_sections.text(cell))]
            try:
                self.client.execute_cell(self.notebook.cells[0], 0)
            except nbclient.exceptions.CellExecutionError as error:
                said = (
                    f"this cell does not run here:\n\n{advanced_sections.text(cell)}\n\n{error.ename}: {error.evalue}"
                )
                pytest.fail(ANSI_COLORS.sub("", said), pytrace=False)


@pytest.fixture(scope="module")
def shared_kernel():
    shared_kernel = SharedKernel(ROOT / "chapters")
    with shared_kernel.client.setup_kernel():
        yield shared_kernel


def parts():
    """A test for each part of each chapter; a chapter out of order is told of by the test below."""
    for path in NOTEBOOKS:
        try:
            found = runnable_parts(read(path))
        except ValueError:
            continue
        for title, cells in found.items():
            yield pytest.param(cells, id=f"{path.stem}: {title}")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_advanced_sections_are_ordered_and_state_what_they_add_to(path):
    assert silent_sections(read(path)) == []


@pytest.mark.slow
@pytest.mark.notebook
@pytest.mark.parametrize("cells", [*parts()])
def test_chapter_part_runs_on_its_own(shared_kernel, cells):
    shared_kernel.run(cells)


# The rules can fail.


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
        code("core_only = sqrt(4)\nkept = sqrt(4)"),
        md("## Go deeper"),
        code("kept = sqrt(9)", "state"),
        md("### 1.A Stands alone\n\n> Adds to 1.1: something, 5 min."),
        code("mine = kept + 1"),
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
    # Everything ran here before, in a reader's order: what it left must not help.
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
