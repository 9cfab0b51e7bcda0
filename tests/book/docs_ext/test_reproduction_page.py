"""Tests of the page on reproduction."""

import json
from types import SimpleNamespace

import pytest

from docs_ext import reproduction_page

PARTS = {"a|b": 61.2, "c": 3600.0}
PROVENANCE = {"date": "2026-01-02", "machine": "a kind of CPU", "versions": {"python": "3.11", "torch": "2.9"}}
PROVENANCE |= {"command": "python -m experiments toy --seed 4"}


@pytest.fixture
def root_dir(tmp_path):
    for folder in ("chapters", "experiments", "tutorial_course/results"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "experiments" / "toy.py").write_text('"""What the toy\nasks.\n\nMore words."""\n')
    (tmp_path / "chapters" / "02-toys.ipynb").write_text(
        json.dumps({"cells": [{"source": 'table = load_result("toy")'}]})
    )
    (tmp_path / "chapters" / "03-others.ipynb").write_text(
        json.dumps({"cells": [{"source": 'load_result("toys"); load_result("a toy")'}]})
    )
    return tmp_path


def render_result(root_dir, rows=({"a": 1},), **more):
    content = {
        "provenance": PROVENANCE | {"data": [{"subset": "9 images", "sha256": "ab" * 32}]} | more,
        "rows": list(rows),
    }
    (root_dir / "tutorial_course" / "results" / "toy.json").write_text(json.dumps(content))
    return reproduction_page.stored_results(root_dir)


def test_reproduction_page_shows_recorded_provenance(root_dir):
    page = render_result(root_dir, seconds=PARTS)
    origin = "2026-01-02, on a kind of CPU, with python 3.11, torch 2.9"
    for text in ("### toy", "What the toy asks.", "`python -m experiments toy --seed 4`", origin):
        assert text in page
    assert "9 images (sha256 `abababababab…`)" in page and "**seeds:** 4 · **rows:** 1" in page
    assert "| [toy](#toy) | 1 | 2026-01-02 | 1 h 1 min |" in page
    assert "<td>a|b</td><td>1 min 1 s</td>" in page and "<td>c</td><td>1 h 0 min</td>" in page
    assert "[2](02-toys.ipynb)" in page and "03-others" not in page and "More words" not in page


def test_reproduction_page_marks_missing_provenance(root_dir):
    page = render_result(root_dir, data=[])
    assert page.count("not recorded") == 2 and "the synthetic traffic-sign dataset" in page and "<details>" not in page


def test_reproduction_page_lists_each_data_set_on_its_own_line(root_dir):
    page = render_result(root_dir, data=[{"subset": name, "sha256": "ab" * 32} for name in ("1 of 2", "3 of 4")])
    assert "- **data:**\n  - 1 of 2 (sha256 `abababababab…`)\n  - 3 of 4 (sha256 `abababababab…`)\n- **time:**" in page


def test_reproduction_page_shows_note_on_joined_parts(root_dir):
    assert "- **note:** One part was computed again." in render_result(root_dir, note="One part was computed again.")
    assert "**note:**" not in render_result(root_dir)


def test_reproduction_page_lists_seeds_of_rows(root_dir):
    assert "**seeds:** 0, 2, 7 ·" in render_result(root_dir, rows=[{"seed": 7}, {"seed": 0}, {"seed": 2}, {"seed": 0}])
    assert "**seeds:** 0 ·" in render_result(root_dir, command="python -m experiments toy")


def test_reproduction_page_fills_placeholder(root_dir):
    render_result(root_dir)
    noted = []
    app = SimpleNamespace(srcdir=str(root_dir), env=SimpleNamespace(note_dependency=noted.append))
    source = [f"before\n{reproduction_page.PLACEHOLDER}\nafter"]
    reproduction_page.fill_page(app, "chapters/speed", source)
    assert reproduction_page.PLACEHOLDER in source[0]
    reproduction_page.fill_page(app, reproduction_page.PAGE, source)
    assert source[0].startswith("before\n| table") and source[0].endswith("\nafter") and "### toy" in source[0]
    assert {name.rsplit("/", 1)[1] for name in noted} == {"toy.json", "toy.py", "02-toys.ipynb", "03-others.ipynb"}
    with pytest.raises(ValueError, match="needs the line"):
        reproduction_page.fill_page(app, reproduction_page.PAGE, ["no mark"])
