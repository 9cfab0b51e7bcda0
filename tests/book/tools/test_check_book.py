"""Tests that an empty, incomplete or outdated book is not published."""

import json

import pytest

from tools import check_book


@pytest.fixture
def root_dir(tmp_path):
    """A built book of two pages."""
    contents = {"root": "chapters/start", "parts": [{"chapters": [{"file": "chapters/01-page"}]}]}
    files = {"_toc.yml": json.dumps(contents)}
    for name, text in {"start.md": "<h1>Start</h1>", "01-page.ipynb": '<h1>1</h1><div class="cell_output x">'}.items():
        files |= {f"chapters/{name}": "source", f"_build/html/_sources/chapters/{name}": "source"}
        files[f"_build/html/chapters/{name.split('.')[0]}.html"] = text
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_check_book_accepts_complete_book(root_dir):
    assert check_book.check_book(root_dir) == (["chapters/start", "chapters/01-page"], [])


@pytest.mark.parametrize(
    ("file", "text", "error"),
    [
        ("_build/html/chapters/start.html", None, "chapters/start was not built"),
        ("_build/html/chapters/start.html", "", "chapters/start was not built"),
        ("chapters/start.md", "changed", "chapters/start was built from another version of start.md"),
        ("_build/html/_sources/chapters/01-page.ipynb", None, "chapters/01-page was built from another version of"),
        ("_build/html/chapters/01-page.html", "<h1>1</h1>", "chapters/01-page shows no output"),
    ],
)
def test_check_book_reports_each_error(root_dir, file, text, error):
    (root_dir / file).unlink() if text is None else (root_dir / file).write_text(text)
    assert [error in message for message in check_book.check_book(root_dir)[1]] == [True]
