"""Two depths: the core of a chapter is whole without what is behind its door, and each section there stands alone.

The door is the last thing in a chapter (``doors.depths`` insists), so cells of the core never see a name from behind it.
"""

import copy
import json
import re
from pathlib import Path

import doors
import nbclient
import nbformat
import pytest
import repository

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "chapters").glob("*.ipynb"))

ADDS = re.compile(r"^> .*\bAdds to (?:sections? )?\d+\.\d", re.M)
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def alone(notebook):
    """What must run by itself: the core, and each deeper section after the setup and the state cell."""
    found = doors.depths(notebook)
    if found is None:
        return {}
    base = [cell for cell in found.core if cell["cell_type"] == "code" and repository.is_setup(cell)] + [found.state]
    return {"the core": found.core} | {title: [*base, *cells] for title, cells in found.sections.items()}


def silent_sections(notebook):
    """Advanced sections that do not say what they add to."""
    found = doors.depths(notebook)
    sections = found.sections.items() if found else ()
    return [title for title, cells in sections if not ADDS.search(doors.markdown(cells[0]))]


class Desk:
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
            self.notebook.cells = [nbformat.v4.new_code_cell(doors.text(cell))]
            try:
                self.client.execute_cell(self.notebook.cells[0], 0)
            except nbclient.exceptions.CellExecutionError as error:
                said = f"this cell does not run here:\n\n{doors.text(cell)}\n\n{error.ename}: {error.evalue}"
                pytest.fail(COLOURS.sub("", said), pytrace=False)


@pytest.fixture(scope="module")
def desk():
    desk = Desk(ROOT / "chapters")
    with desk.client.setup_kernel():
        yield desk


def parts():
    """A test for each part of each chapter; a chapter out of order is told of by the test below."""
    for path in NOTEBOOKS:
        try:
            found = alone(read(path))
        except ValueError:
            continue
        for title, cells in found.items():
            yield pytest.param(cells, id=f"{path.stem}: {title}")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_sections_are_in_order_and_say_what_they_add_to(path):
    assert silent_sections(read(path)) == []


@pytest.mark.slow
@pytest.mark.notebook
@pytest.mark.parametrize("cells", [*parts()])
def test_a_part_runs_alone(desk, cells):
    desk.run(cells)


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
def test_who_leans_on_others_is_seen(desk, part, missing):
    # Everything ran here before, in a reader's order: what it left must not help.
    desk.run(SMALL["cells"])
    cells = alone(SMALL)[part]
    if missing is None:
        desk.run(cells)
    else:
        with pytest.raises(pytest.fail.Exception, match=rf"{missing} \+ 1\n\nNameError: name '{missing}'"):
            desk.run(cells)


def test_a_core_that_breaks_is_seen(desk):
    with pytest.raises(pytest.fail.Exception, match="1 / 0\n\nZeroDivisionError"):
        desk.run([code("1 / 0")])


def test_a_chapter_without_a_door_has_no_parts():
    assert alone({"cells": SMALL["cells"][:4]}) == {} and silent_sections({"cells": SMALL["cells"][:4]}) == []


def test_a_silent_section_is_seen():
    notebook = copy.deepcopy(SMALL)
    assert silent_sections(notebook) == []
    notebook["cells"].insert(13, md("### 1.D Silent"))
    assert silent_sections(notebook) == ["1.D Silent"]


def test_a_chapter_out_of_order_is_seen():
    with pytest.raises(ValueError, match="state cell"):
        silent_sections({"cells": [cell for cell in SMALL["cells"] if "state" not in cell["metadata"].get("tags", [])]})
