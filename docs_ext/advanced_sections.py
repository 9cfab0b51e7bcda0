"""Doors: a chapter has two depths, and the deeper one stands behind a door.

The door is the Markdown cell ``## Go deeper``; a chapter ends with what is behind it. First comes the state cell, a code cell tagged
``state``, then sections that begin ``### 1.A …``, ``### 1.B …``. Each stands on the setup cell and the state cell alone, so that a
reader may open any one of them.

No extension: in the book, _static/advanced_sections.js closes the door. In a notebook the editors fold headings, if its metadata say so, each
editor by a key of its own. This command writes them: ``python docs_ext/advanced_sections.py chapters/*.ipynb``.
"""

import json
import re
import sys
from pathlib import Path
from typing import NamedTuple

DIVIDER = re.compile(r"## Go deeper\s*$", re.M)
SECTION = re.compile(r"### (\d+)\.([A-Z]) \S")
HEADING = re.compile(r"^(#{1,3}) .*$", re.M)
FENCED = re.compile(r"^(```+|~~~+).*?^\1\s*$", re.S | re.M)
COLLAPSED_KEY = "jp-MarkdownHeadingCollapsed"


class ChapterParts(NamedTuple):
    """The cells of a chapter by depth: before the door, the door with its words, the state cell, and each section by its title."""

    core: list
    divider: list
    setup_cell: dict
    sections: dict


def text(cell):
    return "".join(cell["source"])


def markdown(cell):
    return text(cell) if cell["cell_type"] == "markdown" else ""


def find_dividers(notebook):
    """Places of the cells that are doors: none or one in a chapter that is right."""
    return [i for i, cell in enumerate(notebook["cells"]) if DIVIDER.match(markdown(cell))]


def split_chapter(notebook):
    """A chapter by its depths, or None where it has no door.

    Raises:
        ValueError: the door, the state cell or a section stands where a reader, or a test, would not find it.
    """
    cells, found = notebook["cells"], find_dividers(notebook)
    if not found:
        return None
    if len(found) > 1:
        raise ValueError(f"{len(found)} cells begin with '## Go deeper'; a chapter has one door")
    at = found[0]
    places = {i: cell for i, cell in enumerate(cells) if i > at and SECTION.match(markdown(cell))}
    states = [i for i, cell in enumerate(cells) if "state" in cell["metadata"].get("tags", [])]
    if states != [at + 1] or cells[at + 1]["cell_type"] != "code":
        raise ValueError("the cell after '## Go deeper' is the state cell: a code cell tagged 'state', the only one")
    if not places or min(places) != at + 2:
        raise ValueError("the first deeper section, '### 1.A …', begins right after the state cell")
    for cell in cells[at:]:
        # The heading that opens the door or a section is the first line of its cell; any other of these ranks would end it unseen.
        first = len(text(cell).splitlines()[0]) if DIVIDER.match(markdown(cell)) or SECTION.match(markdown(cell)) else 0
        other = HEADING.search(FENCED.sub("", markdown(cell)[first:]))
        if other:
            raise ValueError(
                f"{other[0]!r} stands behind the door: neither '### 1.A …' at the top of a cell nor a part of one (####)"
            )
    names = [SECTION.match(markdown(cell)).groups() for cell in places.values()]
    if names != [(names[0][0], chr(ord("A") + i)) for i in range(len(names))]:
        raise ValueError(
            f"deeper sections are lettered in order, these are {', '.join('.'.join(name) for name in names)}"
        )
    ends = [*list(places)[1:], len(cells)]
    titles = [markdown(cell).splitlines()[0].removeprefix("### ") for cell in places.values()]
    return ChapterParts(
        cells[:at],
        [cells[at]],
        cells[at + 1],
        {t: cells[i:end] for t, i, end in zip(titles, places, ends, strict=True)},
    )


def collapse(notebook):
    """Fold the door in JupyterLab (a mark on the cell) and on Colab (a list of cells, by the name it keeps in a cell's metadata)."""
    for cell in notebook["cells"]:
        cell["metadata"].pop(COLLAPSED_KEY, None)
        cell["metadata"].pop("id", None)
    doors = [notebook["cells"][i] for i in find_dividers(notebook)]
    for cell in doors:
        cell["metadata"] |= {COLLAPSED_KEY: True, "id": cell["id"]}
    kept = {key: value for key, value in notebook["metadata"].get("colab", {}).items() if key != "collapsed_sections"}
    colab = kept | ({"collapsed_sections": [cell["id"] for cell in doors]} if doors else {})
    notebook["metadata"].pop("colab", None)
    notebook["metadata"] |= {"colab": colab} if colab else {}
    return notebook


if __name__ == "__main__":
    for chapter in map(Path, sys.argv[1:]):
        notebook = collapse(json.loads(chapter.read_text(encoding="utf-8")))
        chapter.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(chapter, "has a door, folded" if split_chapter(notebook) else "has no door")
