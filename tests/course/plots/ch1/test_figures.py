"""The figures of sections 1.1 to 1.4 on small data."""

import numpy as np
import pandas as pd
import pytest
import torch

from tutorial_course.findings.ch1 import SURFACES, Estimate, Reliability
from tutorial_course.plots import ch1 as figures


def lines(axis):
    return {line.get_label(): np.asarray(line.get_ydata()).tolist() for line in axis.lines}


def test_reliability_figure_plots_accuracy_and_confidence_of_each_panel():
    rows = [Reliability(Estimate(a, a - 0.1, a + 0.1), Estimate(0.9, 0.8, 1.0), Estimate(0, 0, 0)) for a in (0.8, 0.4)]
    result = figures.reliability_figure(
        [0, 90], {"near": rows, "far": rows[::-1]}, xlabel="degrees", alt="Two panels of lines."
    )
    near, far = result.figure.axes
    assert near.get_xticks().tolist() == far.get_xticks().tolist() == [0]
    assert lines(near) == {"accuracy": [0.8, 0.4], "mean confidence": [0.9, 0.9]}
    assert lines(far)["accuracy"] == [0.4, 0.8] and far.get_title() == "far"


def test_deep_gradients_figure_states_ends_of_curves():
    result = figures.deep_gradients_figure({"gain 1": torch.tensor([1e-3, 1.0])}, {"1 layer": torch.tensor([1.0, 0.5])})
    assert "gain 1 1e-03" in result.alt and "1 layer 0.50" in result.alt
    left, right = result.figure.axes
    assert left.get_yscale() == "log" and all(tick == int(tick) for tick in right.get_xticks())


def test_deep_gradients_figure_draws_five_networks():
    norms = {str(gain): torch.tensor([gain, 1.0]) for gain in range(1, 6)}
    assert len(lines(figures.deep_gradients_figure(norms, {"1 layer": torch.tensor([1.0, 0.5])}).figure.axes[0])) == 5


def test_training_order_figure_shows_mean_and_range_of_seeds():
    runs = np.array([[0.2, 0.4, 0.6, 0.8, 0.9], [0.4, 0.6, 0.8, 0.8, 0.9]])
    old = np.array([[0.5, 0.0], [0.5, 0.2]])
    orders = dict.fromkeys(("most novel first", "least novel first", "random"), runs)
    result = figures.training_order_figure(orders, [0.5, 0.9], {"no replay": (old, 1 - old)})
    left, right = result.figure.axes
    assert lines(left)["random"] == pytest.approx([0.3, 0.5, 0.7, 0.8, 0.9])
    assert lines(right)["old classes, no replay"] == pytest.approx([0.5, 0.1])
    assert "no replay 10%" in result.alt


def test_descent_figure_plots_path_and_loss_above_minimum():
    surface, path = SURFACES["saddle"], torch.tensor([[0.0, 0.5], [0.0, 1.0]]).double()
    result = figures.descent_figure(surface, path, "saddle: converges")
    plane, curve = result.figure.axes
    assert plane.lines[0].get_xydata().tolist() == path.tolist()
    assert curve.lines[0].get_ydata().tolist() == pytest.approx((surface.loss(path) + 2.5).tolist())


def test_descent_figure_of_diverging_path_is_finite():
    path = torch.tensor([[0.0, 1.0], [0.0, 1e160]]).double()
    curve = figures.descent_figure(SURFACES["Rosenbrock"], path, "Rosenbrock: diverges").figure.axes[1]
    assert max(curve.lines[0].get_ydata()) < 1e12


def test_stability_figure_names_measured_limits():
    result = figures.stability_figure([0.9, 1.1], {"valley": [1e-3, 1e3]}, {"valley": 1.0002})
    assert result.figure.axes[0].get_legend().get_texts()[0].get_text() == "valley: limit measured at 1.0002"


def test_optimizer_paths_figure_shows_both_paths_and_losses():
    rows = [(o, t, float(t), 0.0, 1.0 / (1 + t)) for o in ("SGD", "AdamW") for t in range(3)]
    paths = pd.DataFrame(rows, columns=["optimizer", "step", "first", "second", "loss"])
    surface = pd.DataFrame(
        [(a, b, 0.1 + a * a + b * b) for a in (-1.0, 0.0, 1.0) for b in (-1.0, 1.0)],
        columns=["first", "second", "loss"],
    )
    axes = figures.optimizer_paths_figure(paths, surface).figure.axes
    assert lines(axes[1])["SGD"] == pytest.approx([1, 1 / 2, 1 / 3])
    assert {"SGD", "AdamW", "start"} <= lines(axes[0]).keys()
