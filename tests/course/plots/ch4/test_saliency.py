"""The figures of saliency maps."""

import pandas as pd
import pytest
import torch

from tutorial_course.findings.intervals import Interval
from tutorial_course.plots.ch4 import fixation_scores_figure, layer_figure, noise_figure, spotlight_figure
from tutorial_course.plots.ch4.saliency import COLORS, spotlight


def test_spotlight_keeps_the_image_at_the_maximum_and_darkens_the_rest():
    image, map = torch.full((3, 40, 40), 0.8), torch.zeros(40, 40)
    map[20, 20] = 1
    lit = spotlight(image, map)
    assert lit[0, 20, 20] == pytest.approx(0.8) and lit[0, 0, 0] == pytest.approx(0.8 * 0.08, rel=0.01)


def test_spotlight_figure_has_a_row_per_image_and_titles_above_the_first_row():
    row = (torch.rand(3, 12, 12), {"a": torch.rand(12, 12), "b": torch.rand(12, 12)})
    figure = spotlight_figure([row, row], "Two rows of maps.").figure
    assert [axis.get_title() for axis in figure.axes] == ["image", "a", "b", "", "", ""]


def test_fixation_scores_figure_colors_maps_by_what_they_use():
    panels = {
        "OSIE": {"edges": Interval(0.6, 0.5, 0.7), "readout": Interval(0.8, 0.7, 0.9)},
        "Scene500": {"edges": Interval(0.65, 0.6, 0.7)},
    }
    groups = {"edges": "no network", "readout": "trained on fixations"}
    shown = fixation_scores_figure(panels, groups, "AUC", 0.5)
    left, right = shown.figure.axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["edges", "readout"]
    dots = {line.get_color(): list(line.get_xdata()) for line in left.lines if line.get_marker() == "o"}
    assert dots[COLORS["no network"]] == [0.6] and dots[COLORS["trained on fixations"]] == [0.8]
    assert "Scene500: edges 0.65" in repr(shown) and left.yaxis_inverted()


def test_layer_figure_names_the_best_layer():
    table = pd.DataFrame({"layer": [1, 4], "nss": [0.5, 0.9], "nss, low": [0.4, 0.8], "nss, high": [0.6, 1.0]})
    shown = layer_figure({"implicit": table}, "nss", "NSS", 0.0)
    assert "implicit at layer 4" in repr(shown)
    assert [label.get_text() for label in shown.figure.axes[0].get_xticklabels()] == ["1", "4"]


def test_noise_figure_marks_what_is_under_the_noise():
    columns = {"photograph": 0.9, "nothing": 0.5}
    table = pd.DataFrame({u: [Interval(v, v - 0.1, v + 0.1)] for u, v in columns.items()}, index=["a"])
    shown = noise_figure({"NSS": table, "shuffled AUC": table}, {"a": "map"})
    left, right = shown.figure.axes
    marks = [line.get_xdata()[0] for line in left.lines if line.get_marker() in "oD"]
    assert marks == [0.9, 0.5]
    chance = [line.get_xdata()[0] for line in right.lines if line.get_linestyle() == "--"]
    assert chance == [0.5] and "map 0.90, noise alone 0.50" in repr(shown)
