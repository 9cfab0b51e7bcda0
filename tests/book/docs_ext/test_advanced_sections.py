"""Tests that a chapter is split into core and advanced sections, and collapsed in every notebook editor."""

import copy
import json
import subprocess
import sys

import pytest

from docs_ext import advanced_sections


def md(source, **metadata):
    return {
        "cell_type": "markdown",
        "id": "".join(filter(str.isalnum, source))[:12],
        "metadata": metadata,
        "source": source,
    }


def code(source, *tags):
    metadata = {"tags": list(tags)} if tags else {}
    return {
        "cell_type": "code",
        "id": "c",
        "metadata": metadata,
        "execution_count": None,
        "outputs": [],
        "source": source,
    }


CORE = [md("# A chapter"), code("setup", "setup"), md("## 1.1 Core"), code("core")]
DIVIDER, STATE = md("## Go deeper\n\n**End of the core path.**"), code("state", "state")
A = [md("### 1.A First\n\nWords.\n\n#### A part of it\n\n```python\n# a comment\n```"), code("a")]
B = [md("### 1.B Second"), code("b"), md("More words."), code("b again")]


def make_notebook(*cells):
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return {"cells": copy.deepcopy(list(cells)), "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}


def test_split_chapter_separates_core_and_advanced_sections():
    core, divider, state, sections = advanced_sections.split_chapter(make_notebook(*CORE, DIVIDER, STATE, *A, *B))
    assert (core, divider, state, sections) == (CORE, [DIVIDER], STATE, {"1.A First": A, "1.B Second": B})
    assert advanced_sections.split_chapter(make_notebook(*CORE)) is None
    assert (
        advanced_sections.split_chapter(make_notebook(md("## Go deeper than that"), md("We go deeper.\n\n## Going on")))
        is None
    )


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([*CORE, DIVIDER, STATE, *A, DIVIDER], "only one divider"),
        ([*CORE, DIVIDER, *A], "state cell"),
        ([*CORE, DIVIDER, md("Words."), STATE, *A], "state cell"),
        ([*CORE, DIVIDER, md("state", tags=["state"]), *A], "state cell"),
        ([*CORE, STATE, DIVIDER, STATE, *A], "state cell"),
        ([*CORE, DIVIDER, STATE], "first advanced section"),
        ([*CORE, DIVIDER, STATE, code("astray"), *A], "first advanced section"),
        ([*CORE, DIVIDER, STATE, *B, *A], "in order"),
        ([*CORE, DIVIDER, STATE, *A, md("### 1.C Third")], "in order"),
        ([*CORE, DIVIDER, STATE, *A, md("### 2.B Second")], "in order"),
        ([*CORE, DIVIDER, STATE, *A, md("## 1.2 More core"), code("lost")], "is below '## Go deeper'"),
        ([*CORE, DIVIDER, STATE, *A, md("### What we saw")], "is below '## Go deeper'"),
        ([*CORE, DIVIDER, STATE, *A, md("Words first.\n\n### 1.B Second")], "is below '## Go deeper'"),
        ([*CORE, DIVIDER, STATE, md("### 1.A First\n\n### 1.B Second")], "is below '## Go deeper'"),
    ],
)
def test_split_chapter_rejects_misplaced_cells(cells, message):
    with pytest.raises(ValueError, match=message):
        advanced_sections.split_chapter(make_notebook(*cells))


def test_collapse_marks_only_the_divider():
    notebook = make_notebook(
        *CORE, md("## 1.2", **{advanced_sections.COLLAPSED_KEY: True, "id": "x"}), DIVIDER, STATE, *A
    )
    notebook["metadata"]["colab"] = {"provenance": [], "collapsed_sections": ["gone"]}
    collapsed = advanced_sections.collapse(notebook)
    assert collapsed["metadata"]["colab"] == {"provenance": [], "collapsed_sections": [DIVIDER["id"]]}
    assert [cell["metadata"] for cell in collapsed["cells"] if cell["cell_type"] == "markdown"] == [
        {}, {}, {}, {advanced_sections.COLLAPSED_KEY: True, "id": DIVIDER["id"]}, {}
    ]  # fmt: skip
    assert advanced_sections.collapse(copy.deepcopy(collapsed)) == collapsed
    without = [
        cell for cell in collapsed["cells"] if not advanced_sections.DIVIDER.match(advanced_sections.markdown(cell))
    ]
    assert advanced_sections.collapse(collapsed | {"cells": without})["metadata"]["colab"] == {"provenance": []}
    assert "colab" not in advanced_sections.collapse(make_notebook(*CORE))["metadata"]


def test_advanced_sections_command_changes_only_collapse_metadata(tmp_path):
    path, plain = tmp_path / "01-a.ipynb", make_notebook(*CORE, DIVIDER, STATE, *A)
    path.write_text(json.dumps(plain), encoding="utf-8")
    command = [sys.executable, "-m", "docs_ext.advanced_sections", path]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "has advanced sections, collapsed" in output
    first = path.read_text(encoding="utf-8")
    assert json.loads(first) == advanced_sections.collapse(plain)
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    assert path.read_text(encoding="utf-8") == first
