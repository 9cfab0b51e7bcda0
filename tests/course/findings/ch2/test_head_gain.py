"""The gain of a second-stage head over another one."""

import pandas as pd
import pytest
from scipy import stats

from tutorial_course.findings.ch2 import head_gain


def table(networks):
    rows = []
    for i, network in enumerate(networks):
        rows.append(
            {"kind": "head", "trained": "clean", "head": "feed-forward", "network": network, "seed": 0, "accuracy": 0.6}
        )
        for seed in range(3 if i == 0 else 1):
            for head, gain in (("cross_entropy", 0.02 + 0.01 * i), ("h", 0.01)):
                accuracy = 0.6 + gain + 0.001 * (seed - 1) * (i == 0)
                rows.append(rows[-1] | {"head": head, "network": network, "seed": seed, "accuracy": accuracy})
    return pd.DataFrame(rows)


def test_head_gain_averages_runs_first_and_networks_afterwards():
    gain = head_gain(table("abc"), "clean", "cross_entropy", "accuracy")
    assert len(gain.runs) == 5 and gain.mean == pytest.approx((2 + 3 + 4) / 3)
    expected = stats.ttest_1samp([2, 3, 4], 0).confidence_interval(0.95)
    assert gain.mean + gain.half_width == pytest.approx(expected.high)
    assert gain.text() == f"+3.00 ({expected.low:+.2f} to {expected.high:+.2f})"


def test_head_gain_over_control_is_paired_by_network_and_seed():
    gain = head_gain(table("abc"), "clean", "cross_entropy", "accuracy", over="h")
    # The variation between seeds cancels in the pairs.
    assert gain.runs == pytest.approx((1, 1, 1, 2, 3))


def test_head_gain_of_single_network_has_runs_and_no_interval():
    gain = head_gain(table("a"), "clean", "cross_entropy", "accuracy")
    assert gain.half_width is None and gain.text() == "+2.00 (runs +1.90, +2.00, +2.10)"
