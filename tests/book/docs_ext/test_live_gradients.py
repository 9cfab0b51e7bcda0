"""Tests of the live exhibits in a book of two pages: only the page with an exhibit loads anything."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

CONF = "extensions = ['docs_ext.live_gradients', 'myst_parser']\n"
INDEX = '# Book\n\n```{toctree}\nplain\n```\n\n<div class="live" data-exhibit="hue">\n\nThe *figure*.\n\n</div>\n'


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    source = tmp_path_factory.mktemp("book")
    files = {"conf.py": CONF, "index.md": INDEX, "plain.md": '# Plain\n\nNo exhibit, only `class="live"`.\n'}
    for name, text in files.items():
        (source / name).write_text(text, encoding="utf-8")
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-m", "sphinx", "-q", "-W", str(source), str(source / "html")]
    subprocess.run(command, check=True, env=environment, cwd=source)
    return source / "html"


def test_only_page_with_exhibit_links_loader(html):
    page, plain = ((html / f"{name}.html").read_text(encoding="utf-8") for name in ("index", "plain"))
    assert page.count("live/loader.js") == 1 and page.count("live/live.css") == 1
    assert "_static/live" not in plain
    assert all(name not in page for name in ("weights.js", "images.js", "engine.js", "exhibits.js"))


def test_exhibit_surrounds_its_figure(html):
    page = BeautifulSoup((html / "index.html").read_text(encoding="utf-8"), "html.parser")
    assert page.select_one("div.live[data-exhibit=hue] > p").get_text() == "The figure."


def test_files_of_exhibits_are_written(html):
    names = {path.name for path in (html / "_static" / "live").iterdir()}
    assert names == {"engine.js", "exhibits.js", "images.js", "live.css", "loader.js", "weights.js"}
