"""Tests that a chapter's last run is measured in its own process and shown on its first screen."""

import inspect
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from docs_ext import execution_stats

ROOT = Path(__file__).parents[3]
BUILD = (
    "import sys; from jupyter_book.cli.main import main; "
    "sys.argv = ['jupyter-book', 'build', '.', '-W', '--keep-going']; main()"
)
MEASURE = inspect.getsource(execution_stats.measurement_cell) + "\nmeasurement_cell()"


def measure_subprocess(before=""):
    """Return the measurements of a new process that first runs the code ``before``."""
    process = subprocess.run(
        [sys.executable, "-c", before + "\n" + MEASURE], capture_output=True, text=True, timeout=60, check=True
    )
    return json.loads(process.stdout)


def test_execution_stats_memory_is_the_peak():
    small, large = measure_subprocess(), measure_subprocess("x = b'1' * 300_000_000; del x")
    assert 0.25 < large["gigabytes"] - small["gigabytes"] < 0.35


def test_execution_stats_memory_excludes_parent_process():
    run = f"subprocess.run([sys.executable, '-c', {MEASURE!r}], check=True)"
    heavy = f"import subprocess, sys; x = b'1' * 500_000_000; {run}; sys.exit()"
    assert measure_subprocess(heavy)["gigabytes"] < 0.2


def test_execution_stats_cpu_time_includes_child_processes():
    clocks = "import os, time; time.process_time = lambda: 12.5; os.times = lambda: (1, 1, 2, 0.5, 900)"
    assert measure_subprocess(clocks)["processor"] == 15, "the process and its children"


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("> **Time** 10 min to read · **budget for one run** 75 s and 3 GB · **device** any", (75, 3)),
        ("> **Budget** 60 seconds, 2 GB", (60, 2)),
        ("> **Time** 10 min to read, 1 min to run", None),
        ("a budget of 75 s and 3 GB", None),
    ],
)
def test_execution_stats_budget_is_parsed_from_chapter_text(text, budget):
    assert execution_stats.budget(text) == budget


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
def test_exceeded_budget_compares_memory_with_limits(gigabytes, allowed, over):
    stats = BeautifulSoup(execution_stats.stats_node(RUN | {"gigabytes": gigabytes}, allowed), "html.parser").p
    assert execution_stats.exceeded_budget(stats) is over


def test_stats_node_text_lists_time_memory_and_machine():
    assert (
        "60 s (50 s of processor time), 1.5 GB at its peak, on 2 cores (x86_64), 5 January 2026"
        in execution_stats.stats_node(RUN)
    )
    assert "and a GPU (Some &amp; name)" in execution_stats.stats_node(RUN | {"gpu": "Some & name"})
    assert "budget for one run</strong> 75 s of processor time and 3 GB of memory" in execution_stats.stats_node(RUN)
    assert "budget" not in execution_stats.stats_node(RUN, (60, 3)), "the chapter states its own budget"
    assert "2026. The elapsed time exceeds the budget, but" in execution_stats.stats_node(RUN, (59, 3))
    assert "2026. The processor time exceeds the budget." in execution_stats.stats_node(RUN, (49, 3))


@pytest.fixture
def root_dir(tmp_path):
    """A book of one chapter, with the real settings."""
    for part in ["docs_ext", "tools", "_templates", "_static"]:
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ["chapters", "tutorial_lib"]:
        (tmp_path / part).mkdir()
    for part in ["chapters/references.bib", "tutorial_lib/_download.py"]:
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


def build(root_dir, text):
    """Write the chapter, build, and return the page."""
    first = {
        "cell_type": "markdown",
        "id": "a",
        "metadata": {},
        "source": f"# Title\n\n{text}\n\nMore.\n\n## Part\n\nText.",
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
    path = root_dir / "chapters" / "01-page.ipynb"
    path.write_text(notebook, encoding="utf-8")
    process = subprocess.run(
        [sys.executable, "-c", BUILD],
        cwd=root_dir,
        env=os.environ | {"PYTHONPATH": str(root_dir)},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert process.returncode == 0, process.stdout[-3000:] + process.stderr[-3000:]
    assert path.read_text(encoding="utf-8") == notebook, "a build must not change its sources"
    return BeautifulSoup(
        (root_dir / "_build" / "html" / "chapters" / "01-page.html").read_text(encoding="utf-8"), "html.parser"
    )


def test_execution_stats_appear_on_page_and_survive_text_changes(root_dir):
    page = build(root_dir, "> **Time** a minute · **budget for one run** 20 s and 1 GB")
    (stats,) = page.select(".execution-stats")
    assert stats.parent.name == "div" and stats.parent.parent.name == "blockquote" and "Time" in stats.parent.text
    assert stats["data-allowed-gb"] == "1"
    assert all(float(stats[f"data-{name}"]) > 0 for name in ("seconds", "processor", "gigabytes"))
    outputs = [output.text.strip() for output in page.select("div.cell_output")]
    assert outputs == ["an output"], "the measurement cell must not be on the page"
    assert "execution-stats" not in (
        root_dir / "_build" / "html" / "_sources" / "chapters" / "01-page.ipynb"
    ).read_text(encoding="utf-8")
    # The text has changed, the code has not: nothing is run, and the stats are those of the run that made the outputs.
    page = build(root_dir, "Nothing about time.")
    (later,) = page.select(".execution-stats")
    assert [later[f"data-{name}"] for name in ("seconds", "processor", "gigabytes")] == [
        stats[f"data-{name}"] for name in ("seconds", "processor", "gigabytes")
    ]
    assert later["data-allowed-gb"] == str(execution_stats.GIGABYTES)
    assert later.find_previous("p").text == "More." and later.find_next("h2").text.startswith("Part")
