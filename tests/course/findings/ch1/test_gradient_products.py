"""The costs of section 1.2, counted for a network whose operations are known."""

import pytest
import torch
from torch import nn

from tutorial_course.findings import ch1 as findings


def test_product_costs_of_linear_network_match_count_by_hand():
    # Two matrix products forward; backward, both weights and the input of the second layer take one product each.
    model = nn.Sequential(nn.Linear(8, 8, bias=False), nn.Linear(8, 8, bias=False))
    costs = findings.product_costs(model, torch.randn(4, 8), torch.zeros(4, dtype=torch.long))
    assert costs["forward"] == 1 and costs["vjp"] == pytest.approx(5 / 2)
    # Forward mode: each layer also multiplies the tangents of its input and of its weight, and the derivative of the
    # gradient takes three products for each product of the gradient.
    assert costs["jvp"] == pytest.approx(3) and costs["hvp"] == pytest.approx(3 * 5 / 2)


def test_count_flops_counts_multiplications_and_additions():
    assert findings.count_flops(lambda: torch.ones(5, 2) @ torch.ones(2, 3)) == 2 * 5 * 2 * 3
