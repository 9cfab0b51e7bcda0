"""Tests of the figures on corruption, open-set recognition, misclassification and novelty."""

import pytest
import torch

from tutorial_course.findings.intervals import Interval
from tutorial_course.plots import ch3
from tutorial_lib.metrics import risk_coverage


def test_severity_figure_shows_every_score_and_the_errors():
    curves = {"ResNet-20": {"softmax": [Interval(0.5, 0.4, 0.6), Interval(0.9, 0.8, 1.0)]}}
    curves["ResNet-56"] = curves["ResNet-20"]
    shown = ch3.severity_figure(curves, {"ResNet-20": [0.1, 0.4], "ResNet-56": [0.1, 0.3]})
    left, _ = shown.figure.axes
    assert [list(line.get_ydata()) for line in left.lines[:2]] == [[0.5, 0.9], [0.1, 0.4]]
    assert "softmax from 0.50 to 0.90, wrong predictions from 10% to 40%" in shown.alt


def test_blur_transfer_figure_has_the_same_color_for_a_detector_in_all_panels():
    accuracy = {"signs": {"features": [0.4, 0.8], "code": [0.5, 0.5]}, "VAE": {"code": [0.6, 0.7]}}
    shown = ch3.blur_transfer_figure(accuracy, ["noise", "rain"])
    left, right = shown.figure.axes
    assert list(left.lines[0].get_xdata()) == [0.4, 0.8]
    assert left.lines[1].get_color() == right.lines[0].get_color() != left.lines[0].get_color()
    assert "features 60%, code 50%; VAE: code 65%" in shown.alt


def test_open_set_curve_figure_shows_the_areas():
    curves = {"energy": (torch.tensor([0.0, 0.5, 1.0]), torch.tensor([0.2, 0.8, 0.9]))}
    shown = ch3.open_set_curve_figure(curves, {"energy": 0.675})
    (axis,) = shown.figure.axes
    assert axis.lines[0].get_ydata().tolist() == pytest.approx([0.2, 0.8, 0.9])
    assert axis.get_legend().get_texts()[0].get_text() == "energy, OSCR 0.68"


def test_proxy_unknown_figure_has_a_line_per_split_and_their_mean():
    shown = ch3.proxy_unknown_figure({"norms": [[0.9, 0.5], [0.7, 0.3]]}, ["trained", "left\nout"])
    (axis,) = shown.figure.axes
    assert list(axis.lines[2].get_ydata()) == pytest.approx([0.8, 0.4])
    assert "(trained, left out)" in shown.alt and "norms 0.80, 0.40" in shown.alt


def test_risk_coverage_figure_ends_at_the_error_rate():
    correct = torch.tensor([True, True, False, True])
    curve = risk_coverage(torch.tensor([0.1, 0.2, 0.3, 0.4]), correct)
    shown = ch3.risk_coverage_figure({"softmax": curve}, correct)
    (axis,) = shown.figure.axes
    assert axis.lines[0].get_ydata()[-1] == 0.25 and list(axis.lines[2].get_ydata()) == [0.25, 0.25]
    # The best order puts the error last: risks 0, 0, 0, 1/4.
    assert "best possible order 0.062, random order 0.250" in shown.alt


def test_novelty_figure_shows_images_and_one_histogram_per_score():
    pair = torch.zeros(3, 4, 4), torch.ones(3, 4, 4)
    scores = {name: {"normal": torch.zeros(5), "abnormal": torch.ones(5)} for name in ("error", "norm")}
    shown = ch3.novelty_figure({"normal": pair, "abnormal": pair}, scores, {"error": 1.0, "norm": 0.75})
    axes = shown.figure.axes
    assert len(axes) == 4 + 2 and axes[1].images[0].get_array().min() == 1
    assert [axis.get_xlabel() for axis in axes[4:]] == ["AUROC 1.00", "AUROC 0.75"]
