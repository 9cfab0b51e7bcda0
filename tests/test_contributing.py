"""CONTRIBUTING.md is followed to the letter: its drawing, its four steps, its commands."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_house import FLOORS

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
STEPS = TEXT.split("### A new method in four steps\n")[1].split("\n### ")[0]
COPIED = ("tutorial_lib", "tests", "chapters", "_ext", "studies", "benchmarks")
ASKED = [
    "tests/information/test_hires_cam.py",
    "tests/information/test_attribution_properties.py",
    "tests/fuzz",
    "tests/instruments/test_methods.py",
    "tests/test_house.py",
    "tests/test_methods_page.py",
    "tests/test_pages.py",
    "tutorial_lib/information/hires_cam.py",
]
# Of the tests of the house, those that a new method can break.
TOUCHED = "hires_cam or HiResCAM or forgotten or run_downward or no_circles or holds_every_method or paper or bibliography"


def blocks(language, text=STEPS):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def drawn(text=TEXT):
    """The floors of the drawing, from the roof down: the rooms of the library that stand on each."""
    (drawing,) = (block for block in blocks("text", text) if "──────" in block and "ground" in block)
    below = drawing.split("──\n")[1]
    return [re.split(r"\s+·\s+", re.split(r"\s{3,}", line.strip())[-1]) for line in below.splitlines()]


def test_the_drawing_shows_every_room_above_what_it_looks_at():
    floors = drawn()
    height = {room: -i for i, floor in enumerate(floors) for room in floor}
    assert set(height) == set(FLOORS) and sum(map(len, floors)) == len(FLOORS)
    assert [(room, other) for room, others in FLOORS.items() for other in others if height[other] >= height[room]] == []


@pytest.mark.parametrize("command", re.findall(r"`make ([a-z]+)", TEXT))
def test_every_command_is_there(command):
    assert re.search(rf"^{command}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)


def follow(root):
    """Do what the four steps say, in a copy of the project."""
    for block in blocks("python"):
        name = re.match(r"# (\S+)\n", block)[1]
        (root / name).write_text(block.split("\n", 1)[1], encoding="utf-8")
    for name, hunk in hunks():
        file = root / name
        file.write_text(changed(file.read_text(encoding="utf-8"), hunk, name), encoding="utf-8")


def hunks():
    """Every change that the steps show: the file, and its lines with their marks."""
    for block in blocks("diff"):
        for part in re.split(r"^--- a/", block, flags=re.M)[1:]:
            name, rest = part.split("\n", 1)
            yield from ((name, hunk) for hunk in re.split(r"^@@.*@@\n", rest, flags=re.M)[1:])


def changed(text, hunk, name):
    """A text with the lines of a hunk added beside the line that the hunk shows; the file may grow between them and elsewhere."""
    lines = hunk.splitlines()
    added = "".join(f"{line[1:]}\n" for line in lines if line.startswith("+"))
    before = next((f"{line[1:]}\n" for line in lines if line.startswith(" ")), None)
    if before is None or text.count(before) != 1:
        pytest.fail(f"the example in CONTRIBUTING.md no longer fits {name}: its diff stands beside {before!r}, found {text.count(before or '?')} times")
    return text.replace(before, added + before if lines[0].startswith("+") else before + added)


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    root = tmp_path_factory.mktemp("contributor")
    for name in COPIED:
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "_rooms"))
    for name in ("pyproject.toml", "_toc.yml", "requirements.lock", "environment.yml", "CITATION.cff"):
        shutil.copy(ROOT / name, root / name)
    follow(root)
    return root


def test_four_steps_make_a_method(followed):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--doctest-modules", "-k", TOUCHED, *ASKED]
    done = subprocess.run(command, cwd=followed, env=os.environ | {"PYTHONPATH": str(followed)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 40


def test_a_wrong_method_would_be_caught(followed):
    file = followed / "tutorial_lib" / "information" / "hires_cam.py"
    right = file.read_text(encoding="utf-8")
    file.write_text(right.replace("(g * A).sum(1)", "(g.relu() * A).sum(1)"), encoding="utf-8")
    try:
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", ASKED[0]]
        done = subprocess.run(command, cwd=followed, env=os.environ | {"PYTHONPATH": str(followed)}, capture_output=True, text=True)
        assert done.returncode == 1 and "test_it_is_the_formula" in done.stdout
    finally:
        file.write_text(right, encoding="utf-8")
