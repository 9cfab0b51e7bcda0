"""The figures of attacks, their detectors and the nearest boundary."""

import pandas as pd
import pytest
import torch

from tutorial_course.findings.ch3.attacks_boundary import BoundaryStep
from tutorial_course.findings.intervals import Interval
from tutorial_course.plots.ch3 import (
    adaptive_attack_figure,
    attacked_sign_figure,
    boundary_distance_figure,
    boundary_steps_figure,
    detector_matrix_figure,
    success_figure,
)


def test_success_figure_shows_rates_and_reports_the_largest_budget():
    rows = [
        {"network": "a", "attack": attack, "budget": budget, "success": rate, "images": 50}
        for attack, rates in {"PGD": (0.5, 1.0), "noise": (0.0, 0.1)}.items()
        for budget, rate in zip((1, 8), rates, strict=True)
    ]
    titles = {"a": "network A", "b": "network B"}
    table = pd.DataFrame(rows + [row | {"network": "b"} for row in rows])
    figure = success_figure(table, titles, {"PGD": "PGD, 10 steps", "noise": "noise"})
    left, right = figure.figure.axes
    assert left.get_title() == "network A" and list(left.lines[0].get_ydata()) == [0.5, 1.0]
    assert [tick.get_text() for tick in right.get_xticklabels()] == ["1", "8"]
    assert "network B, noise 10%" in repr(figure)


def test_attacked_sign_figure_enlarges_the_perturbation():
    x = torch.full((3, 2, 2), 0.5)
    figure = attacked_sign_figure(x, x + 0.01, "stop, 99%", {"softmax": 0.25, "energy": 1.0})
    image, perturbation, bars = figure.figure.axes
    assert perturbation.images[0].get_array()[0, 0, 0] == pytest.approx(0.58, abs=0.01)
    assert [bar.get_width() for bar in bars.patches] == [0.25, 1.0] and "softmax 25%" in repr(figure)


def test_detector_matrix_figure_prints_cells_in_the_order_of_the_labels():
    table = pd.DataFrame({"x": [0.1, 0.2], "y": [0.3, 0.4]}, index=["a", "b"])
    figure = detector_matrix_figure({"left": table, "right": table}, {"b": "B", "a": "A"}, {"y": "Y", "x": "X"})
    axis = figure.figure.axes[0]
    assert [text.get_text() for text in axis.texts] == ["0.40", "0.20", "0.30", "0.10"]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["B", "A"]


def test_adaptive_attack_figure_starts_with_the_attack_that_does_not_know_the_detector():
    rows = pd.DataFrame(
        [{"network": n, "detector": "d", "restart": i, "auroc": 0.5 - 0.1 * i} for n in "ab" for i in range(3)]
    )
    before = pd.DataFrame([{"network": n, "detector": "d", "auroc": 0.9} for n in "ab"])
    figure = adaptive_attack_figure(rows, {"a": "A", "b": "B"}, {"d": "gradient norms"}, before)
    assert list(figure.figure.axes[0].lines[0].get_ydata()) == pytest.approx([0.9, 0.5, 0.4, 0.3])
    assert "A, gradient norms: 0.90 to 0.30" in repr(figure)


def test_boundary_steps_figure_reports_the_margin_at_the_end_of_each_step():
    distance = torch.linspace(0, 2, 5)
    step = BoundaryStep(distance, 3 - distance, 3 - 3 * distance, 1.0)
    figure = boundary_steps_figure([step, step], "stop", "yield")
    assert "step 1: 2.0" in repr(figure) and figure.figure.axes[0].get_ylabel() == "logit of stop − logit of yield"


def test_boundary_distance_figure_separates_correct_from_wrong_predictions():
    correct = torch.tensor([True, True, False])
    aurocs = {"distance": Interval(0.8, 0.7, 0.9), "softmax": Interval(0.9, 0.8, 0.95)}
    figure = boundary_distance_figure(torch.tensor([0.1, 0.2, 0.5]), torch.tensor([3.0, 2.0, 1.0]), correct, aurocs)
    left, right = figure.figure.axes
    assert list(left.lines[0].get_ydata()) == [3, 2] and list(left.lines[1].get_ydata()) == [1]
    assert [label.get_text() for label in right.get_yticklabels()] == ["distance", "softmax"]
