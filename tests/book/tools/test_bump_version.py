"""Tests that a release writes one version everywhere, or nothing at all."""

import json
from datetime import date

import pytest

from tools import bump_version, repo_url

DAY = date(2030, 2, 1)
CHANGES = "# Changelog\n\nNewest first.\n\n## Unreleased\n\n### New\n\n- A page.\n"
CITATION = "cff-version: 1.2.0\ntype: software\nauthors: []\n"
ADDRESS = "https://github.com/owner/project"


@pytest.fixture
def project(tmp_path):
    (tmp_path / "pyproject.toml").write_text(
        f'[project]\nname = "x"\n[project.urls]\nRepository = "{ADDRESS}"\n', encoding="utf-8"
    )
    (tmp_path / "CHANGELOG.md").write_text(CHANGES, encoding="utf-8")
    (tmp_path / "CITATION.cff").write_text(CITATION, encoding="utf-8")
    (tmp_path / "tutorial_lib").mkdir()
    (tmp_path / "tutorial_lib" / "__init__.py").write_text(
        '"""Text."""\n\n__version__ = "1.2.0.dev0"\n', encoding="utf-8"
    )
    (tmp_path / "chapters").mkdir()
    cell = {"cell_type": "code", "metadata": {"tags": ["setup"]}, "source": ["old"], "outputs": []}
    (tmp_path / "chapters" / "a.ipynb").write_text(json.dumps({"cells": [cell]}), encoding="utf-8")
    return tmp_path


def read(project):
    cell = "".join(json.loads((project / "chapters" / "a.ipynb").read_text(encoding="utf-8"))["cells"][0]["source"])
    return *((project / name).read_text(encoding="utf-8") for name in ("CHANGELOG.md", "CITATION.cff")), cell


def test_bump_version_updates_every_file(project):
    assert bump_version.release(project, "1.2.0", DAY) == repo_url.library_version(project) == "1.2.0"
    changes, citation, cell = read(project)
    assert "## 1.2.0, 2030-02-01\n\n### New" in changes and "Unreleased" not in changes
    assert "version: 1.2.0\ndate-released: 2030-02-01\n" in citation and citation.startswith("cff-version: 1.2.0\n")
    assert f"git+{ADDRESS}@v1.2.0" in cell


def test_bump_version_to_dev_reopens_changelog(project):
    bump_version.release(project, "1.2.0", DAY)
    bump_version.release(project, "1.3.0.dev0", DAY)
    changes, citation, cell = read(project)
    assert changes.index("## Unreleased\n\nNothing yet.\n") < changes.index("## 1.2.0, 2030-02-01")
    assert citation == CITATION
    assert f"git+{ADDRESS}" in cell and "@v" not in cell


@pytest.mark.parametrize(
    ("version", "message"),
    [("", "is not a version"), ("next", "is not a version"), ("1.1.9", "is not above"), ("1.2.0.dev0", "is not above")],
)
def test_bump_version_rejects_invalid_or_lower_version(project, version, message):
    before = read(project)
    with pytest.raises(SystemExit, match=message):
        bump_version.release(project, version, DAY)
    assert read(project) == before


def test_bump_version_requires_unreleased_changes(project):
    (project / "CHANGELOG.md").write_text("# Changelog\n\n## 1.1.0\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="needs one part '## Unreleased'"):
        bump_version.release(project, "1.2.0", DAY)
    assert repo_url.library_version(project) == "1.2.0.dev0"
