"""The numbers of the worked example and of the further sections of chapter 5."""

import pandas as pd
import pytest
import torch

from tutorial_course.findings import ch5


def test_auroc_by_photograph_compares_each_photograph_with_all_signs():
    signs = torch.tensor([0.0, 1.0, 2.0])
    pieces = torch.cat([torch.full((12,), 3.0), torch.full((12,), -1.0), torch.full((12,), 1.0)])
    assert ch5.auroc_by_photograph(signs, pieces).tolist() == pytest.approx([1.0, 0.0, 0.5])


def test_detected_by_photograph_uses_threshold_of_other_signs():
    threshold_signs = torch.arange(101.0)  # the quantile is 95
    pieces = torch.tensor([94.0, 96.0, 97.0, 0.0])
    assert ch5.detected_by_photograph(threshold_signs, pieces, n_pieces=2).tolist() == [0.5, 0.5]
    assert ch5.false_positive_rate(threshold_signs, torch.tensor([0.0, 96.0, 99.0, 95.0])) == 0.5


def test_photograph_pieces_are_averages_of_squares():
    from skimage import data

    pieces = ch5.photograph_pieces(["camera", "brick"], n_pieces=2)
    first = torch.tensor(data.camera()[:96, :96]).double().view(48, 2, 48, 2).mean((1, 3)) / 255
    assert pieces.shape == (4, 3, 48, 48)
    torch.testing.assert_close(pieces[0, 1].double(), first, atol=1e-5, rtol=0)


def test_best_of_many_is_above_the_mean_and_not_on_other_images():
    best = ch5.best_of_many(n_detectors=50, n_images=20, seed=1)
    assert best["best"] > best["mean"] + 0.1 and abs(best["mean"] - 0.5) < 0.05
    assert best["other images"] < best["best"]
    assert ch5.best_of_many(n_detectors=1)["best"] == ch5.best_of_many(n_detectors=1)["mean"]


def test_map_distance_is_one_minus_correlation():
    maps = torch.rand(3, 5, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ch5.map_distance(maps, [2 * maps + 1, maps]), torch.zeros(3), atol=1e-6, rtol=0)
    torch.testing.assert_close(ch5.map_distance(maps, [-maps]), torch.full((3,), 2.0))
    expected = 1 - torch.corrcoef(torch.stack([maps[0].flatten(), maps[1].flatten()]))[0, 1]
    torch.testing.assert_close(ch5.map_distance(maps[:1], [maps[1:2]])[0], expected)


def test_accuracy_after_second_image_retakes_highest_scores():
    first, second = torch.tensor([True, False, True, False]), torch.tensor([False, True, True, True])
    result = ch5.accuracy_after_second_image(torch.tensor([4.0, 3.0, 2.0, 1.0]), first, second, 0.5)
    assert result.tolist() == [False, True, True, False]
    assert ch5.accuracy_after_second_image(torch.ones(4), first, second, 0.0).equal(first)
    assert ch5.accuracy_after_second_image(torch.ones(4), first, second, 1.0).equal(second)


def test_sketch_summary_groups_by_size():
    rows = [
        {"kind": "sketch", "method": "random", "network": "a", "size": 8, "error": 0.2},
        {"kind": "sketch", "method": "random", "network": "b", "size": 8, "error": 0.4},
        {"kind": "sketch", "method": "whole", "network": "a", "size": 99, "error": 0.0},
        {"kind": "other", "method": "random", "network": "a", "size": 8, "error": 9.0},
    ]
    summary = ch5.sketch_summary(pd.DataFrame(rows), "random", "error", ["a", "b"])
    assert summary.loc[8].tolist() == pytest.approx([0.3, 0.2, 0.4])
