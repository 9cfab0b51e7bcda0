"""Tests that the examples of CONTRIBUTING.md and README.md run, and that the paths in both files are valid."""

import doctest
import re
import sys
import types
from pathlib import Path

import pytest

from tutorial_lib import attribution

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
CODE_BLOCKS = re.findall(r"```python\n# (\S+\.py)\n(.*?)```", GUIDE, re.S)
(METHOD_PATH, METHOD_CODE), (TEST_PATH, TEST_CODE) = CODE_BLOCKS
TEST_NAMES = re.findall(r"^def (test_\w+)", TEST_CODE, re.M)


@pytest.fixture
def example_module(monkeypatch):
    """The module of the example, imported under its path and exported by its package for one test."""
    module = types.ModuleType(METHOD_PATH.removesuffix(".py").replace("/", "."))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(METHOD_CODE, METHOD_PATH, "exec"), module.__dict__)
    name = module.__name__.rpartition(".")[2]
    monkeypatch.setattr(attribution, name, getattr(module, name), raising=False)
    return module


def test_contributing_example_is_not_in_the_library():
    assert not (ROOT / METHOD_PATH).exists() and not (ROOT / TEST_PATH).exists()
    assert (ROOT / METHOD_PATH).parent.is_dir() and (ROOT / TEST_PATH).parent.is_dir()


def test_contributing_example_doctest_passes(example_module):
    results = doctest.testmod(example_module)
    assert results.attempted > 0 and results.failed == 0


@pytest.mark.parametrize("name", TEST_NAMES)
def test_contributing_example_passes_its_own_test(example_module, name):
    namespace = {"__name__": "example"}
    exec(compile(TEST_CODE, TEST_PATH, "exec"), namespace)
    namespace[name]()


def test_contributing_example_tests_fail_for_wrong_formula(example_module, monkeypatch):
    monkeypatch.setattr(attribution, "layer_cam", lambda *args, **kw: 2 * example_module.layer_cam(*args, **kw))
    namespace = {"__name__": "example"}
    exec(compile(TEST_CODE, TEST_PATH, "exec"), namespace)
    for name in TEST_NAMES:
        with pytest.raises(AssertionError):
            namespace[name]()


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_guide_names_existing_paths(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    text = re.sub(r"```.*?```", "", text, flags=re.S)
    paths = re.findall(r"`((?:[\w.-]+/)+(?:[\w-]+\.\w+)?)`|\]\(([\w/.-]+)\)", text)
    paths = {a or b for a, b in paths if not (a or b).startswith(("_build/", ".venv/"))}
    assert len(paths) > 5 and [path for path in sorted(paths) if not (ROOT / path).exists()] == []


def test_guide_names_existing_make_targets():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    text = GUIDE + (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"(?:^|`)make ((?:[a-z][a-z-]*[ `\n])+)", text, re.M)
    named = {name for command in commands for name in command.replace("`", " ").split()}
    assert len(named) > 8 and named <= targets


def test_readme_example_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    namespace = {}
    exec(code, namespace)
    assert namespace["maps"].shape == (2, 12, 12) and namespace["norms"].shape == (2, 19)
    assert (tmp_path / "why.png").stat().st_size > 1000
