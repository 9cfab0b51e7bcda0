"""Stored faithfulness metrics, averaged over networks."""

import itertools

import pandas as pd
import pytest

from tutorial_course.findings.ch2 import (
    METHODS,
    best_center_prior,
    chance_rank_correlation,
    difference_from_center,
    difference_from_edges,
    faithfulness_over_networks,
)
from tutorial_course.findings.ch2.faithfulness import CONTROLS, EDGES
from tutorial_lib.metrics import srcc


@pytest.fixture
def result():
    rows = []
    for i, network in enumerate(("a", "b", "c")):
        for method in (*METHODS, *(control for control in CONTROLS if control != EDGES)):
            row = {"kind": "metrics", "network": network, "method": method}
            for metric, gain in (("precision sign", 0.1), ("deletion grey", -0.1)):
                row |= {metric: 0.5 + 0.1 * i, f"{metric}_se": 0.02}
                # The interval of the first network includes zero.
                row |= {f"{metric} over centre": gain * i, f"{metric} over centre_se": 0.01}
            rows.append(row)
            row = {"kind": "metrics over edges", "network": network, "method": method}
            rows.append(row | {"precision sign over edges": -0.1 * i, "precision sign over edges_se": 0.01})
        for blur in (1, 2):
            row = {"kind": "metrics", "network": network, "method": f"{EDGES}, blur {blur}"}
            row |= {"precision sign": 0.1 * blur, "precision sign_se": 0.02}
            rows.append(row | {"deletion grey": 0.1 * blur, "deletion grey_se": 0.02})
        for width in (0.05, 0.25):
            row = {"kind": "metrics", "network": network, "method": f"centre, width {width}"}
            rows.append(row | {"mass sign": width + i, "drop": width + i})
    return pd.DataFrame(rows)


def test_faithfulness_over_networks_does_not_shrink_the_error_by_their_number(result):
    scores = faithfulness_over_networks(result, "precision sign")
    assert [score.method for score in scores] == [*METHODS, *CONTROLS]
    assert scores[0].mean == pytest.approx(0.6) and scores[0].high - scores[0].mean == pytest.approx(
        1.96 * 0.02, abs=1e-4
    )
    assert [score.uses_network for score in scores] == [True] * 8 + [False] * 5


def test_smoothed_edges_have_the_best_width_for_each_metric(result):
    for metric, best in (("precision sign", 0.2), ("deletion grey", 0.1)):
        (edges,) = [score for score in faithfulness_over_networks(result, metric) if score.method == EDGES]
        assert edges.mean == pytest.approx(best)
    gain = difference_from_edges(result, "precision sign", "Grad-CAM")
    assert gain.mean == pytest.approx(-0.1) and gain.better == 0


def test_difference_from_center_counts_networks_on_the_better_side(result):
    for metric, mean in (("precision sign", 0.1), ("deletion grey", -0.1)):
        gain = difference_from_center(result, metric, "Grad-CAM")
        assert gain.mean == pytest.approx(mean) and gain.better == 2
        assert gain.high - gain.low == pytest.approx(2 * 1.96 * 0.01, abs=1e-4)


def test_best_center_prior_is_the_largest_share_and_the_smallest_drop(result):
    assert best_center_prior(result, "mass sign") == pytest.approx(1.25)
    assert best_center_prior(result, "drop") == pytest.approx(1.05)


def test_chance_rank_correlation_matches_all_orders_of_five_maps():
    exact = sorted(abs(srcc(range(5), order)) for order in itertools.permutations(range(5)))
    assert chance_rank_correlation(5) == pytest.approx(exact[int(0.95 * len(exact))], abs=1e-6)
