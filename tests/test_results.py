import json

import pytest

from tutorial_lib.results import FOLDER, names, store, stored


def test_rows_come_back_with_their_provenance(tmp_path, monkeypatch):
    rows = [{"kind": "a", "value": 0.5}, {"kind": "b", "value": None}]
    kept = store(
        "study", rows, device="cpu", data=[{"subset": "3 of 9 pictures", "sha256": "ab" * 32}], folder=tmp_path
    )
    monkeypatch.setattr("tutorial_lib.results.FOLDER", tmp_path)
    back = stored("study")
    assert back == kept and back.rows == rows and back.where(kind="b") == rows[1:]
    assert {"date", "machine", "versions", "data", "command"} == set(back.provenance)
    line = back._repr_markdown_()
    assert "3 of 9 pictures (sha256 abababababab…)" in line and "python -m studies study" in line


@pytest.mark.parametrize("name", names())
def test_every_stored_result_says_where_it_comes_from(name):
    provenance = stored(name).provenance
    assert (
        provenance["command"] == f"python -m studies {name}"
        and (FOLDER.parents[1] / "studies" / f"{name}.py").is_file()
    )
    assert all(len(source["sha256"]) == 64 and source["subset"] for source in provenance["data"])
    assert {"python", "torch"} <= set(provenance["versions"])
    text = (FOLDER / f"{name}.json").read_text()
    assert json.loads(text)["rows"]


def test_unknown_results_are_answered():
    with pytest.raises(ValueError, match="unknown stored result 'model_crad'; the nearest: 'model_card'"):
        stored("model_crad")


def test_a_fresh_share_is_held_against_the_kept_one():
    kept = stored("model_card")
    kept.confirm([0.92, 0.50], [0.90, 0.52], pictures=400, of=700)
    with pytest.raises(
        AssertionError,
        match="model_card, share 1: 30.0% now, 52.0% stored; make it anew with `python -m studies model_card`",
    ):
        kept.confirm([0.92, 0.30], [0.90, 0.52], pictures=400, of=700)
    with pytest.raises(ValueError):
        kept.confirm([0.9], [0.9, 0.8], pictures=1, of=1)
