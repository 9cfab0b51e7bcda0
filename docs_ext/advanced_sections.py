"""Split a chapter into its core and its advanced sections, and collapse the advanced sections in notebooks.

The Markdown cell ``## Go deeper`` is the divider; everything below it is advanced. First comes the state cell, a code
cell tagged ``state``, then sections that begin ``### 1.A …``, ``### 1.B …``. Each section depends only on the setup
cell and the state cell, so that a reader may run any of them alone.

This module is not an extension: in the book, _static/advanced_sections.js collapses the sections. Notebook editors
collapse headings by a metadata key of their own, which this command writes: ``python -m docs_ext.advanced_sections
chapters/*.ipynb``.
"""

import json
import re
import sys
from pathlib import Path
from typing import NamedTuple

from docs_ext.explicit_labels import without_anchors

DIVIDER = re.compile(r"## Go deeper\s*$", re.M)
SECTION = re.compile(r"### (\d+)\.([A-Z]) \S")
HEADING = re.compile(r"^(#{1,3}) .*$", re.M)
FENCED = re.compile(r"^(```+|~~~+).*?^\1\s*$", re.S | re.M)
COLLAPSED_KEY = "jp-MarkdownHeadingCollapsed"


class ChapterParts(NamedTuple):
    """The cells of a chapter: core, divider, state cell, and the cells of each advanced section by its title."""

    core: list
    divider: list
    state_cell: dict
    sections: dict


def text(cell):
    """Return the source of a cell as one string."""
    return "".join(cell["source"])


def markdown(cell):
    """Return the source of a Markdown cell without its anchors, and an empty string for any other cell."""
    return without_anchors(text(cell)) if cell["cell_type"] == "markdown" else ""


def find_dividers(notebook):
    """Return the positions of the divider cells; a valid chapter has at most one."""
    return [i for i, cell in enumerate(notebook["cells"]) if DIVIDER.match(markdown(cell))]


def split_chapter(notebook):
    """Return the parts of a chapter, or None if it has no divider.

    Raises:
        ValueError: the divider, the state cell or an advanced section is misplaced.
    """
    cells, dividers = notebook["cells"], find_dividers(notebook)
    if not dividers:
        return None
    if len(dividers) > 1:
        raise ValueError(f"{len(dividers)} cells begin with '## Go deeper'; a chapter has only one divider")
    at = dividers[0]
    places = {i: cell for i, cell in enumerate(cells) if i > at and SECTION.match(markdown(cell))}
    states = [i for i, cell in enumerate(cells) if "state" in cell["metadata"].get("tags", [])]
    if states != [at + 1] or cells[at + 1]["cell_type"] != "code":
        raise ValueError("the cell after '## Go deeper' is the state cell: a code cell tagged 'state', the only one")
    if not places or min(places) != at + 2:
        raise ValueError("the first advanced section, '### 1.A …', begins right after the state cell")
    for cell in cells[at:]:
        # The heading of the divider or of a section is the first line of its cell; another heading of these ranks would
        # end the section.
        first = (
            len(markdown(cell).splitlines()[0]) if DIVIDER.match(markdown(cell)) or SECTION.match(markdown(cell)) else 0
        )
        other = HEADING.search(FENCED.sub("", markdown(cell)[first:]))
        if other:
            raise ValueError(
                f"{other[0]!r} is below '## Go deeper': begin a cell with '### 1.A …', or use '####' inside a section"
            )
    names = [SECTION.match(markdown(cell)).groups() for cell in places.values()]
    if names != [(names[0][0], chr(ord("A") + i)) for i in range(len(names))]:
        raise ValueError(
            f"advanced sections are lettered in order, these are {', '.join('.'.join(name) for name in names)}"
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
    """Return a notebook with advanced sections collapsed, in JupyterLab (a cell key) and on Colab (a list of cells)."""
    for cell in notebook["cells"]:
        cell["metadata"].pop(COLLAPSED_KEY, None)
        cell["metadata"].pop("id", None)
    dividers = [notebook["cells"][i] for i in find_dividers(notebook)]
    for cell in dividers:
        cell["metadata"] |= {COLLAPSED_KEY: True, "id": cell["id"]}
    other = {key: value for key, value in notebook["metadata"].get("colab", {}).items() if key != "collapsed_sections"}
    colab = other | ({"collapsed_sections": [cell["id"] for cell in dividers]} if dividers else {})
    notebook["metadata"].pop("colab", None)
    notebook["metadata"] |= {"colab": colab} if colab else {}
    return notebook


if __name__ == "__main__":
    for chapter in map(Path, sys.argv[1:]):
        notebook = collapse(json.loads(chapter.read_text(encoding="utf-8")))
        chapter.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(chapter, "has advanced sections, collapsed" if split_chapter(notebook) else "has no advanced sections")
