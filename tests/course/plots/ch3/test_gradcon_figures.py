"""The figures of the direction of gradients."""

import pandas as pd
import pytest
import torch

from tutorial_course.plots.ch3 import class_auroc_figure, corruption_auroc_figure, gradient_direction_figure


def test_gradient_direction_figure_shows_each_group_and_reports_median_angles():
    images = {"normal": torch.rand(3, 3, 4, 4), "blurred": torch.rand(3, 3, 4, 4)}
    angles = {"normal": torch.tensor([10.0, 20.0, 30.0]), "blurred": torch.tensor([50.0, 60.0, 70.0])}
    figure = gradient_direction_figure(images, dict.fromkeys(images, torch.ones(3)), angles)
    scatter = figure.figure.axes[-1]
    assert list(scatter.lines[1].get_xdata()) == [50, 60, 70] and scatter.get_yscale() == "log"
    assert "normal 20°; blurred 60°" in repr(figure)


def test_class_auroc_figure_shifts_scores_around_each_class():
    values = pd.Series([0.6, 0.8], index=["stop", "hump"])
    scores = {"GradCon": values, "reconstruction error": values - 0.1}
    figure = class_auroc_figure({"signs": scores, "CIFAR-10": scores})
    first, second = figure.figure.axes[0].lines[:2]
    assert list(first.get_xdata()) == pytest.approx([-0.11, 0.89])
    assert list(second.get_xdata()) == pytest.approx([0.11, 1.11]) and list(second.get_ydata()) == [
        0.5,
        0.7000000000000001,
    ]
    assert "GradCon from 0.60 to 0.80" in repr(figure)


def test_corruption_auroc_figure_orders_rows_and_counts_cells_below_chance():
    table = pd.DataFrame({1: [0.4, 0.6], 2: [0.3, 0.9]}, index=["haze", "noise"])
    figure = corruption_auroc_figure({"first": table, "second": 1 - table}, ["noise", "haze"])
    assert figure.figure.axes[0].images[0].get_array()[0].tolist() == [0.6, 0.9]
    assert "first 2; second 2" in repr(figure)
