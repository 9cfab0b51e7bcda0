"""Margins along the steps of DeepFool, and the distance as a score of wrong predictions."""

import pytest
import torch
from torch import nn

from tutorial_course.findings.ch3 import margin_along_step, wrong_prediction_aurocs
from tutorial_lib import uncertainty


def test_margin_along_step_of_a_linear_network_is_linear_and_zero_at_the_end():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3)).double()
    with torch.no_grad():
        model[1].weight.copy_(torch.tensor([[1.0, 0, 0, 0], [0, 2, 0, 0], [0, 0, 1, 1]]).double())
        model[1].bias.zero_()
    x = torch.tensor([[[[0.9, 0.3], [0.2, 0.1]]]]).double()
    end = uncertainty.deepfool(model, x, n_steps=1, overshoot=0)
    P, Q = 0, 1
    step = margin_along_step(model, x, end, P, Q)
    torch.testing.assert_close(step.margin, step.linear)
    assert step.length == pytest.approx(0.3 / 5**0.5)  # |0.9 − 0.6| / ‖(−1, 2)‖
    assert step.margin[20].item() == pytest.approx(0, abs=1e-9) and step.margin[0].item() == pytest.approx(0.3)


def test_wrong_prediction_aurocs_are_paired_with_the_reference():
    correct = torch.arange(40) >= 20
    good = torch.where(correct, 1.0, 0.0) + torch.linspace(0, 0.1, 40)
    useless = torch.linspace(0, 1, 20).repeat(2)
    results = wrong_prediction_aurocs({"good": good, "useless": useless}, correct, "good", n_resamples=50)
    assert results["good"][0] == (1, 1, 1) and results["good"][1] == (0, 0, 0)
    own, difference = results["useless"]
    assert own.value == pytest.approx(0.5) and difference.value == pytest.approx(-0.5)
    assert difference.low < -0.5 < difference.high < 0
