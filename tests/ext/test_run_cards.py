"""A chapter's last run is measured in its own process, and shown on its first screen."""

import inspect
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import run_cards
from bs4 import BeautifulSoup

ROOT = Path(__file__).parent.parent.parent
BUILD = "import sys; from jupyter_book.cli.main import main; sys.argv = ['jupyter-book', 'build', '.', '-W', '--keep-going']; main()"
MEASURE = inspect.getsource(run_cards.measure) + "\nmeasure()"


def measured(before=""):
    """What a process of its own says of itself, after it has done something."""
    ran = subprocess.run(
        [sys.executable, "-c", before + "\n" + MEASURE], capture_output=True, text=True, timeout=60, check=True
    )
    return json.loads(ran.stdout)


def test_memory_is_the_peak_not_what_is_left():
    small, large = measured(), measured("x = b'1' * 300_000_000; del x")
    assert 0.25 < large["gigabytes"] - small["gigabytes"] < 0.35


def test_memory_is_not_that_of_the_process_that_started_it():
    heavy = f"import subprocess, sys; x = b'1' * 500_000_000; subprocess.run([sys.executable, '-c', {MEASURE!r}], check=True); sys.exit()"
    assert measured(heavy)["gigabytes"] < 0.2


def test_seconds_are_those_of_the_processor():
    clocks = "import os, time; time.process_time = lambda: 12.5; os.times = lambda: (1, 1, 2, 0.5, 900)"
    assert measured(clocks)["processor"] == 15, "the process and its children"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("> **Time** 10 min to read · **budget** 75 s and 3 GB · **device** any", (75, 3)),
        ("> **Budget** 60 seconds, 2 GB", (60, 2)),
        ("> **Time** 10 min to read, 1 min to run", None),
        ("a budget of 75 s and 3 GB", None),
    ],
)
def test_the_budget_is_read_from_the_line_that_readers_see(text, found):
    assert run_cards.budget(text) == found


RUN = {
    "seconds": 60,
    "processor": 50,
    "gigabytes": 1.5,
    "cores": 2,
    "kind": "x86_64",
    "gpu": None,
    "date": "2026-01-05",
}


@pytest.mark.parametrize(
    ("gigabytes", "allowed", "over"),
    [(2.9, None, False), (3.01, None, True), (1.5, (75, 1), True), (3.5, (75, 4), True)],
)
def test_the_memory_budget_holds_or_it_does_not(gigabytes, allowed, over):
    card = BeautifulSoup(run_cards.card(RUN | {"gigabytes": gigabytes}, allowed), "html.parser").p
    assert run_cards.over(card) is over


def test_words():
    assert "60 s (50 s of processor time), 1.5 GB at its peak, on 2 cores (x86_64), 5 January 2026" in run_cards.card(
        RUN
    )
    assert "and a GPU (Some &amp; name)" in run_cards.card(RUN | {"gpu": "Some & name"})
    assert "budget</strong> 75 s and 3 GB" in run_cards.card(RUN)
    assert "budget" not in run_cards.card(RUN, (60, 3)), "the chapter says it already"


@pytest.fixture
def home(tmp_path):
    """A book of one chapter, with the real settings."""
    for part in ["_ext", "_templates", "_static"]:
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ["chapters", "tutorial_lib"]:
        (tmp_path / part).mkdir()
    for part in ["chapters/references.bib", "tutorial_lib/folder.py"]:
        shutil.copy(ROOT / part, tmp_path / part)
    for part in ["requirements.lock", "tutorial_lib/__init__.py"]:
        (tmp_path / part).touch()
    settings = (
        (ROOT / "_config.yml")
        .read_text(encoding="utf-8")
        .replace("only_build_toc_files: false", "only_build_toc_files: true")
    )
    (tmp_path / "_config.yml").write_text(settings, encoding="utf-8")
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: chapters/01-page\n", encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n', encoding="utf-8")
    return tmp_path


def build(home, words):
    """Write the chapter, build, and return the page."""
    first = {
        "cell_type": "markdown",
        "id": "a",
        "metadata": {},
        "source": f"# Title\n\n{words}\n\nMore.\n\n## Part\n\nText.",
    }
    code = {
        "cell_type": "code",
        "id": "b",
        "metadata": {},
        "source": "print('an output')",
        "execution_count": None,
        "outputs": [],
    }
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    notebook = json.dumps({"cells": [first, code], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})
    path = home / "chapters" / "01-page.ipynb"
    path.write_text(notebook, encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-c", BUILD],
        cwd=home,
        env=os.environ | {"PYTHONPATH": str(home)},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    assert path.read_text(encoding="utf-8") == notebook, "a build writes no sources"
    return BeautifulSoup(
        (home / "_build" / "html" / "chapters" / "01-page.html").read_text(encoding="utf-8"), "html.parser"
    )


def test_the_card_of_a_page_and_of_the_same_run_later(home):
    page = build(home, "> **Time** a minute · **budget** 20 s and 1 GB")
    (card,) = page.select(".run-card")
    assert card.parent.name == "div" and card.parent.parent.name == "blockquote" and "Time" in card.parent.text
    assert card["data-allowed-gb"] == "1"
    assert all(float(card[f"data-{name}"]) > 0 for name in ("seconds", "processor", "gigabytes"))
    outputs = [output.text.strip() for output in page.select("div.cell_output")]
    assert outputs == ["an output"], "the measuring cell is not on the page"
    assert "run-card" not in (home / "_build" / "html" / "_sources" / "chapters" / "01-page.ipynb").read_text(
        encoding="utf-8"
    )
    # Other words, the same cells: nothing is run, and the card is that of the run that made the outputs.
    page = build(home, "Nothing about time.")
    (later,) = page.select(".run-card")
    assert [later[f"data-{name}"] for name in ("seconds", "processor", "gigabytes")] == [
        card[f"data-{name}"] for name in ("seconds", "processor", "gigabytes")
    ]
    assert later["data-allowed-gb"] == str(run_cards.GIGABYTES)
    assert later.find_previous("p").text == "More." and later.find_next("h2").text.startswith("Part")
