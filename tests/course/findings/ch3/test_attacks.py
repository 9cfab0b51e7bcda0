"""Success rates of attacks with their intervals, and the scores of the explorer."""

import math

import pandas as pd
import pytest
import torch
from torch import nn

from tutorial_course.findings.ch3 import (
    adaptive_auroc,
    auroc_interval,
    difference_interval,
    fit_attack_scores,
    half_success_budget,
    strongest_attacks,
    success_interval,
    transfer_range,
)
from tutorial_lib import uncertainty


def test_success_interval_is_wilson_interval_even_at_full_success():
    interval = success_interval(1.0, 100)
    assert interval.value == 1 and interval.high == pytest.approx(1)
    assert interval.low == pytest.approx(100 / (100 + 1.959964**2))  # the lower end at 100%


def test_auroc_interval_has_the_width_of_two_normal_quantiles():
    interval = auroc_interval(0.7, 0.1, 50)
    assert interval.high - interval.low == pytest.approx(2 * 1.959964 * 0.1) and interval.value == 0.7
    assert difference_interval(-0.3, 0.1) == pytest.approx((-0.3, -0.3 - 0.1959964, -0.3 + 0.1959964))


def test_auroc_interval_of_zero_has_a_positive_width_and_stays_within_range():
    interval = auroc_interval(0.0, 0.0, 32)
    assert interval.low == 0 and interval.high == pytest.approx(1.959964**2 / (32 + 1.959964**2))
    assert auroc_interval(0.98, 0.02, 32).high == 1


def test_adaptive_auroc_is_missing_for_attacks_that_were_not_tested():
    row = {"network": "a", "attack": "PGD", "detector": "d", "images": 10, "success": 1.0}
    rows = pd.DataFrame([row | {"auroc": 0.75, "auroc_se": 0.05}])
    assert adaptive_auroc(rows, "a", "PGD", "d") == "0.75 (0.65 to 0.85)"
    assert adaptive_auroc(rows, "a", "evading d", "d") is None


@pytest.mark.parametrize(
    ("rates", "expected"), [([0.2, 0.4, 0.6], 3.0), ([0.5, 0.6, 0.7], 1.0), ([0.1, 0.5, 0.9], 2.0)]
)
def test_half_success_budget_interpolates_between_measured_budgets(rates, expected):
    assert half_success_budget(pd.Series(rates, index=[1, 2, 4])) == pytest.approx(expected)


def test_half_success_budget_is_missing_if_no_budget_suffices():
    assert math.isnan(half_success_budget(pd.Series([0.1, 0.2], index=[1, 2])))


def test_transfer_range_separates_own_network_from_others():
    rates = {("a", "a"): 0.9, ("a", "b"): 0.3, ("b", "a"): 0.1, ("b", "b"): 0.8}
    rows = [
        {"kind": "transfer", "network": a, "to": b, "attack": "PGD", "success": rate} for (a, b), rate in rates.items()
    ]
    rows.append({"kind": "transfer", "network": "c", "to": "c", "attack": "PGD", "success": 0.0})
    result = pd.DataFrame(rows)
    assert transfer_range(result, ["a", "b"], "PGD", same=True) == (0.8, 0.9)
    assert transfer_range(result, ["a", "b"], "PGD", same=False) == (0.1, 0.3)


def test_fit_attack_scores_match_library_scores():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3)).eval()
        x = torch.rand(24, 3, 2, 2)
    z = model(x).detach()
    scores = fit_attack_scores(model, x, z.argmax(1))(x[:5])
    assert torch.allclose(scores["MSP"], uncertainty.msp_score(z[:5]))
    energy = uncertainty.energy_score(z)
    assert torch.allclose(scores["two-sided energy"], (energy[:5] - energy.median()).abs(), atol=1e-6)
    assert scores["gradient detector"].shape == (5,)


def test_strongest_attacks_are_those_with_the_highest_success_at_the_budget():
    rates = {"PGD": 0.4, "margin": 0.3, "AutoAttack": 0.4}
    row = {"kind": "strength", "network": "a", "budget": 4}
    rows = [row | {"attack": attack, "success": rate} for attack, rate in rates.items()]
    rows.append(row | {"budget": 8, "attack": "margin", "success": 0.9})
    assert strongest_attacks(pd.DataFrame(rows), "a", 4) == (["PGD", "AutoAttack"], 0.4)
    rows[1]["success"] = 0.5
    assert strongest_attacks(pd.DataFrame(rows), "a", 4) == (["margin"], 0.5)
