"""Tests that the chapters work in the book, in Jupyter and on Colab, and contain nothing that becomes outdated."""

import ast
import copy
import importlib
import importlib.util
import json
import re
import symtable
from pathlib import Path

import pytest

from docs_ext import advanced_sections, execution_stats
from tools import repo_url

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "chapters").glob("*.ipynb"))

# `id` is the name by which Colab collapses the advanced sections; only `python -m docs_ext.advanced_sections` may write
# it.
ALLOWED_METADATA = {"tags", "mystnb", "jupyter", "cellView", "collapsed", "jp-MarkdownHeadingCollapsed", "id"}
TITLE = re.compile(r"# @title \S.*")
# The size of a code cell that a reader sees, and the length of a collapsed one, without empty lines.
VISIBLE_LINES, VISIBLE_COLUMNS, COLLAPSED_LINES = 15, 100, 25
HIDDEN = {"hide-input", "hide-cell", "remove-input", "remove-cell"}

FORMULA = re.compile(r"\$\$.*?\$\$|\$[^$\n]+?\$|\\begin\{(\w+\*?)\}.*?\\end\{\1\}", re.S)
DISPLAYED = re.compile(r"\$\$.*?\$\$", re.S)
CODE = re.compile(r"^(```+|~~~+).*?^\1\s*$|``.*?``|`[^`\n]*`", re.S | re.M)
LINK = re.compile(r"\[[^\]]*\]\([^)]*\)|<[^>]+>|https?://\S+|\b10\.\d{4,}/\S+|\barXiv:\s*\d+\.\d+", re.I | re.S)
# Numbers that name a place, a licence or a version: "section 2.3", "1.1–1.4", "(2.9)", "Python 3.11", "CC BY 4.0".
NAMED = (
    r"sections?|chapters?|exercises?|figures?|figs?\.|equations?|eqs?\.|tables?|quiz|python|torch|pytorch|version|by|v"
)
PLACE = re.compile(
    rf"(?i:\b(?:{NAMED})\s*)\(?\d+(?:\.\w+)+(?:\s*(?:,|–|-|and|or|to)\s*\d+\.\w+)*|\(\d+\.\d+\)|\b\d+\.\d+\.\d+\b"
)
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


def collapsed_headings(cell):
    """Return whether a code cell is collapsed in the book, on Colab and in JupyterLab."""
    hidden = cell["metadata"].get("jupyter", {}).get("source_hidden", False)
    return not HIDDEN.isdisjoint(tags(cell)), cell["metadata"].get("cellView") == "form", hidden


def partly_collapsed_cells(notebook):
    """Return code cells collapsed in some frontends only, or with a title but not collapsed, or the reverse."""

    def marks(cell):
        return {*collapsed_headings(cell), bool(TITLE.fullmatch(text(cell).partition("\n")[0]))}

    return [text(cell) for cell in code(notebook) if len(marks(cell)) > 1]


def oversized_cells(notebook):
    """Return code cells with too many lines, and visible ones with a line that is too long."""

    def is_oversized(cell):
        lines = [line for line in text(cell).splitlines() if line.strip()]
        if lines and TITLE.fullmatch(lines[0]):
            return len(lines) > COLLAPSED_LINES
        return len(lines) > VISIBLE_LINES or any(len(line) > VISIBLE_COLUMNS for line in lines)

    return [text(cell) for cell in code(notebook) if is_oversized(cell)]


def wrongly_stored(notebook):
    """Return code cells with a stored output that no test compares, without a required one, or with a run count."""
    return [
        text(cell)
        for cell in code(notebook)
        if bool(cell["outputs"]) != ("nbval-check-output" in tags(cell))
        or cell["execution_count"] != (1 if cell["outputs"] else None)
        or any(output.get("execution_count") is not None for output in cell["outputs"])
    ]


def without_budget(notebook):
    """Return whether a chapter with advanced sections states no budget, or a larger one than the project allows."""
    budget = execution_stats.budget("\n".join(markdown(notebook)))
    within = budget is not None and budget[0] <= execution_stats.SECONDS and budget[1] <= execution_stats.GIGABYTES
    return bool(advanced_sections.find_dividers(notebook)) and not within


def typed_numbers(prose):
    """Return percentages and decimals that are typed into a Markdown cell; results are computed with ``markdown``."""
    for known in (CODE, FORMULA, LINK, HEADING, PLACE):
        prose = known.sub(" ", prose)
    return NUMBER.findall(prose)


def inline_display_math(prose):
    """Return display formulas that share a paragraph with text, which the book would render inline."""
    prose = CODE.sub(" ", prose)
    separate = [
        re.search(r"(^|\n[ \t]*\n)[ \t]*$", prose[: m.start()]) and re.match(r"[ \t]*(\n|$)", prose[m.end() :])
        for m in DISPLAYED.finditer(prose)
    ]
    return [m[0] for m, is_separate in zip(DISPLAYED.finditer(prose), separate, strict=True) if not is_separate]


def redefined_names(notebook):
    """Return names that a slider function reads when a slider moves, and that a later cell assigns again."""
    tables = [symtable.symtable(text(cell), "cell", "exec") for cell in code(notebook) if not repo_url.is_setup(cell)]

    def read(table):
        own = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global() and symbol.is_referenced()}
        return own.union(*map(read, table.get_children()))

    def assigned(table):
        return {
            symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() and not symbol.is_imported()
        }

    with_sliders = [
        i
        for i, table in enumerate(tables)
        if "interactive_figure" in table.get_identifiers() and table.lookup("interactive_figure").is_referenced()
    ]
    return sorted(
        {
            name
            for i in with_sliders
            for later in tables[i + 1 :]
            for name in assigned(later) & set().union(*map(read, tables[i].get_children()))
        }
    )


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return json.loads(request.param.read_text(encoding="utf-8"))


def test_notebooks_exist():
    assert NOTEBOOKS


def test_notebook_setup_cell_is_up_to_date(notebook):
    sources = [text(cell) for cell in code(notebook) if repo_url.is_setup(cell)]
    assert sources == [repo_url.setup_cell(ROOT)], "`python -m tools.repo_url` writes the setup cells"


def test_notebook_markdown_has_no_myst_syntax(notebook):
    assert [MYST.search(cell)[0] for cell in markdown(notebook) if MYST.search(cell)] == []


def test_notebook_prose_has_no_typed_results(notebook):
    assert [number for cell in markdown(notebook) for number in typed_numbers(cell)] == []


def test_notebook_display_math_is_in_its_own_paragraph(notebook):
    assert [formula for cell in markdown(notebook) for formula in inline_display_math(cell)] == []


def test_notebook_slider_functions_read_no_redefined_names(notebook):
    assert redefined_names(notebook) == [], "move the names that a slider function uses into the function"


def test_notebook_cells_collapse_in_every_frontend_or_none(notebook):
    assert partly_collapsed_cells(notebook) == []


def test_notebook_cells_are_short(notebook):
    assert oversized_cells(notebook) == [], (
        "split the cell at a step that a reader understands on its own, or move code for tables and figures to "
        "tutorial_course.findings and tutorial_course.plots"
    )


def test_notebook_advanced_sections_are_collapsed(notebook):
    assert advanced_sections.collapse(copy.deepcopy(notebook)) == notebook, (
        "`python -m docs_ext.advanced_sections chapters/*.ipynb` collapses them"
    )


def test_notebook_states_its_budget(notebook):
    assert not without_budget(notebook), (
        f"the line that begins with **Time** must state a budget: **budget for one run** {execution_stats.BUDGET_TEXT}"
    )


def test_notebook_stores_only_compared_outputs(notebook):
    assert wrongly_stored(notebook) == []


def test_notebook_metadata_is_minimal(notebook):
    assert set(notebook["metadata"]) <= {"kernelspec", "language_info", "accelerator", "colab"}
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert [
        set(cell["metadata"]) - ALLOWED_METADATA
        for cell in notebook["cells"]
        if set(cell["metadata"]) - ALLOWED_METADATA
    ] == []


def test_notebook_has_one_title(notebook):
    titles = [line for cell in markdown(notebook) for line in CODE.sub("", cell).splitlines() if line.startswith("# ")]
    assert len(titles) == 1


# Tests of the checks.


@pytest.mark.parametrize(
    "prose",
    [
        "It finds 93 % of them.",
        "It finds 93% of them.",
        "an AUROC of .91",
        "an AUROC of 0.91 (see 1.1)",
        "| 0.5 |",
        "2.3 times as many",
    ],
)
def test_typed_numbers_detects_results_in_prose(prose):
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
def test_typed_numbers_ignores_references_code_and_formulas(prose):
    assert typed_numbers(prose) == []


@pytest.mark.parametrize(
    "prose", [":::{note}\nx\n:::", "```{note}\nx\n```", "see {ref}`x`", "(label)=\n# T", "a note[^1]"]
)
def test_myst_pattern_detects_myst_syntax(prose):
    assert MYST.search(prose)


@pytest.mark.parametrize("prose", ["```python\nx\n```", "a {brace} and `code`", "$\\mathbf{x}$ `y`", "(aside) = 3"])
def test_myst_pattern_ignores_portable_markdown(prose):
    assert not MYST.search(prose)


@pytest.mark.parametrize("prose", ["counts:\n$$ x $$\n\nNo", "is $$ x $$.\n", "$$ x $$ and more", "a\n\n$$\nx\n$$ b"])
def test_inline_display_math_detects_math_within_text(prose):
    assert len(inline_display_math(prose)) == 1


@pytest.mark.parametrize(
    "prose", ["counts:\n\n$$ x $$\n\nNo", "$$\nx\n$$", "a\n\n  $$ x $$\nb", "`a $$ b $$`", "$x$ costs"]
)
def test_inline_display_math_ignores_separate_paragraphs(prose):
    assert inline_display_math(prose) == []


SLIDERS = (
    "plane = 1\ndef play(step):\n    def inner():\n        return plane + step\n    return inner\n"
    "interactive_figure(play, step=[1, 2])"
)


@pytest.mark.parametrize(
    "later", ["plane = 2", "for plane in []: pass", "(a, plane), b = c", "def plane(): pass", "with a as plane: pass"]
)
def test_redefined_names_detects_later_assignments(later):
    assert redefined_names({"cells": cell(SLIDERS)["cells"] + cell(later)["cells"]}) == ["plane"]


@pytest.mark.parametrize(
    "later", ["step = 2", "print(plane)", "import plane", "def f():\n    plane = 2", "[plane for plane in a]"]
)
def test_redefined_names_ignores_harmless_uses(later):
    assert redefined_names({"cells": cell(SLIDERS)["cells"] + cell(later)["cells"]}) == []
    assert redefined_names({"cells": cell(later)["cells"] + cell(SLIDERS)["cells"]}) == []


COLLAPSED_METADATA = {"tags": ["hide-input"], "cellView": "form", "jupyter": {"source_hidden": True}}
TEXT = [{"output_type": "stream", "name": "stdout", "text": ["one\n"]}]
RESULT = [{"output_type": "execute_result", "execution_count": 3, "data": {"text/plain": ["1"]}, "metadata": {}}]


def cell(source, outputs=(), count=None, **metadata):
    result = {"outputs": list(outputs), "execution_count": count}
    return {
        "cells": [{"cell_type": "code", "id": "a", "metadata": metadata, "source": source} | result],
        "metadata": {},
    }


@pytest.mark.parametrize("source", ["# @title Draw\nx", "# @title Accuracy by angle"])
def test_partly_collapsed_cells_ignores_consistent_cells(source):
    assert (
        partly_collapsed_cells(cell(source, **COLLAPSED_METADATA))
        == partly_collapsed_cells(cell("x = 1"))
        == partly_collapsed_cells(cell(""))
        == []
    )
    assert partly_collapsed_cells(cell(source, **COLLAPSED_METADATA | {"tags": ["setup", "remove-cell"]})) == []


@pytest.mark.parametrize(
    ("source", "metadata"),
    [
        ("# @title Draw\nx", {}),
        ("x = 1", COLLAPSED_METADATA),
        ("# @title \nx = 1", COLLAPSED_METADATA),
        ("x = 1\n# @title Draw", COLLAPSED_METADATA),
        *[
            ("# @title Draw\nx", {key: value for key, value in COLLAPSED_METADATA.items() if key != left})
            for left in COLLAPSED_METADATA
        ],
        ("# @title Draw\nx", COLLAPSED_METADATA | {"jupyter": {"source_hidden": False}}),
        ("# @title Draw\nx", COLLAPSED_METADATA | {"cellView": "both"}),
        ("x = 1", {"tags": ["hide-input"]}),
        ("x = 1", {"tags": ["setup", "remove-cell"]}),
    ],
)
def test_partly_collapsed_cells_detects_mixed_metadata(source, metadata):
    assert partly_collapsed_cells(cell(source, **metadata)) == [source]


@pytest.mark.parametrize(
    ("first", "n_lines", "columns", "is_oversized"),
    [
        ("x", 15, 100, False),
        ("x", 16, 1, True),
        ("x", 2, 101, True),
        ("# @title Accuracy", 25, 300, False),
        ("# @title Accuracy", 26, 1, True),
        ("# A comment", 16, 1, True),
    ],
)
def test_oversized_cells_counts_lines_that_are_not_empty(first, n_lines, columns, is_oversized):
    source = "\n\n".join([first, *["x" * columns] * (n_lines - 1)])
    assert oversized_cells(cell(source)) == ([source] if is_oversized else [])


@pytest.mark.parametrize(
    ("outputs", "count", "metadata"),
    [
        (TEXT, 1, {}),
        ([], None, {"tags": ["nbval-check-output"]}),
        (TEXT, None, {"tags": ["nbval-check-output"]}),
        (TEXT, 2, {"tags": ["nbval-check-output"]}),
        (RESULT, 1, {"tags": ["nbval-check-output"]}),
        ([], 1, {}),
    ],
)
def test_wrongly_stored_detects_each_mismatch(outputs, count, metadata):
    assert wrongly_stored(cell("x", outputs, count, **metadata)) == ["x"]


def test_wrongly_stored_accepts_compared_outputs():
    assert wrongly_stored(cell("x", TEXT, 1, tags=["nbval-check-output"])) == wrongly_stored(cell("x")) == []


@pytest.mark.parametrize(
    ("line", "is_missing"),
    [
        ("> **Time** 10 min · **budget** 75 s and 3 GB", False),
        ("> **Time** 10 min", True),
        ("> **budget** 90 s and 3 GB", True),
        ("> **budget** 60 s and 4 GB", True),
    ],
)
def test_without_budget_detects_missing_or_excessive_budget(line, is_missing):
    first, divider = ({"cell_type": "markdown", "metadata": {}, "source": source} for source in (line, "## Go deeper"))
    assert without_budget({"cells": [first, divider]}) == is_missing
    assert not without_budget({"cells": [first]})


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"id": "d"},
        {advanced_sections.COLLAPSED_KEY: True},
        {advanced_sections.COLLAPSED_KEY: True, "id": "other"},
        {advanced_sections.COLLAPSED_KEY: False, "id": "d"},
    ],
)
@pytest.mark.parametrize("colab", [{}, {"collapsed_sections": ["other"]}, {"collapsed_sections": ["d"]}])
def test_notebook_collapse_check_detects_open_advanced_sections(metadata, colab):
    divider = {"cell_type": "markdown", "id": "d", "metadata": dict(metadata), "source": "## Go deeper"}
    notebook = {"cells": [divider], "metadata": {"colab": dict(colab)}}
    with pytest.raises(AssertionError):
        test_notebook_advanced_sections_are_collapsed(notebook)
    test_notebook_advanced_sections_are_collapsed(advanced_sections.collapse(notebook))


# Names of the packages.


def missing_names(notebook):
    """Return the names that code cells, and code in the text, take from our packages although they do not exist."""
    cells = notebook["cells"]
    code = "\n".join(advanced_sections.text(cell) for cell in cells if cell["cell_type"] == "code")
    nodes = [*ast.walk(ast.parse(re.sub(r"(?m)^(\s*)[%!].*$", r"\1pass", code)))]
    imports = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module.startswith("tutorial_")]
    imported = {(alias.asname or alias.name): (node.module, alias.name) for node in imports for alias in node.names}
    used = {(*imported[n.value.id], n.attr) for n in nodes if isinstance(n, ast.Attribute) and name_of(n) in imported}
    text = "\n".join(advanced_sections.text(cell) for cell in cells if cell["cell_type"] == "markdown")
    packages = "|".join(path.parent.name for path in (ROOT / "tutorial_lib").glob("*/__init__.py"))
    used |= {("tutorial_lib", *match) for match in re.findall(rf"`(?:tutorial_lib\.)?({packages})\.(\w+)", text)}
    return sorted(".".join(path) for path in {*imported.values(), *used} if not exists(*path))


def name_of(attribute):
    """Return the name of which an attribute is taken, or None if it is not a name."""
    return attribute.value.id if isinstance(attribute.value, ast.Name) else None


def exists(module, name, *attributes):
    """Return whether a module contains a name, and if the name is a module, whether that contains the attributes."""
    owner = importlib.import_module(module)
    if not hasattr(owner, name):
        if not importlib.util.find_spec(f"{module}.{name}"):
            return False
        owner = importlib.import_module(f"{module}.{name}")
    else:
        owner = getattr(owner, name)
    return type(owner).__name__ != "module" or all(hasattr(owner, attribute) for attribute in attributes)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_uses_only_existing_names_of_our_packages(path):
    assert missing_names(json.loads(path.read_text(encoding="utf-8"))) == []


def test_missing_names_finds_imports_attributes_and_names_in_text():
    code = "from tutorial_lib import gradients, nothing\ngradients.input_gradient, gradients.no_such_function"
    text = "Call `gradients.another` or `gradients.logit`."
    cells = [{"cell_type": "code", "source": code}, {"cell_type": "markdown", "source": text}]
    expected = ["gradients.another", "gradients.no_such_function", "nothing"]
    assert missing_names({"cells": cells}) == [f"tutorial_lib.{name}" for name in expected]
