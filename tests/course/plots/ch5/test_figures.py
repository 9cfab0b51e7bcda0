"""The figures of chapter 5 show the values that they are given."""

import pandas as pd
import pytest
import torch

from tutorial_course.plots import ch5 as figures
from tutorial_course.results import load_result


def lines_with_markers(axis):
    return [line for line in axis.lines if line.get_marker() not in ("None", "", None)]


def test_cost_figure_places_methods_without_backward_pass_left_of_one():
    axes = figures.cost_figure(load_result("method_costs")).figure.axes
    squares = [line for line in axes[1].lines if line.get_marker() == "s"]
    assert {float(line.get_xdata()[0]) for line in squares} == {0.35}
    stored = load_result("method_costs").query("network == 'resnet18' and method == 'occlusion'")
    assert stored["times a forward pass"].item() in [float(line.get_ydata()[0]) for line in squares]


def test_photograph_figure_orders_columns_by_one_score():
    pieces = torch.zeros(3, 3, 4, 4)
    aurocs = {"energy": torch.tensor([0.9, 0.8, 0.7]), "norms": torch.tensor([0.6, 0.2, 0.4])}
    figure = figures.photograph_figure(pieces, ["a", "b", "c"], aurocs, "norms")
    axis = figure.figure.axes[1]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["b", "c", "a"]
    assert list(lines_with_markers(axis)[0].get_ydata()) == pytest.approx([0.8, 0.7, 0.9])
    assert "0.20 (b)" in repr(figure)


def test_second_image_figure_draws_one_line_per_score():
    figure = figures.second_image_figure([0, 0.5, 1], {"random": [0.2, 0.3, 0.4], "energy": [0.2, 0.4, 0.4]})
    (axis,) = figure.figure.axes
    assert [line.get_label() for line in axis.lines] == ["random", "energy"]
    assert "energy 40%" in repr(figure)


def test_layer_direction_figure_draws_bars_from_chance_level():
    figure = figures.layer_direction_figure({"one": torch.tensor([0.7, 0.2]), "two": torch.tensor([0.6])})
    bars = figure.figure.axes[0].patches
    assert [bar.get_height() for bar in bars] == pytest.approx([0.2, -0.3])
    assert "one: 1 of 2 layers above 0.5" in repr(figure)


def test_sketch_figure_shows_mean_of_each_method():
    def summarize(method, column):
        value = {"random": 0.3, "principal": 0.2, "last layer": 0.6, "whole": 0.9}[method]
        return pd.DataFrame({"mean": [value], "min": [value - 0.1], "max": [value + 0.1]}, index=[64])

    axes = figures.sketch_figure(summarize).figure.axes
    assert len(axes) == 3
    assert {float(line.get_ydata()[0]) for line in lines_with_markers(axes[1])} == {0.3, 0.2, 0.6}


def test_adaptive_attack_figure_marks_the_attack_that_ignores_the_detector():
    rows = pd.DataFrame(
        [
            {"network": "n", "detector": d, "weight": w, "success": s, "auroc": a}
            for d in ("distance", "trained")
            for w, s, a in ((0.3, 0.9, 0.5), (0.0, 1.0, 0.9), (0.7, 0.2, None))
        ]
    )
    axis = figures.adaptive_attack_figure(rows, {"n": "network"}).figure.axes[0]
    line, ring = axis.lines[:2]
    assert list(line.get_xdata()) == [1.0, 0.9] and list(line.get_ydata()) == [0.9, 0.5]
    assert (list(ring.get_xdata()), list(ring.get_ydata())) == ([1.0], [0.9])
