"""Tests of the live exhibits in a book of two pages: only the page with an exhibit loads anything."""

import pytest
from bs4 import BeautifulSoup
from sphinx.cmd.build import build_main

from docs_ext import live_files

CONF = "extensions = ['docs_ext.live_gradients', 'myst_parser']\n"
FIGURE = '<div class="live" data-exhibit="hue">\n\nThe *figure*.\n\n</div>\n'
PLAIN = '# Plain\n\nNo exhibit, only `class="live"`.\n'


@pytest.fixture
def build(tmp_path, monkeypatch):
    """``build(index)`` builds a book and returns its folder and the folders into which files were written."""
    written = []
    monkeypatch.setattr(live_files, "write_files", written.append)

    def build_book(index):
        index = f"# Book\n\n```{{toctree}}\nplain\n```\n\n{index}"
        for name, text in {"conf.py": CONF, "index.md": index, "plain.md": PLAIN}.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        assert build_main(["-q", "-W", str(tmp_path), str(tmp_path / "html")]) == 0
        return tmp_path / "html", written

    return build_book


def test_only_page_with_exhibit_links_loader(build):
    html, written = build(FIGURE)
    page, plain = ((html / f"{name}.html").read_text(encoding="utf-8") for name in ("index", "plain"))
    assert page.count("live/loader.js") == 1 and page.count("live/live.css") == 1
    assert "_static/live" not in plain
    assert all(name not in page for name in ("weights.js", "images.js", "engine.js", "exhibits.js"))
    assert written == [html / "_static" / "live"]
    figure = BeautifulSoup(page, "html.parser").select_one("div.live[data-exhibit=hue] > p")
    assert figure.get_text() == "The figure."


def test_book_without_exhibit_contains_no_files_of_exhibits(build):
    html, written = build("No exhibit.\n")
    assert written == [] and not (html / "_static" / "live").exists()


def test_files_of_exhibits_are_complete(tmp_path, monkeypatch):
    monkeypatch.setattr(live_files, "images_script", lambda: "")
    live_files.write_files(tmp_path / "live")
    names = {path.name for path in (tmp_path / "live").iterdir()}
    assert names == {"engine.js", "exhibits.js", "images.js", "live.css", "loader.js", "weights.js"}
