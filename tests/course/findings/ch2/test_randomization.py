"""Tests of the numbers of the randomization test."""

import pandas as pd

from tutorial_course.findings import ch2

METHOD = {"kind": "randomization", "method": "Grad-CAM"}
VALUES = {
    "nothing": (1.0, 1.0),
    "head": (0.9, 0.9),
    "head, re-initialized": (0.1, 0.5),
    "stem, re-initialized": (0.0, 0.2),
    "null: another image": (0.3, 0.4),
}


def table(ceiling=True):
    rows = [
        {**METHOD, "network": n, "randomized": stage, "signed": s, "absolute": a + shift, "magnitude": 0.0}
        for n, shift in (("a", 0.0), ("b", 0.1))
        for stage, (s, a) in {**VALUES, **({"ceiling: another network": (0.7, 0.8)} if ceiling else {})}.items()
    ]
    return pd.DataFrame([*rows, {"kind": "accuracy", "network": "a", "method": None, "randomized": "nothing"}])


def test_similarity_rows_average_over_networks():
    (row,) = ch2.similarity_rows(table(), ["a", "b"], ["Grad-CAM", "not measured"], "head")
    assert {k: round(v, 6) for k, v in row.items() if k != "method"} == {
        "signed": 0.1,
        "absolute": 0.55,
        "null": 0.45,
        "ceiling": 0.85,
    }


def test_similarity_rows_without_another_network_have_no_ceiling():
    (row,) = ch2.similarity_rows(table(ceiling=False), ["a"], ["Grad-CAM"], "head")
    assert row["ceiling"] is None and row["null"] == 0.4


def test_cascade_similarity_begins_with_trained_network():
    assert ch2.cascade_similarity(table(), ["a"], "Grad-CAM", ["head", "stem"]) == [1.0, 0.5, 0.2]
