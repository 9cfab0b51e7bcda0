"""Tests of the figures of sections 1.5, 1.6 and 1.A to 1.G, with small data whose values are known."""

import numpy as np
import pandas as pd
import pytest
import torch

from tutorial_course.findings.ch1.data_attribution import LabelCurve
from tutorial_course.findings.ch1.decomposition import GroupDescription
from tutorial_course.findings.ch1.networks import ModelSize
from tutorial_course.plots import ch1


def lines(axis):
    return {line.get_label(): line for line in axis.get_lines()}


def test_isomap_figure_has_a_panel_per_number_of_images():
    coordinates = np.random.default_rng(0).normal(size=(8, 2))
    figure = ch1.isomap_figure({8: coordinates, 3: coordinates[:3]}, torch.linspace(-1, 1, 8), torch.rand(8)).figure
    panels = [axis for axis in figure.axes if axis.get_title()]
    assert [axis.get_title() for axis in panels] == ["8 images", "3 images"]
    np.testing.assert_allclose(panels[1].collections[0].get_offsets(), coordinates[:3])


def test_swiss_roll_figure_plots_correlations_of_isomap_and_pca():
    coordinates = {k: np.zeros((4, 2)) for k in (8, 30, "PCA")}
    figure = ch1.swiss_roll_figure(torch.rand(4, 3), coordinates, torch.rand(4), {8: 0.9, 30: 0.4, "PCA": 0.2}).figure
    plotted = lines(figure.axes[4])
    assert plotted["Isomap"].get_ydata().tolist() == [0.9, 0.4] and plotted["PCA"].get_ydata()[0] == 0.2


def test_query_cost_figure_extrapolates_in_proportion():
    figure = ch1.query_cost_figure((1_000, 3_000), {64: [0.001, 0.003]}).figure
    dashed = next(line for line in figure.axes[0].get_lines() if line.get_linestyle() == "--")
    assert dashed.get_xdata()[-1] == 1_000_000 and dashed.get_ydata()[-1] == pytest.approx(1_000)


def test_decomposition_figure_writes_large_coefficients_and_the_residual_share():
    groups = [GroupDescription("green stop", [("priority", 0.5), ("yield", 0.05)], 0.8)]
    figure = ch1.decomposition_figure([torch.rand(3, 8, 8)], groups).figure
    caption = figure.axes[0].get_xlabel()
    assert "0.50 priority" in caption and "residual 80%" in caption and "yield" not in caption


def test_leave_one_out_figure_plots_each_approximation_against_retraining():
    retrained = torch.tensor([0.1, 0.2])
    figure = ch1.leave_one_out_figure(retrained, {"influence function": retrained, "other": 2 * retrained}).figure
    np.testing.assert_allclose(figure.axes[1].collections[0].get_offsets(), [[100, 200], [200, 400]], rtol=1e-6)


def test_proponents_figure_shows_the_ranked_training_images():
    reference = torch.stack([torch.full((3, 4, 4), v) for v in (0.0, 0.5, 1.0)])
    figure = ch1.proponents_figure(torch.rand(1, 3, 4, 4), reference, {"a": torch.tensor([[2, 0]])}).figure
    shown = [axis.images[0].get_array().mean() for axis in figure.axes[1:]]
    assert shown == pytest.approx([1, 0])


def test_wrong_labels_figure_has_a_panel_per_share():
    curves = [
        LabelCurve(share, score, over, [1, 2], [0.7, 0.8], [0.6, 0.7], [0.8, 0.9])
        for share in (0.1, 0.3)
        for score in ("loss", "EL2N")
        for over in ("last epoch", "sum over epochs")
    ]
    figure = ch1.wrong_labels_figure(curves).figure
    assert [axis.get_title() for axis in figure.axes] == ["10% wrong labels", "30% wrong labels"]
    assert len(figure.axes[0].get_lines()) == 4 and len(figure.axes[0].collections) == 2


def test_linearization_figure_plots_the_tangent():
    t = torch.tensor([0.0, 1.0, 2.0])
    figure = ch1.linearization_figure(t, 3 - t, 0.5, torch.tensor(0.7), {"known": torch.tensor([1.0, 2.0])}).figure
    plotted = lines(figure.axes[0])
    assert plotted["first-order approximation"].get_ydata().tolist() == [3, 2.5, 2]
    assert plotted["linearization radius"].get_xdata()[0] == pytest.approx(0.7)


def test_steepest_steps_figure_shows_image_and_steps():
    step = torch.ones(3, 8, 8)
    figure = ch1.steepest_steps_figure(torch.rand(3, 8, 8), {"l2": step, "linf": -step}).figure
    assert [axis.images[0].get_array().mean() for axis in figure.axes[1:]] == pytest.approx([1, 0])


def test_unit_balls_figure_ends_arrows_at_the_steps():
    gradient, M = torch.tensor([2.0, 1.0]), torch.eye(2)
    figure = ch1.unit_balls_figure(
        gradient, M, {"l2": torch.tensor([[-0.6, -0.8]]), "M": torch.tensor([[0.0, 1.0]])}
    ).figure
    tips = [axis.texts[0].xy for axis in figure.axes]
    np.testing.assert_allclose(tips, [[-0.6, -0.8], [0, 1]], rtol=1e-6)


def test_two_moons_figure_states_distance_and_number_of_changes():
    model, path = torch.nn.Linear(2, 2), torch.tensor([[0.0, 0.0], [0.3, 0.4]])
    figure = ch1.two_moons_figure(torch.rand(6, 2), torch.tensor([0, 1] * 3), model, model, path, 2).figure
    assert "0.50" in figure.axes[0].get_title() and "2 of 6" in figure.axes[1].get_title()


def test_switch_events_figure_shows_the_extremes():
    events = torch.arange(10)
    figure = ch1.switch_events_figure(events, events < 5, torch.rand(10, 3, 6, 6)).figure
    titles = [axis.get_title() for axis in figure.axes if axis.get_title()]
    assert titles == [f"{n} switches" for n in (0, 1, 2, 3, 6, 7, 8, 9)]
    histogram = next(axis for axis in figure.axes if axis.get_xlabel() == "switch events")
    assert {bar.get_x() + bar.get_width() / 2 for bar in histogram.patches} == set(range(10))


def test_curriculum_figure_plots_the_mean_and_each_run():
    runs = [[0.1, 0.2, 0.3, 0.4, 0.5], [0.3, 0.4, 0.5, 0.6, 0.7]]
    figure = ch1.curriculum_figure({"signs": {"random": runs}}).figure
    plotted = figure.axes[0].get_lines()
    assert len(plotted) == 3 and plotted[0].get_ydata() == pytest.approx([0.2, 0.3, 0.4, 0.5, 0.6])


def test_forgetting_figure_plots_every_setting():
    rows = [
        {"setting": s, "method": m, "strength": k, "new": 0.5, "old": 0.4, "old_low": 0.3, "old_high": 0.6}
        for s in ("new classes", "digits, new classes", "new corruption")
        for m in ("replay", "penalty", "penalty, equal weights", "none", "joint")
        for k in ((0,) if m in ("none", "joint") else (1, 10))
    ]
    figure = ch1.forgetting_figure(pd.DataFrame(rows)).figure
    assert [axis.get_title() for axis in figure.axes][0] == "seven new signs"
    assert len(figure.legends[0].get_texts()) == 5


def test_matrix_figure_is_symmetric_in_color():
    figure = ch1.matrix_figure(torch.tensor([[1.0, -3.0]])).figure
    assert figure.axes[0].images[0].get_clim() == (-3, 3)


def test_model_sizes_figure_annotates_each_model():
    sizes = [ModelSize("a", 2017, 1e8), ModelSize("b", 2019, 1e12, is_sparse=True)]
    axis = ch1.model_sizes_figure(sizes).figure.axes[0]
    assert {"a", "b"} <= {text.get_text() for text in axis.texts}
    colors = [line.get_color() for line in axis.get_lines()]
    assert colors[0] != colors[1]


def test_normalization_figure_plots_both_networks():
    losses = {"whole": [torch.tensor([1.0, 2.0]), torch.tensor([1.0, 9.0])], "filter": [torch.ones(2), torch.ones(2)]}
    figure = ch1.normalization_figure([0, 1], losses).figure
    assert lines(figure.axes[0])["reparametrized copy"].get_ydata().tolist() == [1, 9]


def test_trajectory_figure_plots_mean_shares_and_losses():
    shares = {"the training path": {"values": [0.8, 1.0]}, "a random walk with equal steps": {"values": [0.5]}}
    losses = pd.DataFrame({"step": [0, 1], "loss": [2.0, 1.0], "frozen": [2.0, 5.0]})
    left, right = ch1.trajectory_figure(shares, losses).figure.axes
    assert [bar.get_height() for bar in left.patches] == pytest.approx([0.9, 0.5])
    assert [label.get_text() for label in left.get_xticklabels()] == ["training\npath", "random\nwalk, equal\nsteps"]
    assert lines(right)["statistics of the final network"].get_ydata().tolist() == [2, 5]
