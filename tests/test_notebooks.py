"""The chapters read well in the book, in Jupyter and on Colab, and hold nothing that goes stale."""

import json
import re
from pathlib import Path

import pytest
import repository

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "chapters").glob("*.ipynb"))

KEPT_METADATA = {"tags", "mystnb", "jupyter", "cellView", "collapsed", "jp-MarkdownHeadingCollapsed"}
LONGEST = 30

FORMULA = re.compile(r"\$\$.*?\$\$|\$[^$\n]+?\$|\\begin\{(\w+\*?)\}.*?\\end\{\1\}", re.S)
CODE = re.compile(r"^(```+|~~~+).*?^\1\s*$|``.*?``|`[^`\n]*`", re.S | re.M)
LINK = re.compile(r"\[[^\]]*\]\([^)]*\)|<[^>]+>|https?://\S+|\b10\.\d{4,}/\S+|\barXiv:\s*\d+\.\d+", re.I | re.S)
# Numbers that name a place, a licence or a version: "section 2.3", "1.1–1.4", "(2.9)", "Python 3.11", "CC BY 4.0".
NAMED = r"sections?|chapters?|exercises?|figures?|figs?\.|equations?|eqs?\.|tables?|quiz|python|torch|pytorch|version|by|v"
PLACE = re.compile(rf"(?i:\b(?:{NAMED})\s*)\(?\d+(?:\.\w+)+(?:\s*(?:,|–|-|and|or|to)\s*\d+\.\w+)*|\(\d+\.\d+\)|\b\d+\.\d+\.\d+\b")
HEADING = re.compile(r"^#+ .*$", re.M)
NUMBER = re.compile(r"(?<![\w.])(?:\d+(?:\.\d+)?\s?%|\d*\.\d+\b)")
MYST = re.compile(r"^\s*:::|^\s*```+\s*\{|\{[a-z][a-z:_-]*\}`|^\([\w:-]+\)=\s*$|\[\^[\w-]+\]", re.M)


def text(cell):
    return "".join(cell["source"])


def markdown(notebook):
    return [text(cell) for cell in notebook["cells"] if cell["cell_type"] == "markdown"]


def code(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def tags(cell):
    return cell["metadata"].get("tags", [])


def typed_numbers(prose):
    """Percentages and decimals of a Markdown cell that stand there by hand; results enter through ``say``."""
    for known in (CODE, FORMULA, LINK, HEADING, PLACE):
        prose = known.sub(" ", prose)
    return NUMBER.findall(prose)


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return json.loads(request.param.read_text(encoding="utf-8"))


def test_there_are_chapters():
    assert NOTEBOOKS


def test_setup_cell(notebook):
    found = [text(cell) for cell in code(notebook) if repository.is_setup(cell)]
    assert found == [repository.setup_cell(repository.written(ROOT))], "`make repository URL=…` writes the setup cell"


def test_markup_that_colab_shows(notebook):
    assert [MYST.search(cell)[0] for cell in markdown(notebook) if MYST.search(cell)] == []


def test_no_number_is_typed(notebook):
    assert [number for cell in markdown(notebook) for number in typed_numbers(cell)] == []


def test_cells_are_short(notebook):
    assert [text(cell) for cell in code(notebook) if len(text(cell).splitlines()) > LONGEST] == []


def test_outputs_are_those_that_are_compared(notebook):
    for cell in code(notebook):
        assert bool(cell["outputs"]) == ("nbval-check-output" in tags(cell)), text(cell)
        assert cell["execution_count"] == (1 if cell["outputs"] else None), text(cell)
        assert all(output.get("execution_count") is None for output in cell["outputs"]), text(cell)


def test_metadata_is_minimal(notebook):
    assert set(notebook["metadata"]) <= {"kernelspec", "language_info", "accelerator", "colab"}
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert [set(cell["metadata"]) - KEPT_METADATA for cell in notebook["cells"] if set(cell["metadata"]) - KEPT_METADATA] == []


def test_one_title(notebook):
    titles = [line for cell in markdown(notebook) for line in CODE.sub("", cell).splitlines() if line.startswith("# ")]
    assert len(titles) == 1


# Each rule can fail.


@pytest.mark.parametrize(
    "prose",
    ["It finds 93 % of them.", "It finds 93% of them.", "an AUROC of .91", "an AUROC of 0.91 (see 1.1)", "| 0.5 |", "2.3 times as many"],
)
def test_typed_numbers_are_seen(prose):
    assert typed_numbers(prose)


@pytest.mark.parametrize(
    "prose",
    [
        "## 1.1 Expectation and reality",
        "as section 1.4 shows, and sections 1.2, 1.3 and 1.6",
        "the rule (2.9), with $\\alpha = 0.1$ and `eps=0.03`",
        "$$ x = 0.5 \\tag{1.2} $$",
        "[Temel et al. 2017](https://doi.org/10.1109/1.2) and arXiv:1712.02463",
        "Python 3.11, CC BY 4.0, version 1.2.3, exercise 1.2",
        "in 2023, 14 signs of 48 pixels",
        "```python\nx = 0.5\n```",
    ],
)
def test_other_numbers_pass(prose):
    assert typed_numbers(prose) == []


@pytest.mark.parametrize("prose", [":::{note}\nx\n:::", "```{note}\nx\n```", "see {ref}`x`", "(label)=\n# T", "a note[^1]"])
def test_foreign_markup_is_seen(prose):
    assert MYST.search(prose)


@pytest.mark.parametrize("prose", ["```python\nx\n```", "a {brace} and `code`", "$\\mathbf{x}$ `y`", "(aside) = 3"])
def test_portable_markup_passes(prose):
    assert not MYST.search(prose)
