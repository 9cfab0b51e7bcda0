"""Tests of the numbers of two photographs side by side."""

import pandas as pd
import pytest
import torch

from tutorial_course.findings import ch2


def test_peak_hits_selects_network_and_question():
    row = {"kind": "side by side", "network": "a", "question": "why P", "hits": [1.0, 0.0, 1.0]}
    table = pd.DataFrame([row, {**row, "question": "what if not P", "hits": [0.0, 0.0, 0.0]}])
    assert ch2.peak_hits(table, "a", "why P").tolist() == [True, False, True]
    control = {**row, "kind": "side by side, control", "hits": [0.0, 1.0, 1.0]}
    table = pd.concat([table, pd.DataFrame([control])])
    assert ch2.peak_hits(table, "a", "why P", kind=control["kind"]).tolist() == [False, True, True]
    assert ch2.peak_hits(table, "a", "why P").tolist() == [True, False, True]


def test_mcnemar_p_value_matches_binomial_formula():
    first = torch.tensor([True] * 5 + [False] * 1 + [True] * 10)
    second = torch.tensor([False] * 5 + [True] * 1 + [True] * 10)
    # Two tails of the binomial distribution with n = 6: 2 (C(6, 0) + C(6, 1)) / 2^6.
    assert ch2.mcnemar_p_value(first, second) == pytest.approx(14 / 64)
    assert ch2.mcnemar_p_value(second, first) == pytest.approx(14 / 64)
    assert ch2.mcnemar_p_value(first, first) == 1
