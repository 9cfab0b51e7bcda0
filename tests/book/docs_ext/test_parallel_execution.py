"""Tests that a build executes two notebooks at the same time, each once, and stops at a cell that raises."""

import nbformat
import pytest
from sphinx.application import Sphinx
from sphinx.errors import SphinxError

# Each notebook waits until the other one has started.
WAIT = """\
import time
from pathlib import Path

with open("{name}.started", "a") as started:
    started.write("started\\n")
deadline = time.monotonic() + 60
while not Path("{other}.started").exists():
    assert time.monotonic() < deadline, "the other notebook was not executed at the same time"
    time.sleep(0.05)
print("{name} met {other}")"""


def build(root, **codes):
    """Build a project of one notebook for each code, named by the keyword, and return the pages."""
    for name, code in codes.items():
        cells = [nbformat.v4.new_markdown_cell(f"# {name}"), nbformat.v4.new_code_cell(code)]
        kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), root / f"{name}.ipynb")
    settings = {
        "extensions": ["myst_nb", "docs_ext.parallel_execution"],
        "root_doc": "one",
        "nb_execution_mode": "cache",
        "nb_execution_cache_path": str(root / "cache"),
        "nb_execution_raise_on_error": True,
        "suppress_warnings": ["toc.not_included"],
    }
    app = Sphinx(root, None, root / "html", root / "doctrees", "html", settings, status=None, warning=None)
    app.build()
    return [(root / "html" / f"{name}.html").read_text(encoding="utf-8") for name in codes]


def test_parallel_execution_runs_two_notebooks_at_once_and_each_once(tmp_path):
    one, two = build(tmp_path, one=WAIT.format(name="one", other="two"), two=WAIT.format(name="two", other="one"))
    assert "one met two" in one and "two met one" in two
    assert [(tmp_path / f"{name}.started").read_text() for name in ("one", "two")] == ["started\n"] * 2


def test_parallel_execution_stops_at_cell_that_raises(tmp_path):
    with pytest.raises(SphinxError, match="two.ipynb"):
        build(tmp_path, one="x = 1", two="raise ValueError")
