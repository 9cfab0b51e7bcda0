"""Tests of the numbers about manifolds, the decomposition of gradients, radii, convolutions and training paths."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn.functional import conv2d

from tutorial_course.findings import ch1
from tutorial_course.results import load_result
from tutorial_lib.foundations import Decomposition, random_walk_like


def test_coordinate_correlation_finds_the_coordinate_and_its_chance_level():
    factor = torch.rand(200, generator=torch.Generator().manual_seed(0))
    noise = np.random.default_rng(0).normal(size=200)
    result = ch1.coordinate_correlation(np.stack([noise, -3 * factor.numpy() + 1], 1), factor)
    assert result["correlation"] == pytest.approx(1)
    # For one coordinate the 95% quantile is 1.96 / √200; for the larger of two it is that of 97.5%.
    assert result["chance"] == pytest.approx(2.24 / 200**0.5, rel=0.1)


def test_describe_groups_lists_the_largest_mean_coefficients():
    coefficients = torch.tensor([[0.1, 0.9, 0.0], [0.3, 0.5, 0.0], [9.0, 0.0, 0.0]])
    parts = Decomposition(coefficients, torch.tensor([0.2, 0.4, 0.9]))
    groups = {"g": (torch.zeros(3, 3, 2, 2), parts, torch.tensor([True, True, False]))}
    (group,) = ch1.describe_groups(groups, ["a", "b", "c"])
    assert group.name == "g" and [name for name, _ in group.largest] == ["b", "a"]
    assert group.largest[0][1] == pytest.approx(0.7) and group.residual_share == pytest.approx(0.2)


def test_green_sign_rows_list_three_networks():
    study = load_result("green_sign")
    rows = ch1.green_sign_rows(study)
    assert len(rows) == 5 and all(len(row["green"].split(", ")) == 3 for row in rows)
    stored = study.query("method == 'softmax' and group == 'green' and network == 'signs/classifier'").iloc[0]
    assert rows[-1]["green"].split(", ")[0] == f"{stored['coefficient']:.3f}"


def test_without_color_compares_the_means_of_the_channels():
    red, green = torch.zeros(1, 3, 2, 2), torch.zeros(1, 3, 2, 2)
    red[:, 0], green[:, 1] = 0.9, 0.6
    images = torch.tensor([0.9, 0.0, 0.0]).view(1, 3, 1, 1).expand(4, 3, 2, 2)
    model = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    result = ch1.without_color(model, {"stop": red, "green stop": green}, images, torch.tensor([0, 0, 0, 1]))
    assert result == pytest.approx({"accuracy_gray": 0.75, "tested": 4, "difference": 0.1, "deviation": 0.0}, abs=1e-6)


def test_positive_control_rows_list_networks_without_color():
    study = load_result("green_sign")
    rows = {row["method"]: row for row in ch1.positive_control_rows(study)}
    assert len(rows) == 5 and len({row["accuracy"] for row in rows.values()}) == 1
    stored = study.query("method == 'features' and network == 'trained without color/1' and group == 'green, gray'")
    assert rows["features"]["green"].split(", ")[1] == f"{stored['coefficient'].item():.2f}"


def test_paired_auroc_difference_resamples_both_scores_together():
    generator = torch.Generator().manual_seed(0)
    is_positive = torch.arange(200) % 2 == 0
    score = is_positive + torch.randn(200, generator=generator)
    assert ch1.paired_auroc_difference(is_positive, score, 2 * score + 1) == (0, 0, 0)
    difference, low, high = ch1.paired_auroc_difference(is_positive, score, torch.rand(200, generator=generator))
    assert 0 < low < difference < high < 0.5


def test_trust_score_rows_begin_with_the_confidence():
    study = load_result("trust_score")
    rows = ch1.trust_score_rows(study)
    assert [row["score"] for row in rows[:2]] == ["confidence", "Trust Score, features"] and rows[1]["stored"] == 1400
    summary = ch1.trust_score_summary(study)
    assert summary["above"] + summary["below"] <= summary["settings"]
    assert len(ch1.all_trust_score_rows(study)) > len(rows)
    assert ch1.novelty_rows(study)[0]["network"] == "signs"


def test_radius_rows_state_the_ratio_of_the_medians():
    base = {"network": "signs/classifier", "low": 0.5, "high": 9.0}
    rows = [
        {**base, "group": group, "question": question, "step": step, "median": median}
        for group, median in (("known", 3.0), ("novel", 1.0))
        for question in ("uniform target", "logit of P")
        for step in ("image", "weights")
    ]
    table = ch1.radius_rows(pd.DataFrame(rows))
    assert len(table) == 4 and {row["ratio"] for row in table} == {"3.0"}
    assert table[0]["known"] == "3.0 (0.50 to 9.0)" and table[0]["novel"].startswith("novel signs 1.0")


def test_is_doubly_block_toeplitz_accepts_convolutions_only():
    kernel = torch.randn(1, 1, 3, 3, generator=torch.Generator().manual_seed(0))
    T = conv2d(torch.eye(25).view(25, 1, 5, 5), kernel).flatten(1).T
    assert ch1.is_doubly_block_toeplitz(T, 3, 5)
    T[0, 0] += 1
    assert not ch1.is_doubly_block_toeplitz(T, 3, 5)


def test_shift_deviation_is_zero_inside_and_positive_at_the_border():
    image = torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    weight = torch.randn(2, 3, 3, 3, generator=torch.Generator().manual_seed(1))
    inside, border = ch1.shift_deviation(weight, image, (5, 3))
    assert inside < 1e-5 and border > 0.1


def test_exclusive_or_needs_a_hidden_layer():
    assert ch1.exclusive_or_accuracy() == {"n": 41**3, "straight": 0.75, "hidden": 1.0}


def test_transformer_parameters_match_torch():
    model = torch.nn.Transformer(16, 2, 3, 3, 32, bias=True)
    # PyTorch adds a normalization after the last layer of the encoder and of the decoder.
    expected = sum(p.numel() for p in model.parameters()) - 4 * 16 + 100 * 16
    assert ch1.transformer_parameters(16, 32, 100, n_layers=3) == expected
    sizes = ch1.language_model_sizes(63_000_000)
    assert len(sizes) == 9 and [s.name for s in sizes if s.is_sparse] == ["Switch (sparse)"]


def test_random_walk_along_path_with_equal_steps_has_equal_steps():
    states = [{"w": torch.zeros(40, 5), "b": torch.zeros(3)} for _ in range(6)]
    walk = random_walk_like(ch1.path_with_equal_steps(states))
    flat = torch.stack([torch.cat([p.flatten() for p in state.values()]) for state in walk])
    torch.testing.assert_close(flat.diff(dim=0).norm(dim=1), torch.ones(5, dtype=flat.dtype), rtol=1e-4, atol=1e-4)


def test_trajectory_shares_add_both_components():
    rows = [
        {"kind": "share", "of": "path", "first": 0.5, "second": 0.25},
        {"kind": "share", "of": "random walk", "first": 0.4, "second": 0.2},
        {"kind": "share", "of": "random plane", "both": 0.01},
        {"kind": "path", "step": 0, "loss": 2.0, "frozen": 3.0},
    ]
    shares = ch1.trajectory_shares(pd.DataFrame(rows))
    assert shares["the training path"]["values"] == [0.75]
    assert shares["the training path, in a random plane"]["range"] == "1.00% to 1.00%"
    assert ch1.path_losses(pd.DataFrame(rows)).to_dict("records") == [{"step": 0, "loss": 2.0, "frozen": 3.0}]
