import json
from types import SimpleNamespace

import provenance
import pytest

PARTS = {"a|b": 61.2, "c": 3600.0}
ABOUT = {"date": "2026-01-02", "machine": "a kind of CPU", "versions": {"python": "3.11", "torch": "2.9"}}
ABOUT |= {"command": "python -m studies toy --seed 4"}


@pytest.fixture
def home(tmp_path):
    for folder in ("chapters", "studies", "tutorial_lib/results"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "studies" / "toy.py").write_text('"""What the toy\nasks.\n\nMore words."""\n')
    (tmp_path / "chapters" / "02-toys.ipynb").write_text(json.dumps({"cells": [{"source": 'kept = stored("toy")'}]}))
    (tmp_path / "chapters" / "03-others.ipynb").write_text(
        json.dumps({"cells": [{"source": 'stored("toys"); stored("a toy")'}]})
    )
    return tmp_path


def keep(home, rows=({"a": 1},), **more):
    content = {
        "provenance": ABOUT | {"data": [{"subset": "9 pictures", "sha256": "ab" * 32}]} | more,
        "rows": list(rows),
    }
    (home / "tutorial_lib" / "results" / "toy.json").write_text(json.dumps(content))
    return provenance.stored_results(home)


def test_all_that_is_known_of_a_table_is_on_the_page(home):
    page = keep(home, seconds=PARTS)
    made = "2026-01-02, on a kind of CPU, with python 3.11, torch 2.9"
    for words in ("### toy", "What the toy asks.", "`python -m studies toy --seed 4`", made):
        assert words in page
    assert "9 pictures (sha256 `abababababab…`)" in page and "**seeds:** 4 · **rows:** 1" in page
    assert "| [toy](#toy) | 1 | 2026-01-02 | 1 h 1 min |" in page
    assert "<td>a|b</td><td>1 min 1 s</td>" in page and "<td>c</td><td>1 h 0 min</td>" in page
    assert "[2](02-toys.ipynb)" in page and "03-others" not in page and "More words" not in page


def test_what_was_not_recorded_is_said(home):
    page = keep(home, data=[])
    assert page.count("not recorded") == 2 and "the drawn sign world" in page and "<details>" not in page


def test_seeds_are_those_of_the_rows(home):
    assert "**seeds:** 0, 2, 7 ·" in keep(home, rows=[{"seed": 7}, {"seed": 0}, {"seed": 2}, {"seed": 0}])
    assert "**seeds:** 0 ·" in keep(home, command="python -m studies toy")


def test_the_page_is_filled_where_its_mark_is(home):
    keep(home)
    noted = []
    app = SimpleNamespace(srcdir=str(home), env=SimpleNamespace(note_dependency=noted.append))
    source = [f"before\n{provenance.MARK}\nafter"]
    provenance.fill(app, "chapters/speed", source)
    assert provenance.MARK in source[0]
    provenance.fill(app, provenance.PAGE, source)
    assert source[0].startswith("before\n| table") and source[0].endswith("\nafter") and "### toy" in source[0]
    assert {name.rsplit("/", 1)[1] for name in noted} == {"toy.json", "toy.py", "02-toys.ipynb", "03-others.ipynb"}
    with pytest.raises(ValueError, match="needs the line"):
        provenance.fill(app, provenance.PAGE, ["no mark"])
