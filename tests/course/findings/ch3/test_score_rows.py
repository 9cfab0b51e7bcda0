"""Tests of the findings on corruption, open-set recognition, misclassification and novelty."""

import pandas as pd
import pytest
import torch

from tutorial_course.findings import ch3, markdown_table
from tutorial_lib.metrics import oscr

NETWORK = "cifar10/resnet20"


def stored_row(network=NETWORK, score="energy", value=0.9, **columns):
    ends = {"auroc": value, "auroc_low": value - 0.1, "auroc_high": value + 0.05}
    return {"network": network, "score": score, **ends, **columns}


def test_score_interval_has_the_ends_of_its_row_and_rejects_several_conditions():
    rows = pd.DataFrame([stored_row(), stored_row(score="margin", value=0.7)])
    assert ch3.score_interval(rows, NETWORK, "margin", "auroc") == pytest.approx((0.7, 0.6, 0.75))
    assert ch3.score_interval(rows, "signs/classifier", "margin", "auroc") is None
    with pytest.raises(ValueError, match="select one condition"):
        ch3.score_interval(pd.concat([rows, rows]), NETWORK, "energy", "auroc")


def test_score_table_has_a_column_for_each_network_and_a_dash_for_missing_rows():
    rows = pd.DataFrame([stored_row(), stored_row("signs/classifier", "margin", 0.8)])
    lines = {"energy": ("energy", "auroc"), "margin": ("margin", "auroc")}
    table = str(markdown_table(ch3.score_table(rows, lines)))
    assert table.splitlines()[0] == "| score | signs, network 1 | ResNet-20 |"
    assert "| energy | – | 0.90 (0.80 to 0.95) |" in table
    assert "| margin | 0.80 (0.70 to 0.85) | – |" in table


def test_severity_curves_are_in_the_order_of_the_severities():
    base = {"kind": "severity"}
    rows = [stored_row(value=0.5 + level / 20, severity=level, error=level / 10, **base) for level in (3, 1, 0, 2)]
    curves, errors = ch3.severity_curves(pd.DataFrame(rows), [NETWORK], {"the energy": "energy"})
    assert [interval.value for interval in curves["ResNet-20"]["the energy"]] == [0.55, 0.6, 0.65]
    assert errors == {"ResNet-20": [0.1, 0.2, 0.3]}


def test_blur_transfer_accuracy_is_in_the_order_of_the_types():
    rows = [
        {"kind": "one blur", "network": NETWORK, "score": "features", "type": kind, "accuracy": value}
        for kind, value in (("rain", 0.6), ("noise", 0.4), ("all six", 0.5))
    ]
    found = ch3.blur_transfer_accuracy(pd.DataFrame(rows), [NETWORK], {"h": "features"}, ["noise", "rain"])
    assert found == {"ResNet-20": {"h": [0.4, 0.6]}}


def test_vae_accuracy_lead_pairs_the_seeds_and_leaves_out_the_trained_corruption():
    rows = [
        {"dataset": "signs", "seed": s, "input": name, "set": kind, "trained": kind == "blur", "accuracy": value}
        for s, gain in ((0, 0.1), (1, 0.2), (2, 0.3))
        for name, value in (("code", 0.5 + s / 10), ("both", 0.5 + s / 10 + gain))
        for kind in ("noise", "rain", "blur")
    ]
    rows[2]["accuracy"] = 99.0  # the trained corruption does not count
    lead = ch3.vae_accuracy_lead(pd.DataFrame(rows), "signs", "both", "code")
    # Student's t with two degrees of freedom: 4.303 · 0.1 / √3.
    assert lead == pytest.approx((0.2, 0.2 - 0.2484, 0.2 + 0.2484), abs=1e-4)


def test_open_set_curve_has_the_area_that_the_library_computes():
    generator = torch.Generator().manual_seed(0)
    known, unknown = (torch.randn(n, generator=generator).mul(2).round() / 2 + s for n, s in ((50, 0), (40, 1)))
    correct = torch.rand(50, generator=generator) > 0.2
    accepted, classified = ch3.open_set_curve(known, correct, unknown)
    assert torch.trapezoid(classified.double(), accepted.double()).item() == pytest.approx(
        oscr(known, correct, unknown), abs=1e-6
    )


def test_proxy_unknown_steps_keep_one_list_per_split():
    rows = [{"input": name, "split": i, "a": i + 0.1, "b": 0.5} for name in ("norms", "scores") for i in range(2)]
    assert ch3.proxy_unknown_steps(pd.DataFrame(rows), ["b", "a"], {"N": "norms"}) == {"N": [[0.5, 0.1], [0.5, 1.1]]}


def test_novelty_lead_averages_the_seeds_of_a_class_first():
    rows = [
        {"dataset": "signs", "normal": normal, "seed": seed, "gradient": value, "error": 0.5}
        for normal, values in (("stop", (0.6, 0.8)), ("hump", (0.9,)))
        for seed, value in enumerate(values)
    ]
    lead = ch3.novelty_lead(pd.DataFrame(rows), "gradient", "error")["signs"]
    assert lead.value == pytest.approx((0.2 + 0.4) / 2) and lead.low < 0 < lead.high


def test_largest_deviation_is_measured_from_one_over_the_number_of_classes():
    # With two classes the deviations are measured from 1/2: −1.0 deviates more than 1.9.
    logits = torch.tensor([[1.9, -1.0], [3.0, 0.0]])
    assert ch3.largest_deviation_classes(logits) == (0.5, 0.5)
