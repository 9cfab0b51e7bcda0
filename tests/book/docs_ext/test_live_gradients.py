"""Tests of the live exhibits in a book of two pages: only the page with an exhibit loads anything."""

import json
import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from sphinx.cmd.build import build_main

from docs_ext import live_files

ROOT = Path(__file__).parents[3]
CONF = "extensions = ['docs_ext.live_gradients', 'myst_parser']\n"
FIGURE = '<div class="live" data-exhibit="hue">\n\nThe *figure*.\n\n</div>\n'
BELOW = FIGURE.replace('"live"', '"live live-below"').replace('"hue"', '"hue" data-state="hue=60"')
EXHIBITS = sorted(path.stem for path in (ROOT / "live" / "exhibits").iterdir())
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


@pytest.mark.parametrize("exhibit", [FIGURE, BELOW], ids=["around a figure", "below a figure"])
def test_only_page_with_exhibit_links_loader(build, exhibit):
    html, written = build(exhibit)
    page, plain = ((html / f"{name}.html").read_text(encoding="utf-8") for name in ("index", "plain"))
    assert page.count("live/loader.js") == 1 and page.count("live/live.css") == 1
    assert "_static/live" not in plain
    assert all(name not in page for name in ("weights.js", "images.js", "engine.js", "exhibits/"))
    assert written == [html / "_static" / "live"]
    figure = BeautifulSoup(page, "html.parser").select_one("div.live[data-exhibit=hue] > p")
    assert figure.get_text() == "The figure."


def test_book_without_exhibit_contains_no_files_of_exhibits(build):
    html, written = build("No exhibit.\n")
    assert written == [] and not (html / "_static" / "live").exists()


def test_files_of_exhibits_are_complete(tmp_path, monkeypatch):
    for script in ("images_script", "unusual_script"):
        monkeypatch.setattr(live_files, script, lambda: "")
    live_files.write_files(tmp_path / "live")
    loader = (tmp_path / "live" / "loader.js").read_text(encoding="utf-8")
    names = {path.relative_to(tmp_path / "live").as_posix() for path in (tmp_path / "live").rglob("*.*")}
    shared = re.findall(r'"([a-z]+\.js)"', loader)
    assert names == {"live.css", "loader.js", *shared, *(f"exhibits/{name}.js" for name in EXHIBITS)}


def exhibits_of(text):
    return re.findall(
        r'^<div class="live(?: live-below)?" data-exhibit="([a-z]+)"(?: data-state="[^"]+")?>$', text, re.M
    )


def test_chapters_and_playground_contain_every_exhibit():
    playground = (ROOT / "chapters" / "playground.md").read_text(encoding="utf-8")
    assert sorted(exhibits_of(playground)) == EXHIBITS
    in_chapters = []
    for path in sorted((ROOT / "chapters").glob("*.ipynb")):
        cells = ["".join(cell["source"]) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]]
        for cell in filter(exhibits_of, cells):
            # JupyterLab and Colab show one sentence, which links the same exhibit in the playground.
            (name,) = exhibits_of(cell)
            sentence = re.fullmatch(r"<div [^>]+>\n\n(.+)\n\n</div>", cell)[1]
            assert re.findall(r"\]\((.*?)\)", sentence) == [f"playground.md#playground-{name}"]
            assert f"(playground-{name})=\n##" in playground and 'class="live live-below"' in cell
            in_chapters.append(name)
    assert sorted(set(in_chapters)) == EXHIBITS
