"""Tests of the date at the end of a page, on a small repository."""

import os
import subprocess
from datetime import date

import pytest

from docs_ext import last_changed


def commit(root, day, **texts):
    """Write texts into pages and commit them on a day."""
    for name, text in texts.items():
        (root / "chapters" / f"{name}.md").write_text(text, encoding="utf-8")
    at = f"{day}T12:00:00+0000"
    variables = {"GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at, "GIT_CONFIG_GLOBAL": os.devnull}
    for command in (["add", "."], ["-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "-qm", "Change"]):
        subprocess.run(["git", *command], cwd=root, env=os.environ | variables, check=True)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "project" / "chapters").mkdir(parents=True)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path / "project", check=True)
    commit(tmp_path / "project", "2024-02-29", one="a", twö="b")
    commit(tmp_path / "project", "2025-12-01", one="c")
    return tmp_path / "project"


def test_change_dates_are_those_of_the_last_commit_that_changed_a_page(root):
    expected = {"chapters/one.md": date(2025, 12, 1), "chapters/twö.md": date(2024, 2, 29)}
    assert last_changed.change_dates(root, "chapters") == expected


def test_page_that_differs_from_the_last_commit_has_no_date(root):
    (root / "chapters" / "one.md").write_text("d", encoding="utf-8")
    (root / "chapters" / "new.md").write_text("e", encoding="utf-8")
    assert list(last_changed.change_dates(root, "chapters")) == ["chapters/twö.md"]


def test_clone_without_history_has_no_dates(root, tmp_path):
    command = ["git", "clone", "-q", "--depth", "1", root.as_uri(), str(tmp_path / "shallow")]
    subprocess.run(command, check=True)
    assert last_changed.change_dates(tmp_path / "shallow", "chapters") == {}


def test_copy_without_its_own_repository_has_no_dates(root, tmp_path):
    (root / "unpacked").mkdir()
    assert last_changed.change_dates(root / "unpacked", "chapters") == {}
    assert last_changed.change_dates(tmp_path, "chapters") == {}


def test_machine_without_git_has_no_dates(root, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert last_changed.change_dates(root, "chapters") == {}
