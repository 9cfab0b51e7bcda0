"""Tests that `make release` finds every place in which a version is stated."""

import re
import tomllib
from pathlib import Path

import pytest

import tutorial_lib
from tools import repo_url

ROOT = Path(__file__).parents[3]
RELEASE = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["bumpversion"]


def test_release_starts_from_the_version_of_the_library():
    assert RELEASE["current_version"] == tutorial_lib.__version__
    assert re.fullmatch(RELEASE["parse"], tutorial_lib.__version__)


def test_release_tag_is_used_by_buttons_and_setup_cells():
    released = ".dev" not in tutorial_lib.__version__
    assert repo_url.repository(ROOT)[1] == (f"v{tutorial_lib.__version__}" if released else "main")


@pytest.mark.parametrize("place", RELEASE["files"], ids=lambda place: place["filename"])
def test_release_finds_every_place(place):
    if place.get("ignore_missing_version") or (".dev" not in tutorial_lib.__version__ and "include_bumps" in place):
        pytest.skip("only the next kind of release changes this place")
    text = (ROOT / place["filename"]).read_text(encoding="utf-8")
    search = place["search"].replace("{current_version}", RELEASE["current_version"])
    assert len(re.findall(search if place.get("regex") else re.escape(search), text, re.M)) == 1
