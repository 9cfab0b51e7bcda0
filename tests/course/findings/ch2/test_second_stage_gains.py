"""Tests of the numbers of introspective learning."""

import pandas as pd
import pytest
from scipy import stats

from tutorial_course.findings import ch2

ROWS = [
    ("feed-forward", "a", 0, 0.50),
    ("cross_entropy", "a", 0, 0.52),
    ("cross_entropy", "a", 1, 0.54),
    ("h", "a", 0, 0.51),
    ("h", "a", 1, 0.51),
    ("feed-forward", "b", 0, 0.60),
    ("cross_entropy", "b", 0, 0.61),
    ("h", "b", 0, 0.62),
]


@pytest.fixture
def table():
    rows = [
        {"kind": "head", "trained": "clean", "head": h, "network": n, "seed": s, "accuracy": a} for h, n, s, a in ROWS
    ]
    corruptions = [
        {"kind": "corruption", "trained": "clean", "head": head, "value": value, "accuracies": accuracies}
        | {"accuracy": sum(accuracies) / len(accuracies)}
        for head, value, accuracies in (
            ("feed-forward", "snow", [0.5]),
            ("feed-forward", "haze", [0.4, 0.3]),
            ("cross_entropy", "snow", [0.49, 0.51]),
            ("cross_entropy", "haze", [0.6, 0.4]),
        )
    ]
    return pd.DataFrame([*rows, *corruptions])


def test_runs_by_network_keeps_runs_of_a_network_together(table):
    gains = ch2.accuracy_gains(table, "cross_entropy", "feed-forward", "clean")
    assert [pytest.approx(runs) for runs in ([2, 4], [1])] == ch2.runs_by_network(gains)


def test_accuracy_gains_subtract_network_without_seed(table):
    gains = ch2.accuracy_gains(table, "cross_entropy", "feed-forward", "clean")
    assert gains.round(6).to_dict() == {("a", 0): 2, ("a", 1): 4, ("b", 0): 1}
    assert ch2.network_means(gains).round(6).to_dict() == {"a": 3, "b": 1}


def test_accuracy_gains_are_paired_by_seed(table):
    gains = ch2.accuracy_gains(table, "cross_entropy", "h", "clean")
    assert gains.round(6).to_dict() == {("a", 0): 1, ("a", 1): 3, ("b", 0): -1}


def test_t_interval_matches_scipy():
    values = [0.2, 0.5, 0.4]
    interval = ch2.t_interval(values)
    low, high = stats.t.interval(0.95, 2, loc=interval.value, scale=stats.sem(values))
    assert interval.low == pytest.approx(low) and interval.high == pytest.approx(high)
    with pytest.raises(ValueError, match="at least two values"):
        ch2.t_interval([1.0])


def test_gain_by_corruption_is_sorted_by_mean_and_paired_by_run(table):
    gains = ch2.gain_by_corruption(table, "clean")
    assert list(gains) == ["haze", "snow"]
    assert gains["haze"] == pytest.approx([20, 10]) and gains["snow"] == pytest.approx([-1, 1])
    gains = ch2.gain_by_corruption(table.drop(columns="accuracies"), "clean")
    assert gains["haze"] == pytest.approx([15]) and gains["snow"] == pytest.approx([0])
