"""The figures of image quality."""

import numpy as np
import pandas as pd
import pytest
import torch

from tutorial_course.plots import ch4 as figures
from tutorial_course.plots.ch4.quality_meter import layer_distances, meter_figure
from tutorial_lib import quality
from tutorial_lib.data import make_distortion_dataset
from tutorial_lib.gradients import layer_names
from tutorial_lib.models import SignAutoencoder

ALT = "A figure of a test."


def test_hue_mismatch_figure_shows_median_over_scenes():
    norms = torch.tensor([[0.0, 0.0, 3.0], [4.0, 5.0, 9.0]])
    figure = figures.hue_mismatch_figure(torch.rand(2, 3, 8, 8), torch.tensor([0.0, 1.0]), norms)
    (line,) = figure.figure.axes[-1].lines
    assert list(line.get_ydata()) == [0.0, 5.0]


def test_ssim_figure_has_a_panel_for_each_image_and_each_map():
    reference = torch.rand(1, 3, 24, 24)
    captions = ["reference", "a", "b", "map of a", "map of b"]
    figure = figures.ssim_figure(reference, torch.cat([reference, 1 - reference]), captions, ALT).figure
    assert [axis.get_xlabel() for axis in figure.axes] == captions
    same, inverted = (axis.images[0].get_array() for axis in figure.axes[3:])
    assert np.asarray(same).min() == pytest.approx(1, abs=1e-5) and np.asarray(inverted).min() < 0.5


def test_level_figure_draws_the_mean_of_each_kind_and_level():
    pairs = make_distortion_dataset(2, kinds=("noise", "haze"), levels=(1, 3, 4))
    figure = figures.level_figure(pairs, {"level": pairs.scores * 2}, ALT).figure
    lines = figure.axes[-1].lines
    assert len(lines) == 2 and all(list(line.get_ydata()) == [2.0, 6.0, 8.0] for line in lines)


def test_correlation_figure_omits_measures_without_a_row():
    rows = pd.DataFrame(
        [
            {"set": "a", "measure": "PSNR", "pooled": 0.5, "pooled low": 0.4, "pooled high": 0.7},
            {"set": "b", "measure": "PSNR", "pooled": 0.6, "pooled low": 0.5, "pooled high": 0.7},
            {"set": "b", "measure": "LPIPS", "pooled": 0.8, "pooled low": 0.7, "pooled high": 0.9},
        ]
    )
    titles = {"PSNR": "color PSNR", "LPIPS": "LPIPS"}
    first, second = figures.correlation_figure(rows, titles, {"a": "A", "b": "B"}, "pooled", ALT).figure.axes
    assert [list(line.get_xdata()) for line in first.lines] == [[0.4, 0.7], [0.5]]
    assert len(second.lines) == 4 and [t.get_text() for t in first.get_yticklabels()] == list(titles.values())


def test_rating_figure_has_a_curve_and_the_points_of_every_kind():
    quality_scores = torch.linspace(0, 1, 12, dtype=torch.float64)
    kinds = {"blur": torch.arange(12) < 5, "noise": torch.arange(12) >= 5}
    scores = {"x": quality_scores * 2, "y": quality_scores**2}
    figure = figures.rating_figure(scores, quality_scores, kinds, ALT).figure
    assert [len(line.get_xdata()) for line in figure.axes[0].lines] == [5, 7, 80]
    assert list(figure.axes[1].lines[1].get_xdata()) == pytest.approx((quality_scores[5:] ** 2).tolist())


def test_filters_figure_shows_the_strongest_units_first():
    coder = quality.UNIQUEQuality(hidden=6, patch=4)
    coder.fit(torch.rand(4, 3, 16, 16), patches=64, n_steps=2)
    figure = figures.filters_figure(coder, count=4).figure
    strongest = coder.network.decoder.weight.T.reshape(6, 3, 4, 4)[:, 0].flatten(1)
    strongest = strongest[strongest.norm(dim=1).argmax()]
    expected = 0.5 + 0.5 * strongest / strongest.abs().max()
    assert np.asarray(figure.axes[0].images[0].get_array()).flatten() == pytest.approx(expected.numpy(), abs=1e-6)


def test_figure_of_no_reference_measures_divides_by_the_undistorted_mean():
    clean = {"error": torch.tensor([2.0, 4.0]), "norm": torch.tensor([1.0, 1.0]), "alignment": torch.tensor([0.5, 0.7])}
    levels = [{"error": torch.tensor([6.0]), "norm": torch.tensor([0.5]), "alignment": torch.tensor([0.1])}]
    error, norm, alignment = figures.no_reference_figure(clean, {"noise": levels}).figure.axes
    assert list(error.lines[0].get_ydata()) == [1, 2] and list(norm.lines[0].get_ydata()) == [1, 0.5]
    assert list(alignment.lines[0].get_ydata()) == pytest.approx([0.6, 0.1])


def test_layer_distances_average_to_the_gradient_distance_of_the_library():
    network, r = SignAutoencoder(), torch.rand(1, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    distances = layer_distances(network, r.flip(3), r)
    assert len(distances) == len(layer_names(network))
    torch.testing.assert_close(distances.mean()[None], quality.gradient_distance(network, r.flip(3), r))


def test_meter_figure_names_the_measures():
    torch.manual_seed(0)
    r = torch.rand(1, 3, 32, 32)
    figure = meter_figure(SignAutoencoder(), (r + 0.1).clamp(0, 1), r, "noise image, noise, level 1")
    assert len(figure.figure.axes) == 4 and len(figure.figure.axes[3].patches) == 8
    assert all(name in figure.alt for name in ("PSNR", "SSIM", "HaarPSI", "gradient distance"))
