"""The table of the Fisher information by kind of prediction, compared with loops over the classes."""

import pytest
import torch

from tutorial_course.findings.ch2 import GROUPS, fisher_by_prediction


def test_fisher_by_prediction_matches_sums_over_classes():
    # A correct, an uncertain wrong and a confident wrong prediction.
    logits, labels = torch.tensor([[2.0, 0, 0], [0.4, 0, 0], [9.0, 0, 0]]), torch.tensor([0, 1, 2])
    h = torch.tensor([[1.0, 2], [0.5, 1], [3, 1]])
    rows = fisher_by_prediction(logits, h, labels)
    assert [row["group"] for row in rows] == list(GROUPS) and [row["images"] for row in rows] == [1, 1, 1]
    for i, row in enumerate(rows):
        p, g = logits[i].double().softmax(0), []
        for c in range(3):
            delta = p.clone()
            delta[c] -= 1
            g.append((delta[:, None] * h[i].double()).square().sum())
        assert row["trace"] == pytest.approx(sum(p[c] * g[c] for c in range(3)).item())
        assert row["true"] == pytest.approx(g[labels[i]].item())
    # The confident mistake has the smallest trace, and the largest gradient for the true label.
    assert rows[2]["trace"] < rows[1]["trace"] and rows[2]["true"] > rows[1]["true"]


def test_fisher_by_prediction_without_mistakes_has_empty_groups():
    rows = fisher_by_prediction(torch.eye(3), torch.ones(3, 2), torch.arange(3))
    assert [row["images"] for row in rows] == [3, 0, 0] and rows[1]["trace"] is None and rows[2]["true"] is None
