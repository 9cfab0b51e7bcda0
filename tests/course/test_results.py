import json

import pytest

from tutorial_course.results import RESULTS_DIR, list_results, load_result, save_result


def test_load_result_returns_rows_and_provenance(tmp_path, monkeypatch):
    rows = [{"kind": "a", "value": 0.5}, {"kind": "b", "value": None}]
    saved = save_result(
        "study", rows, device="cpu", data=[{"subset": "3 of 9 images", "sha256": "ab" * 32}], folder=tmp_path
    )
    monkeypatch.setattr("tutorial_course.results.RESULTS_DIR", tmp_path)
    loaded = load_result("study")
    assert loaded == saved and loaded.rows == rows and loaded.select(kind="b") == rows[1:]
    assert {"date", "machine", "versions", "data", "command"} == set(loaded.provenance)
    line = loaded._repr_markdown_()
    assert "3 of 9 images (sha256 abababababab…)" in line and "python -m experiments study" in line


@pytest.mark.parametrize("name", list_results())
def test_stored_results_record_their_provenance(name):
    provenance = load_result(name).provenance
    assert (
        provenance["command"] == f"python -m experiments {name}"
        and (RESULTS_DIR.parents[1] / "experiments" / f"{name}.py").is_file()
    )
    assert all(len(source["sha256"]) == 64 and source["subset"] for source in provenance["data"])
    assert {"python", "torch"} <= set(provenance["versions"])
    text = (RESULTS_DIR / f"{name}.json").read_text()
    assert json.loads(text)["rows"]


def test_load_result_suggests_nearest_name():
    with pytest.raises(ValueError, match="unknown stored result 'model_crad'; the nearest: 'model_card'"):
        load_result("model_crad")


def test_assert_reproduces_compares_fresh_with_stored_proportions():
    stored = load_result("model_card")
    stored.assert_reproduces([0.92, 0.50], [0.90, 0.52], n_fresh=400, n_stored=700)
    with pytest.raises(
        AssertionError,
        match="model_card, fraction 1: 30.0% now, 52.0% stored; compute it again with `python -m experiments model_card`",
    ):
        stored.assert_reproduces([0.92, 0.30], [0.90, 0.52], n_fresh=400, n_stored=700)
    with pytest.raises(ValueError):
        stored.assert_reproduces([0.9], [0.9, 0.8], n_fresh=1, n_stored=1)
