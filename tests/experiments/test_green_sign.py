"""Tests of the experiment on the green stop sign."""

import pytest
import torch

from experiments import green_sign
from tutorial_course.results import load_result
from tutorial_lib.data import SIGNS
from tutorial_lib.gradients import kl_from_uniform, per_sample_gradients
from tutorial_lib.models import SmallCNN


def test_gray_has_equal_channels_and_the_same_mean():
    images = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    gray = green_sign.gray(images)
    assert torch.equal(gray[:, 0], gray[:, 2])
    torch.testing.assert_close(gray.mean(1), images.mean(1))


def test_last_layer_representation_is_its_gradient():
    model, x = SmallCNN(3), torch.rand(4, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    representation = green_sign.features_and_gradients(model, x)["last layer, uniform target"]
    gradients = per_sample_gradients(model, x, kl_from_uniform(), layers="head")
    expected = torch.cat([gradients["head.weight"], gradients["head.bias"][:, :, None]], 2)
    torch.testing.assert_close(representation, expected)
    everything = green_sign.all_layer_gradients(model, x)
    assert everything.shape == (4, sum(p.numel() for p in model.parameters()))


def test_coefficient_summary_states_rank_and_largest_class():
    coefficients = torch.tensor([[0.1, 0.5, 0.3], [0.3, 0.5, 0.1]])
    summary = green_sign.coefficient_summary(coefficients, 0)
    assert summary["coefficient"] == pytest.approx(0.2) and summary["coefficient_se"] == pytest.approx(0.1)
    assert summary["rank"] == 2 and summary["largest"] == SIGNS[1] and summary["share largest"] == 0


def test_green_sign_table_is_complete():
    table = load_result("green_sign")
    counts = table.groupby("network").size().to_dict()
    assert counts == {**dict.fromkeys(green_sign.SIGN_NETWORKS, 20), **dict.fromkeys(green_sign.GRAY_NETWORKS, 10)}
    red = table.query("group == 'red' and method == 'last layer, uniform target'")
    assert red["coefficient"].between(0.8, 1.2).all() and (red["rank"] == 1).all()
