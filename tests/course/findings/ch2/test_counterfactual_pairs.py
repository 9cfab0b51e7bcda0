"""Counterfactual pairs that are classified correctly, and stored intervals."""

import pandas as pd
import torch

from tutorial_course.findings import ch2 as findings
from tutorial_lib import models
from tutorial_lib.data import SIGNS
from tutorial_lib.runtime import make_generator


def test_sampled_pairs_are_classified_correctly_and_differ():
    network = models.load("signs/classifier")
    pairs = findings.sample_correct_pairs(network, ["speed 30", "stop"], 3, make_generator(0), "cpu")
    assert 1 <= len(pairs.images) <= 6 and pairs.masks.shape == (len(pairs.images), 48, 48)
    assert torch.equal(network(pairs.images).argmax(1), pairs.P) and pairs.masks.flatten(1).any(1).all()
    expected = {SIGNS.index("speed 30"): SIGNS.index("speed 50"), SIGNS.index("stop"): SIGNS.index("no entry")}
    assert [expected[p] for p in pairs.P.tolist()] == pairs.Q.tolist()


def test_stored_intervals_are_scaled_and_in_the_order_of_the_networks():
    rows = pd.DataFrame(
        [
            {"network": n, "method": "m", "question": "q", "gain": g, "gain_low": g - 0.1, "gain_high": g + 0.2}
            for n, g in {"a": 0.5, "b": 0.25}.items()
        ]
    ).set_index(["network", "method", "question"])
    first, second = findings.stored_intervals(rows, ["b", "a"], "m", "q", "gain", scale=100)
    assert f"{first:+.0f}" == "+25 (+15 to +45)" and f"{second:.0f}" == "50 (40 to 70)"


def test_difference_intervals_select_the_reference():
    row = {
        "kind": "paired differences",
        "network": "a",
        "method": "m",
        "question": "q",
        "question_of_reference": "none",
    }
    rows = pd.DataFrame(
        [
            row | {"reference": name, "difference": d, "difference_low": d - 0.1, "difference_high": d + 0.1}
            for name, d in {"edges, blur 2": 0.3, "edges": 0.5, "edges of another map": 0.7}.items()
        ]
    )
    for reference, text in {"edges": "+30 (+20 to +40)", "edges of another map, none": "+70 (+60 to +80)"}.items():
        (interval,) = findings.difference_intervals(rows, ["a"], "m", "q", reference, scale=100)
        assert f"{interval:+.0f}" == text


def test_most_precise_edges_have_the_highest_mean_over_networks():
    precisions = {"centre × edges, blur 1": (0.5, 0.1), "centre × edges, blur 2": (0.4, 0.4), "other": (0.9, 0.9)}
    rows = [
        {"kind": "counterfactual pairs", "method": method, "precision": value}
        for method, values in precisions.items()
        for value in values
    ]
    assert findings.most_precise_edges(pd.DataFrame(rows)) == "centre × edges, blur 2"
