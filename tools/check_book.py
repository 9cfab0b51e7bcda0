"""Check that the built book is complete and belongs to the present sources, before it is published.

``python -m tools.check_book`` prints what is wrong and fails, or prints the number of pages.
"""

import re
import sys
from pathlib import Path

import yaml

OUTPUT = re.compile(r'<div class="cell_output')


def page_error(root, page):
    """Return what is wrong with the built page of a source such as ``chapters/setup``, or an empty text."""
    html = root / "_build" / "html" / f"{page}.html"
    source = next(file for suffix in (".md", ".ipynb") if (file := (root / page).with_suffix(suffix)).is_file())
    copy = root / "_build" / "html" / "_sources" / source.relative_to(root)  # written by the build
    if not html.is_file() or "<h1" not in (text := html.read_text(encoding="utf-8")):
        return f"{page} was not built"
    if not copy.is_file() or copy.read_bytes() != source.read_bytes():
        return f"{page} was built from another version of {source.name}"
    if source.suffix == ".ipynb" and not OUTPUT.search(text):
        return f"{page} shows no output"
    return ""


def check_book(root):
    """Return the pages in the table of contents, and what is wrong with them."""
    contents = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    pages = [contents["root"], *(entry["file"] for part in contents["parts"] for entry in part["chapters"])]
    return pages, [error for page in pages if (error := page_error(root, page))]


if __name__ == "__main__":
    pages, errors = check_book(Path(__file__).parents[1])
    if errors:
        sys.exit("The book is not published: " + "; ".join(errors) + ". Build it again: make clean book")
    print(f"All {len(pages)} pages were built from the present sources, and every notebook shows outputs.")
