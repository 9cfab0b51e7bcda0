"""Tests that static sliders work without a kernel and without a network, in a book of one page."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from docs_ext import static_sliders

ROOT = Path(__file__).parents[3]
BUILD = (
    "import sys; from jupyter_book.cli.main import main; "
    "sys.argv = ['jupyter-book', 'build', '.', '-W', '-n', '--keep-going']; main()"
)
CELL = """\
from matplotlib.figure import Figure
from tutorial_course.widgets import interactive_figure

def draw(step, size=1):
    figure = Figure(figsize=(6, 2.5), layout="constrained")
    figure.subplots().plot([0, step, 2 * step], [0, size, 0])
    figure.axes[0].set(xlim=(0, 10), ylim=(0, 3), xlabel="x", ylabel="height")
    return figure
"""
FIRST = (
    'interactive_figure(draw, lambda step, size: f"A tent {size} high, its top at {step}.", '
    "step=range(1, 5), size=[1, 2.5])"
)
SECOND = 'interactive_figure(draw, lambda step: f"A low tent, its top at {step}.", step=range(1, 5), start={"step": 3})'


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    root_dir = tmp_path_factory.mktemp("book")
    for part in ["docs_ext", "tools", "_templates", "_static"]:
        shutil.copytree(ROOT / part, root_dir / part, ignore=shutil.ignore_patterns("__pycache__"))
    (root_dir / "chapters").mkdir()
    shutil.copy(ROOT / "chapters" / "references.bib", root_dir / "chapters")
    (root_dir / "pyproject.toml").write_text('[project]\nname = "x"\n', encoding="utf-8")
    (root_dir / "requirements.lock").touch()
    settings = (
        (ROOT / "_config.yml")
        .read_text(encoding="utf-8")
        .replace("only_build_toc_files: false", "only_build_toc_files: true")
    )
    (root_dir / "_config.yml").write_text(settings, encoding="utf-8")
    (root_dir / "_toc.yml").write_text("format: jb-book\nroot: chapters/page\n", encoding="utf-8")
    cells = [{"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# Title\n\n## Part\n\n$x$"}]
    for name, source in {"b": CELL + FIRST, "c": SECOND}.items():
        cells.append(
            {"cell_type": "code", "id": name, "metadata": {}, "source": source, "execution_count": None, "outputs": []}
        )
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    (root_dir / "chapters" / "page.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    process = subprocess.run(
        [sys.executable, "-c", BUILD],
        cwd=root_dir,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert process.returncode == 0, process.stdout[-3000:] + process.stderr[-3000:]
    return root_dir / "_build" / "html" / "chapters" / "page.html"


def test_static_sliders_setup_sets_book_variable(monkeypatch):
    monkeypatch.delenv("TUTORIAL_BOOK", raising=False)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    assert static_sliders.setup(None)["parallel_read_safe"]
    assert os.environ["TUTORIAL_BOOK"] == "1"


def test_static_sliders_replace_widgets_in_built_page(page):
    html = page.read_text(encoding="utf-8")
    soup = BeautifulSoup(html, "html.parser")
    frames = [
        json.loads(figure.find("script", type="application/json").string)["frames"]
        for figure in soup.select("figure.explore")
    ]
    assert [len(of_one) for of_one in frames] == [8, 4]
    assert frames[0][5][1] == "A tent 2.5 high, its top at 3."
    assert not any(word in html for word in ["widget-view", "widget-state", "embed-amd", "require.js"])
    assert [tag["src"] for tag in soup.find_all(src=True) if tag["src"].startswith(("http", "//"))] == []


@pytest.mark.parametrize("width, scheme", [(1280, "light"), (390, "dark")])
def test_static_sliders_move_in_browser_offline(new_tab, page, width, scheme):
    tab, errors = new_tab(viewport={"width": width, "height": 900}, color_scheme=scheme), []
    tab.context.set_offline(True)
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("request", lambda request: request.url.startswith(("file:", "data:", "blob:")) or errors.append(request.url))
    tab.goto(page.as_uri())
    first, second = tab.locator("figure.explore img").all()
    before = first.get_attribute("src")
    assert second.get_attribute("alt") == "A low tent, its top at 3."
    tab.get_by_role("slider", name="size").focus()
    tab.keyboard.press("ArrowRight")
    tab.wait_for_selector("figure.explore img[alt='A tent 2.5 high, its top at 1.']")
    assert first.get_attribute("src") != before
    assert second.get_attribute("alt") == "A low tent, its top at 3."
    assert tab.locator("figure.explore figcaption:visible").count() == 0
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "the page scrolls sideways"
    assert errors == []


def test_static_sliders_show_first_frames_without_javascript(new_tab, page):
    tab = new_tab(java_script_enabled=False)
    tab.goto(page.as_uri())
    assert [image.get_attribute("alt") for image in tab.locator("figure.explore img:visible").all()] == [
        "A tent 1 high, its top at 1.",
        "A low tent, its top at 3.",
    ]
    assert tab.locator("figure.explore input:visible").count() == 0
    assert (
        tab.locator("figure.explore figcaption").first.inner_text()
        == "Shown for step 1 and size 1. In the notebook, you can change these settings with sliders."
    )
