"""Tests that the pages around the chapters and the files that describe the project agree with the code."""

import re
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from pybtex.database import parse_file

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")


def names_in_code(page):
    """Return the dotted names in the last column of a page's tables."""
    rows = [line for line in page.splitlines() if line.startswith("|") and line.rstrip().endswith("|")]
    return [
        name
        for row in rows
        for name in re.findall(r"`((?:[a-z_]\w*\.)+\w+)`", row.rstrip().removesuffix("|").rsplit("|", 1)[-1])
    ]


def is_importable(dotted):
    """Return whether a name can be imported from the library."""
    module, _, name = f"tutorial_lib.{dotted}".rpartition(".")
    return hasattr(import_module(module), name)


@pytest.mark.parametrize("name", names_in_code((ROOT / "chapters" / "notation.md").read_text(encoding="utf-8")))
def test_notation_page_names_exist_in_library(name):
    assert is_importable(name)


def test_names_in_code_reads_last_table_column():
    assert names_in_code("| $x$ | a `b.c` | `x`; `data.render`, `data.SIGNS` |\n| `d.e` | |") == [
        "data.render",
        "data.SIGNS",
    ]
    assert not is_importable("data.nothing")


def test_api_page_lists_every_package():
    """Every package of the library is listed in the API reference."""
    listed = set(
        re.findall(r"^   tutorial_lib\.(\w+)$", (ROOT / "chapters" / "api.md").read_text(encoding="utf-8"), re.M)
    )
    packages = {path.parent.name for path in (ROOT / "tutorial_lib").glob("*/__init__.py")}
    assert packages - listed == set()
    assert all(is_importable(name) or import_module(f"tutorial_lib.{name}") for name in listed)


def test_readme_states_the_reading_time_of_every_chapter():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    stated = dict(re.findall(r"\]\((chapters/\d[\w-]+\.ipynb)\).*\| (\d+) min \|", readme))
    chapters = {path.relative_to(ROOT).as_posix(): path for path in (ROOT / "chapters").glob("[0-9]*.ipynb")}
    assert stated == {
        name: re.search(r"\*\*Time\*\* (\d+) min to read", path.read_text(encoding="utf-8"))[1]
        for name, path in chapters.items()
    }


def test_colab_constraints_allow_what_the_course_needs():
    text = (ROOT / ".github" / "colab-constraints.txt").read_text(encoding="utf-8")
    pinned = dict(re.findall(r"^([\w-]+)==(\S+)$", text, re.M))
    required = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["course"]
    for requirement in map(Requirement, required):
        assert pinned.get(requirement.name) is None or pinned[requirement.name] in requirement.specifier


def package_names(requirements):
    return {re.match(r"[\w.-]+", name)[0].lower() for name in requirements}


def test_requirements_lock_covers_all_dependencies():
    extras = {extra: names for extra, names in PROJECT["optional-dependencies"].items() if extra != "experiments"}
    locked = package_names(LOCK.splitlines())
    required = package_names(PROJECT["dependencies"] + [name for names in extras.values() for name in names])
    assert required - locked == {PROJECT["name"]}
    assert "://" not in LOCK


def test_experiments_lock_covers_snakemake_and_changes_no_package_of_the_course():
    lock = (ROOT / "requirements-experiments.lock").read_text(encoding="utf-8")
    versions, added = (dict(re.findall(r"^([\w.-]+)==(\S+)", text, re.M)) for text in (LOCK, lock))
    assert package_names(PROJECT["optional-dependencies"]["experiments"]) <= set(added) | set(versions)
    assert all(version == versions.get(name, version) for name, version in added.items()) and "://" not in lock


def test_pyproject_dependencies_are_not_pinned():
    assert [name for name in PROJECT["dependencies"] if "==" in name or "<" in name] == []


def test_conda_environment_installs_requirements_lock():
    wanted = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert wanted["channels"] == ["conda-forge"]
    assert {"pip": ["-r requirements.lock", "-e ."]} in wanted["dependencies"]


@pytest.mark.parametrize(
    "path", sorted([*ROOT.glob(".github/workflows/*.yml"), ROOT / "CITATION.cff"]), ids=lambda path: path.name
)
def test_workflow_and_citation_files_are_valid_yaml(path):
    assert yaml.safe_load(path.read_text(encoding="utf-8"))


def test_bibliography_contains_every_cited_arxiv_number():
    bibliography = (ROOT / "chapters" / "references.bib").read_text(encoding="utf-8")
    pages = [*(ROOT / "chapters").glob("*.ipynb"), *(ROOT / "tutorial_lib").rglob("*.py")]
    cited = {
        number
        for page in pages
        for number in re.findall(r"arxiv(?:\.org/abs/| )(\d{4}\.\d{4,5})", page.read_text(encoding="utf-8"), re.I)
    }
    assert len(cited) > 30 and sorted(number for number in cited if number not in bibliography) == []


def test_bibliography_entries_are_unique_and_complete():
    entries = re.split(r"^@", (ROOT / "chapters" / "references.bib").read_text(encoding="utf-8"), flags=re.M)[1:]
    keys = [re.match(r"\w+\{([\w-]+),", entry)[1] for entry in entries]
    assert len(keys) == len(set(keys)) > 20
    assert list(parse_file(ROOT / "chapters" / "references.bib").entries) == keys
    assert [
        key
        for key, entry in zip(keys, entries, strict=True)
        if not all(f"  {field} = " in entry for field in ("author", "title", "year"))
    ] == []
