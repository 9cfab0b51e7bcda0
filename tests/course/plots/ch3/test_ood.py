"""Tests of the figures on OOD detection."""

import pandas as pd
import pytest
import torch

from tutorial_course.findings.ch3 import answer_rows
from tutorial_course.findings.intervals import Interval
from tutorial_course.plots import ch3 as figures
from tutorial_course.results import load_result

ALT = "A figure with several marks."


def test_auroc_by_task_figure_marks_every_network():
    table = pd.DataFrame({"signs/classifier": [0.9, 0.4], "cifar10/resnet20": [0.8, 0.1]}, index=["near OOD", "PGD"])
    figure = figures.auroc_by_task_figure({"MSP": table, "energy": table}, ALT, {"PGD": torch.rand(3, 4, 4)}).figure
    image, *panels = figure.axes
    assert image.get_title() == "PGD" and [axis.get_title() for axis in panels] == ["MSP", "energy"]
    marks = [line for line in panels[0].lines if len(line.get_xdata()) == 2 and line.get_marker() not in ("None", "")]
    assert [list(line.get_xdata()) for line in marks] == [[0.9, 0.4], [0.8, 0.1]]


def test_layer_auroc_figure_draws_bars_from_the_chance_level():
    bars = {"near OOD": [0.7, 0.2], "PGD": [0.5, 1.0]}
    figure = figures.layer_auroc_figure({"signs": bars, "CIFAR-10": bars}, ALT).figure
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert heights == pytest.approx([0.2, -0.3])
    assert figure.axes[0].patches[0].get_facecolor() != figure.axes[0].patches[1].get_facecolor()


def test_detector_figure_connects_both_training_sets():
    tasks = {"PGD": {"gradient norms": (0.9, 0.1), "features": (0.8, 0.2)}}
    figure = figures.detector_figure({"signs": tasks, "CIFAR-10": tasks}, ALT).figure
    lines = [list(line.get_xdata()) for line in figure.axes[0].lines]
    assert [0.9, 0.1] in lines and [0.8, 0.2] in lines
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["gradient norms", "features"]


def test_gradient_gain_figure_draws_intervals():
    rows = [
        {"task": "far OOD", "data": "signs", "difference": Interval(0.1, 0.0, 0.2)},
        {"task": "far OOD", "data": "CIFAR-10", "difference": Interval(-0.1, -0.3, 0.1)},
        {"task": "open set: digits", "data": "signs", "difference": Interval(0.0, -0.1, 0.1)},
    ]
    (axis,) = figures.gradient_gain_figure(rows, ALT).figure.axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["far OOD", "open set:\ndigits"]
    assert [-0.3, 0.1] in [list(line.get_xdata()) for line in axis.lines]


def test_gradient_gain_figure_shows_all_stored_intervals_except_that_of_the_digits():
    names = ("ood_detection", "ood_image_set", "gradcon", "corruption_and_open_set")
    rows = answer_rows(*map(load_result, names))
    (axis,) = figures.gradient_gain_figure(rows, ALT).figure.axes
    low, high = axis.get_xlim()
    outside = [row["task"] for row in rows if row["difference"].low < low or row["difference"].high > high]
    assert outside == ["anomaly detection: other digits"]


def test_uncertainty_parts_figure_marks_two_limits():
    parts = torch.rand(8, 2, generator=torch.Generator().manual_seed(0))
    groups = {name: range(2 * i, 2 * i + 2) for i, name in enumerate(("normal", "corruptions", "novel", "textures"))}
    (axis,) = figures.uncertainty_parts_figure(parts[:, 0], parts[:, 1], groups).figure.axes
    levels = [line.get_ydata()[0] for line in axis.lines[4:]]
    predictions = torch.eye(3).double()
    entropy = lambda p: torch.special.entr(p).sum().item()
    expected = [entropy(predictions.mean(0)), entropy(predictions[[0, 0, 1]].mean(0))]
    assert levels == pytest.approx(expected)


def test_factor_plane_figure_draws_thresholds_of_products():
    values = {key: torch.rand(3) + 1 for key in ("h", "p minus u", "gini")}
    groups = dict.fromkeys(("normal", "novel", "textures", "digits"), values)
    left, right = figures.factor_plane_figure(groups, (30.0, 2.0)).figure.axes
    for axis, threshold in ((left, 30.0), (right, 2.0)):
        line = axis.lines[-1]
        assert torch.tensor(line.get_xdata() * line.get_ydata()).mean().item() == pytest.approx(threshold, rel=1e-4)


def test_factor_auroc_figure_has_a_panel_per_dataset():
    table = pd.DataFrame([[0.8, 0.7, 0.6, 0.5]], columns=["a", "b", "c", "d"], index=["digits"])
    figure = figures.factor_auroc_figure({"signs": table, "CIFAR-10": table}).figure
    assert [axis.get_title() for axis in figure.axes] == ["signs", "CIFAR-10"]
    assert [line.get_xdata()[0] for line in figure.axes[0].lines[:4]] == [0.8, 0.7, 0.6, 0.5]
