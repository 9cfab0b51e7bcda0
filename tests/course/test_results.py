import json

import pandas as pd
import pytest

from tutorial_course.results import (
    RESULTS_DIR,
    assert_reproduces,
    list_results,
    load_result,
    provenance_note,
    save_result,
)

PROVENANCE = {
    "date": "2026-01-01",
    "machine": "a CPU",
    "versions": {},
    "data": [],
    "command": "python -m experiments x",
}


def write(folder, rows, provenance=PROVENANCE):
    (folder / "x.json").write_text(json.dumps({"provenance": provenance, "rows": rows}), encoding="utf-8")


def test_load_result_returns_rows_and_provenance(tmp_path, monkeypatch):
    rows = [{"kind": "a", "value": 0.5}, {"kind": "b", "value": None}]
    saved = save_result(
        "study", rows, device="cpu", data=[{"subset": "3 of 9 images", "sha256": "ab" * 32}], folder=tmp_path
    )
    monkeypatch.setattr("tutorial_course.results.RESULTS_DIR", tmp_path)
    loaded = load_result("study")
    assert loaded.equals(saved) and loaded.attrs == saved.attrs and loaded.attrs["name"] == "study"
    assert loaded["kind"].tolist() == ["a", "b"] and loaded["value"][0] == 0.5 and pd.isna(loaded["value"][1])
    assert {"date", "machine", "versions", "data", "command"} == set(loaded.attrs["provenance"])
    line = provenance_note(loaded)
    assert "3 of 9 images (sha256 abababababab…)" in line and "python -m experiments study" in line


def test_load_result_keeps_types_of_columns_that_some_rows_lack(tmp_path):
    write(tmp_path, [{"n": 3, "seen": True, "word": "a", "share": 1.0}, {"n": 4}])
    table = load_result("x", tmp_path)
    assert f"{table['n'].sum():,}" == "7" and table["n"].dtype == "int64"
    write(tmp_path, [{"n": 3, "seen": True, "word": "a", "share": 1.0}, {"other": 4}])
    table = load_result("x", tmp_path)
    assert table["n"].tolist()[0] == 3 and table["seen"][0] is True and table[["n", "seen"]].iloc[1].isna().all()
    assert table["share"].dtype == "float64" and f"{table['n'].iloc[0]}, {table.iloc[0]['share']}" == "3, 1.0"
    for where in ("seen == True", "word == 'a'", "n == 3", "n > 2 and seen == True", "n >= 3 and word == 'a'"):
        assert len(table.query(where)) == 1
    assert table.query("seen == False or n < 3").empty
    assert table.query("n == 3").infer_objects()["n"].dtype == "int64"


def test_provenance_survives_selections_of_a_table():
    table = load_result("trust_score")
    part = table.query("kind == 'trust'").set_index("network").loc["cifar10/resnet20"].sort_values("auroc")
    assert part.attrs == table.attrs and provenance_note(part) == provenance_note(table)
    assert provenance_note(table, part).count("<details>") == 2
    both = pd.concat([table, load_result("attacks")])
    assert len(both) == len(table) + len(load_result("attacks")) and "provenance" not in both.attrs
    assert load_result("trust_score").equals(table)


def test_load_result_reads_standard_errors_and_values_per_image(tmp_path):
    rows = [{"auroc": 0.9, "auroc_se": 0.01, "scores": [0.1, 2, 0.3]}, {"auroc": 0.8, "auroc_se": None}]
    save_result("x", rows, device="cpu", folder=tmp_path)
    table = load_result("x", tmp_path)
    assert table["auroc_se"][0] == 0.01 and pd.isna(table["auroc_se"][1])
    assert table["scores"][0] == [0.1, 2, 0.3] and table.loc[0, "auroc"] == 0.9


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"a": {"b": 1}}, "row 1, column 'a': expected a number, a string, true, false, null or a list of numbers"),
        ({"a": ["b"]}, r"or a list of numbers, got \['b'\]; compute it again with `python -m experiments x`"),
        ({"a_se": 0.1}, "which has no 'a', got 0.1"),
        ({"a": 1, "a_se": -0.1}, "expected a standard error, a number of at least 0, got -0.1"),
        ({"a": 1, "a_se": "small"}, "got 'small'"),
        ({"a": 1, "a_se": [0.1]}, "at least 0, got"),
    ],
)
def test_results_that_break_the_schema_are_neither_stored_nor_loaded(tmp_path, row, words):
    rows = [{"a": 1}, row]
    with pytest.raises(ValueError, match=words):
        save_result("x", rows, device="cpu", folder=tmp_path)
    assert not list(tmp_path.iterdir())
    write(tmp_path, rows)
    with pytest.raises(ValueError, match=words):
        load_result("x", tmp_path)


def test_load_result_requires_rows_and_provenance(tmp_path):
    write(tmp_path, [])
    with pytest.raises(ValueError, match="x: expected a provenance and one or more rows"):
        load_result("x", tmp_path)
    write(tmp_path, [{"a": 1}], {name: PROVENANCE[name] for name in ("date", "machine", "data", "command")})
    with pytest.raises(ValueError, match=r"got no \['versions'\]"):
        load_result("x", tmp_path)


@pytest.mark.parametrize("name", list_results())
def test_stored_results_record_their_provenance(name):
    provenance = load_result(name).attrs["provenance"]
    assert (
        provenance["command"] == f"python -m experiments {name}"
        and (RESULTS_DIR.parents[1] / "experiments" / f"{name}.py").is_file()
    )
    assert all(len(source["sha256"]) == 64 and source["subset"] for source in provenance["data"])
    assert {"python", "torch"} <= set(provenance["versions"])


@pytest.mark.parametrize("name", list_results())
def test_load_result_returns_every_value_of_the_file(name):
    rows = json.loads((RESULTS_DIR / f"{name}.json").read_text(encoding="utf-8"))["rows"]
    table = load_result(name).to_dict("records")
    assert len(table) == len(rows)
    for row, loaded in zip(rows, table, strict=True):
        assert row.keys() <= loaded.keys()
        assert all(
            pd.isna(value) if row.get(column) is None else value == row[column] for column, value in loaded.items()
        )


def test_load_result_suggests_nearest_name():
    with pytest.raises(ValueError, match="unknown stored result 'model_crad'; the nearest: 'model_card'"):
        load_result("model_crad")


def test_assert_reproduces_uses_the_standard_error_of_each_value():
    stored = load_result("model_card")
    assert_reproduces(stored, [5.3, 1.0], [5.0, 1.0], standard_errors=[0.1, 0.0], slack=0)
    with pytest.raises(AssertionError, match="model_card, value 0: 5.5 now, 5 stored"):
        assert_reproduces(stored, [5.5], [5.0], standard_errors=[0.1], slack=0)
    with pytest.raises(AssertionError, match="value 1: 1.01 now, 1 stored"):
        assert_reproduces(stored, [5.0, 1.01], [5.0, 1.0], standard_errors=[0.1, 0.0], slack=0.001)
    with pytest.raises(ValueError, match="pass a tolerance, the standard errors of the differences, or both"):
        assert_reproduces(stored, [0.5], [0.5], n_fresh=10)


def test_assert_reproduces_compares_fresh_with_stored_proportions():
    stored = load_result("model_card")
    assert_reproduces(stored, [0.92, 0.50], [0.90, 0.52], n_fresh=400, n_stored=700)
    with pytest.raises(
        AssertionError,
        match=("model_card, value 1: 0.3 now, 0.52 stored; compute it again with `python -m experiments model_card`"),
    ):
        assert_reproduces(stored.query("level > 0"), [0.92, 0.30], [0.90, 0.52], n_fresh=400, n_stored=700)
    with pytest.raises(ValueError):
        assert_reproduces(stored, [0.9], [0.9, 0.8], n_fresh=1, n_stored=1)


def test_assert_reproduces_with_tolerance_rejects_small_differences():
    stored = load_result("model_card")
    assert_reproduces(stored, [0.501], [0.5], tolerance=0.002)
    with pytest.raises(AssertionError, match="value 0: 0.503 now, 0.5 stored"):
        assert_reproduces(stored, [0.503], [0.5], tolerance=0.002)
    with pytest.raises(ValueError, match="pass a tolerance, the standard errors"):
        assert_reproduces(stored, [0.5], [0.5], n_fresh=10)
