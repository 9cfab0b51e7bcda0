"""The figures of contrast maps and of the gains by pair of signs."""

import pytest

from tutorial_course.plots.ch2 import OBJECTIVES, gain_by_pair_figure, objective_map_figure, pair_map_figure
from tutorial_lib.attribution import contrast_cam, precision_at_k, upsample
from tutorial_lib.data import SIGNS, counterfactual_pairs, sample_scenes
from tutorial_lib.models import load


def test_gain_by_pair_figure_orders_pairs_by_mean_and_shows_percentage_points():
    gains = {"a, not b": [0.1, 0.3], "c, not d": [-0.2, 0.0], "e, not f": [0.4, 0.5]}
    figure = gain_by_pair_figure(gains, "A dot plot with three pairs of signs.").figure
    (axis,) = figure.axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["c, not d", "a, not b", "e, not f"]
    means, first, second = axis.lines[1:]  # the means lie behind the markers
    assert list(first.get_xdata()) == pytest.approx([-20, 10, 40])
    assert list(second.get_xdata()) == pytest.approx([0, 30, 50])
    assert list(means.get_xdata()) == pytest.approx([-10, 20, 45])
    assert means.get_label() == "mean of the networks"


def test_pair_map_figure_reports_precision_of_the_map():
    pair = counterfactual_pairs("speed 30", "speed 50")
    figure = pair_map_figure(pair, pair.difference[:, 0].float(), "speed 30", "speed 50", "truth")
    assert [axis.get_title() for axis in figure.figure.axes] == ["P: speed 30", "Q: speed 50", "truth"]
    assert "precision 1.00" in repr(figure)


def test_objective_map_figure_shows_grad_cam_of_the_objective():
    network, scene = load("signs/classifier"), sample_scenes(1, distribution="clean")
    pair = counterfactual_pairs("speed 30", "speed 50", scene=scene)
    contrast = contrast_cam(network, pair.image, "block3", SIGNS.index("speed 50"))
    precision = precision_at_k(upsample(contrast, pair.image.shape[-2:]), pair.difference[:, 0]).item()
    shown = [
        repr(objective_map_figure(network, scene, "speed 30", "speed 50", "block3", objective))
        for objective in OBJECTIVES
    ]
    assert "“loss for Q, block3”" in shown[1] and f"precision {precision:.2f}" in shown[1]
    assert len(set(shown)) == len(OBJECTIVES)
