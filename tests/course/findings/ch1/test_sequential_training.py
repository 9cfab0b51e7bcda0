import pandas as pd
import pytest
import torch

from tutorial_course.findings import ch1
from tutorial_course.findings.ch1.sequential_training import ORDERS, UNBALANCED


def test_switch_means_are_the_means_of_four_groups():
    events = torch.tensor([0, 2, 4, 10])
    means = ch1.switch_means(events, torch.tensor([True, True, False, False]), torch.tensor([False, True, True, False]))
    assert means == {"clean": 5, "corrupted": 3, "correct": 1, "wrong": 7}


def order_rows():
    names = {name + suffix for name in ORDERS.values() for suffix in ("", UNBALANCED)} | {"everyday", "unusual"}
    return [
        {"dataset": d, "part": "order", "name": n, "seed": s, "stage": t, "everyday": 0.1 * t + 0.02 * s}
        for d in ("signs", "digits")
        for n in names
        for s in (0, 1)
        for t in range(1, 6)
    ]


def test_curriculum_curves_have_one_list_per_run():
    curves = ch1.curriculum_curves(pd.DataFrame(order_rows()))
    assert len(curves) == 3
    runs = curves["signs, not balanced"]["few switches first"]
    assert runs[0] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5]) and runs[1][0] == pytest.approx(0.12)


def test_curriculum_table_lists_mean_and_range():
    table = ch1.curriculum_table(pd.DataFrame(order_rows()))
    assert [row["order"] for row in table][:2] == ["random", "few switches first"] and len(table) == 7
    assert table[0]["signs 1"] == "11% (10 to 12)" and table[0]["digits 5"] == "51% (50 to 52)"


def test_curriculum_table_counts_runs_that_are_better_than_random():
    rows = order_rows()
    better = {"dataset": "signs", "name": "everyday", "seed": 1, "stage": 5}
    (changed,) = [row for row in rows if better.items() <= row.items()]
    changed["everyday"] = 0.9
    table = {row["order"]: row for row in ch1.curriculum_table(pd.DataFrame(rows))}
    assert table["known to be clean first"]["signs 5"] == "70% (50 to 90); 1\u00a0of\u00a02"
    assert table["known to be clean first"]["signs 1"].endswith("; 0\u00a0of\u00a02")


def test_corrupted_accuracy_is_that_after_the_last_stage():
    rows = [{**row, "unusual": row["everyday"] / 2} for row in order_rows() if row["name"] != "everyday"]
    rows += [{**row, "unusual": 0.4} for row in order_rows() if row["name"] == "everyday"]
    expected = {"clean_first": "40% (40 to 40)", "random": "26% (25 to 26)"}
    assert ch1.corrupted_accuracy(pd.DataFrame(rows)) == expected


def test_query_table_counts_runs_that_are_better_than_random():
    values = {"random": (0.5, 0.6), "higher": (0.7, 0.5), "lower": (0.4, 0.5)}
    rows = [
        {"part": "query", "name": name, "dataset": d, "seed": s, "everyday": v}
        for name, pair in values.items()
        for d in ("signs", "digits")
        for s, v in enumerate(pair)
    ]
    table = {row["selection"]: row["better"] for row in ch1.query_table(pd.DataFrame(rows))}
    assert table == {"at random": "", "from the higher mean": "2 of 4", "from the lower mean": "0 of 4"}


def continual_rows():
    rows = []
    for setting in ("new classes", "digits, new classes", "new corruption"):
        for seed in (0, 1):
            for method, strengths in {
                "none": (0,),
                "joint": (0,),
                "replay": (0.1, 1.0),
                "penalty": (10, 10_000),
            }.items():
                for strength in strengths:
                    for epoch in (18, 22):
                        old = 0.2 + 0.1 * seed + (0.3 if strength == 1.0 else 0)
                        key = {"setting": setting, "seed": seed, "method": method, "strength": strength, "epoch": epoch}
                        rows.append({**key, "old": old, "new": 0.9, "old, old classes only": 0.6 + 0.1 * seed})
    frame = pd.DataFrame(rows)
    return pd.concat([frame, frame.query("method == 'penalty'").assign(method="penalty, equal weights")])


def test_old_accuracy_lists_the_runs():
    runs = ch1.old_accuracy(continual_rows(), "none", 0, epoch=18)
    assert runs.values == pytest.approx([0.2, 0.3]) and runs.mean == pytest.approx(0.25)
    assert runs.spread == pytest.approx(0.1 / 2**0.5)


def test_forgetting_curves_have_the_range_of_the_runs():
    row = ch1.forgetting_curves(continual_rows()).query("method == 'none'").iloc[0]
    assert (row["old"], row["old_low"], row["old_high"]) == pytest.approx((0.25, 0.2, 0.3))


def test_best_strengths_state_whether_the_best_is_at_the_edge():
    rows = {row["method"]: row for row in ch1.best_strengths(continual_rows()) if row["setting"] == "seven new signs"}
    assert rows["replay"]["strength"] == "100% of the old images" and rows["replay"]["edge"] == "highest"
    assert rows["EWC penalty"]["edge"] == "lowest" and rows["none"]["edge"] == rows["none"]["strength"] == ""
    assert rows["replay"]["seeds"] == "50%, 60%"


def test_forgetting_facts_use_the_last_epoch():
    facts = ch1.forgetting_facts(continual_rows())
    assert facts["signs"] == pytest.approx(0.65) and facts["early"] == pytest.approx(0.25)
