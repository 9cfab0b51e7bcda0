"""A chapter is read by its depths, and folded where editors fold."""

import copy
import json
import subprocess
import sys
from pathlib import Path

import doors
import pytest


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
DOOR, STATE = md("## Go deeper\n\n**End of the core path.**"), code("state", "state")
A = [md("### 1.A First\n\nWords.\n\n#### A part of it\n\n```python\n# a comment\n```"), code("a")]
B = [md("### 1.B Second"), code("b"), md("More words."), code("b again")]


def book(*cells):
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return {"cells": copy.deepcopy(list(cells)), "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}


def test_a_chapter_by_its_depths():
    core, door, state, sections = doors.depths(book(*CORE, DOOR, STATE, *A, *B))
    assert (core, door, state, sections) == (CORE, [DOOR], STATE, {"1.A First": A, "1.B Second": B})
    assert doors.depths(book(*CORE)) is None
    assert doors.depths(book(md("## Go deeper than that"), md("We go deeper.\n\n## Going on"))) is None


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([*CORE, DOOR, STATE, *A, DOOR], "one door"),
        ([*CORE, DOOR, *A], "state cell"),
        ([*CORE, DOOR, md("Words."), STATE, *A], "state cell"),
        ([*CORE, DOOR, md("state", tags=["state"]), *A], "state cell"),
        ([*CORE, STATE, DOOR, STATE, *A], "state cell"),
        ([*CORE, DOOR, STATE], "first deeper section"),
        ([*CORE, DOOR, STATE, code("astray"), *A], "first deeper section"),
        ([*CORE, DOOR, STATE, *B, *A], "in order"),
        ([*CORE, DOOR, STATE, *A, md("### 1.C Third")], "in order"),
        ([*CORE, DOOR, STATE, *A, md("### 2.B Second")], "in order"),
        ([*CORE, DOOR, STATE, *A, md("## 1.2 More core"), code("lost")], "stands behind the door"),
        ([*CORE, DOOR, STATE, *A, md("### What we saw")], "stands behind the door"),
        ([*CORE, DOOR, STATE, *A, md("Words first.\n\n### 1.B Second")], "stands behind the door"),
        ([*CORE, DOOR, STATE, md("### 1.A First\n\n### 1.B Second")], "stands behind the door"),
    ],
)
def test_what_is_out_of_place_is_named(cells, words):
    with pytest.raises(ValueError, match=words):
        doors.depths(book(*cells))


def test_the_door_is_folded_and_nothing_else():
    notebook = book(*CORE, md("## 1.2", **{doors.FOLDED: True, "id": "x"}), DOOR, STATE, *A)
    notebook["metadata"]["colab"] = {"provenance": [], "collapsed_sections": ["gone"]}
    folded = doors.fold(notebook)
    assert folded["metadata"]["colab"] == {"provenance": [], "collapsed_sections": [DOOR["id"]]}
    assert [cell["metadata"] for cell in folded["cells"] if cell["cell_type"] == "markdown"] == [
        {}, {}, {}, {doors.FOLDED: True, "id": DOOR["id"]}, {}
    ]  # fmt: skip
    assert doors.fold(copy.deepcopy(folded)) == folded
    without = [cell for cell in folded["cells"] if not doors.DOOR.match(doors.markdown(cell))]
    assert doors.fold(folded | {"cells": without})["metadata"]["colab"] == {"provenance": []}
    assert "colab" not in doors.fold(book(*CORE))["metadata"]


def test_the_command_changes_only_the_fold(tmp_path):
    path, plain = tmp_path / "01-a.ipynb", book(*CORE, DOOR, STATE, *A)
    path.write_text(json.dumps(plain), encoding="utf-8")
    command = [sys.executable, Path(doors.__file__), path]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "has a door, folded" in said
    first = path.read_text(encoding="utf-8")
    assert json.loads(first) == doors.fold(plain)
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    assert path.read_text(encoding="utf-8") == first
