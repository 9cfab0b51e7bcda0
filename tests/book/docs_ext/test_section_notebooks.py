"""Tests that the notebook of each core section contains all that it needs, and not the whole chapter."""

import json
from pathlib import Path

import nbformat
import pytest

from docs_ext import advanced_sections, section_notebooks
from tests.book.test_notebook_sections import SharedKernel, undefined_names

ROOT = Path(__file__).parents[3]
CHAPTERS = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in (ROOT / "chapters").glob("0*.ipynb")}
NOTEBOOKS = {
    number: notebook
    for page, chapter in sorted(CHAPTERS.items())
    for number, notebook in section_notebooks.section_notebooks(chapter, page).items()
}


def cell(source, *tags):
    kind = "code" if not source.startswith(("#", "<", "Text")) else "markdown"
    return {"cell_type": kind, "id": "a", "metadata": {"tags": list(tags)}, "source": source}


SMALL = {
    "nbformat": 4,
    "metadata": {},
    "cells": [
        cell("# A chapter"),
        cell("import os", "setup"),
        cell("## Course overview"),
        cell("from math import sqrt"),
        cell(
            '<a id="section-1-1"></a>\n## 1.1 First\n\nSee [2](02-x.ipynb#a), [here](#b) and [a site](https://a.org).'
        ),
        cell("base = 2\nunused = 3"),
        cell("def root(x):\n    return sqrt(x) + base"),
        cell("table = {}"),
        cell("table['a'] = base"),
        cell('base = 7\nText = "x"'),
        cell('Text at the end.\n\n<a id="section-1-2"></a>\n## 1.2 Second'),
        cell("n = root(4)"),
        cell("row = [k for k in range(n)]\nfor k in row:\n    size = k\n    print(size, table)"),
        cell("## 1.3 Summary"),
        cell("print(unused)"),
        cell("## Go deeper"),
        cell("state = 0", "state"),
        cell("### 1.A More"),
    ],
}


def test_section_notebook_contains_the_cells_that_it_needs():
    notebooks = section_notebooks.section_notebooks(SMALL, "01-x.ipynb")
    first, second = ([cell["source"] for cell in notebooks[number]["cells"]] for number in ("1.1", "1.2"))
    assert list(notebooks) == ["1.1", "1.2"]
    assert first[0].endswith("one section of the chapter [A chapter](../01-x.ipynb). " + section_notebooks.NEEDED[1:])
    assert first[1:3] == ["import os", "from math import sqrt"] and first[-1] == "Text at the end.\n"
    # The last value of `base` before the call of `root`, and the change of `table`; not the first cell of section 1.2.
    assert second[1:8] == [SMALL["cells"][i]["source"] for i in (1, 3, 5, 6, 7, 8, 9)]
    assert second[8].endswith("## 1.2 Second") and len(second) == 11


def test_section_notebook_links_lead_to_the_folder_above():
    text = section_notebooks.section_notebooks(SMALL, "01-x.ipynb")["1.1"]["cells"][3]["source"]
    assert text.endswith("See [2](../02-x.ipynb#a), [here](../01-x.ipynb#b) and [a site](https://a.org).")


def test_every_core_section_has_a_valid_notebook():
    assert len(NOTEBOOKS) == 29
    for number, notebook in NOTEBOOKS.items():
        nbformat.validate(nbformat.from_dict(notebook))
        assert any(f"## {number} " in advanced_sections.text(cell) for cell in notebook["cells"])


@pytest.mark.parametrize("number", NOTEBOOKS)
def test_section_notebook_defines_every_name_that_it_uses(number):
    assert undefined_names(NOTEBOOKS[number]["cells"]) == set()


@pytest.fixture(scope="module")
def shared_kernel():
    kernel = SharedKernel(ROOT / "chapters")
    with kernel.client.setup_kernel():
        yield kernel


# All of them, because a change in place by a method, such as ``rows.append``, is not recognized as a change.
@pytest.mark.slow
@pytest.mark.notebook
@pytest.mark.parametrize("number", NOTEBOOKS)
def test_section_notebook_runs_on_its_own(shared_kernel, number):
    shared_kernel.run(NOTEBOOKS[number]["cells"])


@pytest.mark.book
def test_every_core_section_links_to_its_notebook(book):
    folder = book / "chapters" / section_notebooks.FOLDER
    assert set(NOTEBOOKS) <= {path.stem for path in folder.glob("*.ipynb")}
    for page in CHAPTERS:
        text = (book / "chapters" / page).with_suffix(".html").read_text(encoding="utf-8")
        numbers = [number for number in NOTEBOOKS if number[0] == page[1]]
        assert [number for number in numbers if f'href="sections/{number}.ipynb"' not in text] == []
