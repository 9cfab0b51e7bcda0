"""The linearization radius, compared with the closed form of a parabola and with a loop over distances."""

import math

import pytest
import torch
from torch import nn

from tests._reference import SmallSignNet, init_with_seed
from tutorial_lib.foundations import input_linearization_radius, linearization_radius
from tutorial_lib.gradients import cross_entropy, input_gradient

TOLERANCE = 0.1


def radius_bounds_by_loop(loss_at, slope, start, distances, tolerance):
    """Return the first distance with too large an error and the one before it, testing one distance after the other."""
    before = 0.0
    for t in distances.tolist():
        change = loss_at(t) - start
        if abs(slope * t - change) > tolerance * abs(change):
            return before, t
        before = t
    return math.inf, math.inf


@pytest.mark.parametrize("s, q", [(-2.0, 3.0), (2.0, -0.5), (1.0, 4.0), (-1.0, -0.2)])
def test_linearization_radius_of_parabola_matches_closed_form(s, q):
    t = torch.linspace(0.001, 4, 4000, dtype=torch.float64)
    losses = (7 + s * t + q * t**2 / 2)[None]
    sign = 1 if s * q < 0 else -1  # the parabola curves back towards zero, or away from it
    expected = 2 * TOLERANCE / (1 + sign * TOLERANCE) * abs(s / q)
    radius = linearization_radius(
        losses, torch.tensor([s], dtype=t.dtype), torch.tensor([7.0], dtype=t.dtype), t, TOLERANCE
    )
    assert radius.item() == pytest.approx(expected, rel=1e-3)


def test_linearization_radius_is_invariant_to_loss_scale_and_offset():
    t = torch.linspace(0.01, 2, 200, dtype=torch.float64)
    curve = (-t + 0.7 * t**2 - 0.1 * t**3)[None]
    one = torch.ones(1, dtype=t.dtype)
    radius = linearization_radius(curve, -one, 0 * one, t)
    torch.testing.assert_close(linearization_radius(5 * curve + 3, -5 * one, 3 * one, t), radius)
    torch.testing.assert_close(linearization_radius(curve, -one / 2, 0 * one, 2 * t), 2 * radius)
    assert linearization_radius(curve, -one, 0 * one, t, 0.2) > radius


def test_linearization_radius_is_first_departure_and_infinite_for_line():
    t = torch.arange(1.0, 6.0)
    losses = torch.stack([torch.tensor([1.0, 2, 6, 4, 5]), t, 2 * t])
    radius = linearization_radius(losses, torch.tensor([1.0, 1.0, 0.0]), torch.zeros(3), t)
    assert 2 < radius[0] < 3 and radius[1] == math.inf and radius[2] == 0


@pytest.fixture
def model_and_batch():
    generator = torch.Generator().manual_seed(3)
    model = init_with_seed(SmallSignNet()).double()
    return model, torch.rand(4, 3, 10, 10, generator=generator, dtype=torch.float64), torch.tensor([1, 4, 0, 9])


def test_input_linearization_radius_matches_loop(model_and_batch):
    model, x, y = model_and_batch
    distances = torch.logspace(-3, 1.5, 60, dtype=torch.float64)
    radius = input_linearization_radius(model, x, cross_entropy(y), distances=distances)
    g = input_gradient(model, x, cross_entropy(y))
    for i in range(len(x)):
        norm = g[i].norm()

        def loss(t, i=i, norm=norm):
            with torch.no_grad():
                return nn.functional.cross_entropy(model((x[i] - t * g[i] / norm)[None]), y[i : i + 1]).item()

        low, high = radius_bounds_by_loop(loss, -norm.item(), loss(0.0), distances, TOLERANCE)
        assert low <= radius[i].item() <= high


def test_input_linearization_radius_matches_single_samples(model_and_batch):
    model, x, y = model_and_batch
    distances = torch.logspace(-2, 1, 12, dtype=torch.float64)
    whole = input_linearization_radius(model, x, cross_entropy(y), distances=distances, batch_size=3)
    alone = [
        input_linearization_radius(model, x[i : i + 1], cross_entropy(y[i : i + 1]), distances=distances)
        for i in range(4)
    ]
    torch.testing.assert_close(whole, torch.cat(alone))


def test_input_linearization_radius_restores_training_mode(model_and_batch):
    model, x, y = model_and_batch
    expected = input_linearization_radius(model, x, distances=torch.logspace(-2, 1, 20, dtype=torch.float64))
    model.train()
    radius = input_linearization_radius(model, x, distances=torch.logspace(-2, 1, 20, dtype=torch.float64))
    torch.testing.assert_close(radius, expected)
    assert model.training and model.norm.training


@pytest.mark.parametrize("distances", [torch.tensor([0.0, 1.0]), torch.tensor([2.0, 1.0])])
def test_linearization_radius_rejects_non_increasing_distances(distances):
    with pytest.raises(ValueError, match="increasing"):
        linearization_radius(torch.zeros(1, 2), torch.ones(1), torch.zeros(1), distances)


@pytest.mark.parametrize("tolerance", [0.0, 1.0, -0.1])
def test_linearization_radius_rejects_tolerance_outside_unit_interval(tolerance):
    with pytest.raises(ValueError, match="share"):
        linearization_radius(torch.zeros(1, 1), torch.ones(1), torch.zeros(1), torch.ones(1), tolerance)
