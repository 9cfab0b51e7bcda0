"""Tests that buttons follow the address and outputs follow the library, on a book of one page."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import repo_url

ROOT = Path(__file__).parents[2]
BUILD = (
    "import sys; from jupyter_book.cli.main import main; "
    "sys.argv = ['jupyter-book', 'build', '.', '-W', '--keep-going']; main()"
)
ADDRESS = "https://github.com/owner/project"


@pytest.fixture
def root_dir(tmp_path):
    for part in ["docs_ext", "tools", "_templates", "_static"]:
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ["chapters", "tutorial_lib"]:
        (tmp_path / part).mkdir()
    for part in ["chapters/references.bib", "tutorial_lib/_download.py"]:
        shutil.copy(ROOT / part, tmp_path / part)
    settings = (
        (ROOT / "_config.yml")
        .read_text(encoding="utf-8")
        .replace("only_build_toc_files: false", "only_build_toc_files: true")
    )
    (tmp_path / "_config.yml").write_text(settings, encoding="utf-8")
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: chapters/page\n", encoding="utf-8")
    (tmp_path / "requirements.lock").touch()
    markdown = {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# Title\n\n## Part\n\n$x$"}
    code = {
        "cell_type": "code",
        "id": "b",
        "metadata": {},
        "source": "import tutorial_lib\nprint('the constant is', tutorial_lib.WORD)",
    }
    notebook = {
        "cells": [markdown, code | {"execution_count": None, "outputs": []}],
        "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    (tmp_path / "chapters" / "page.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    return tmp_path


def build_page(root_dir, word, address):
    """Write the library and the address, build the book, and return the page."""
    (root_dir / "tutorial_lib" / "__init__.py").write_text(
        f'__version__ = "1.2.0.dev0"\nWORD = {word!r}\n', encoding="utf-8"
    )
    (root_dir / "pyproject.toml").write_text('[project]\nname = "x"\n', encoding="utf-8")
    repo_url.set_url(root_dir, address)
    process = subprocess.run(
        [sys.executable, "-c", BUILD],
        cwd=root_dir,
        env=os.environ | {"PYTHONPATH": str(root_dir)},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert process.returncode == 0, process.stdout[-3000:] + process.stderr[-3000:]
    return (root_dir / "_build" / "html" / "chapters" / "page.html").read_text(encoding="utf-8")


def test_build_buttons_and_outputs_follow_url_and_library(root_dir):
    first = build_page(root_dir, "one", ADDRESS)
    assert "the constant is one" in first
    assert "colab.research.google.com/github/owner/project/blob/main/chapters/page.ipynb" in first
    assert f"{ADDRESS}/edit/main/chapters/page.ipynb" in first
    assert f"{ADDRESS}/issues/new" in first
    assert f'href="{ADDRESS}"' in first
    assert "Last updated on" not in first  # this copy has no history
    second = build_page(root_dir, "two", repo_url.PLACEHOLDER)
    assert "the constant is two" in second and "the constant is one" not in second
    assert not any(
        word in second for word in ["colab.research", "github.com", "issues/new", "source-repository-button"]
    )
