"""Tests of the rows of linearization radii."""

import pytest
import torch
from torch import nn

from experiments import linearization
from tests._reference import SmallSignNet, init_with_seed
from tutorial_lib.foundations import input_linearization_radius
from tutorial_lib.gradients import cross_entropy, kl_from_uniform
from tutorial_lib.models import load


def test_weight_linearization_radius_matches_loop_and_keeps_model():
    model, y = init_with_seed(SmallSignNet()).double().eval(), torch.tensor([1, 4, 0, 9])
    x = torch.rand(4, 3, 10, 10, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    before = {name: v.clone() for name, v in model.state_dict().items()}
    distances = torch.logspace(-3, 1.5, 24, dtype=torch.float64)
    radius = linearization.weight_linearization_radius(model, x, cross_entropy(y), distances=distances)
    assert all(torch.equal(v, before[name]) for name, v in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    names, parameters = zip(*model.named_parameters(), strict=True)
    for i in range(len(x)):
        row = x[i : i + 1]
        g = torch.autograd.grad(nn.functional.cross_entropy(model(row), y[i : i + 1]), parameters)
        norm = torch.cat([v.flatten() for v in g]).norm()

        def loss(t, row=row, g=g, norm=norm, i=i):
            moved = {n: p.detach() - t * v / norm for n, p, v in zip(names, parameters, g, strict=True)}
            with torch.no_grad():
                return nn.functional.cross_entropy(
                    torch.func.functional_call(model, moved, (row,)), y[i : i + 1]
                ).item()

        change = torch.tensor([loss(t) - loss(0.0) for t in distances.tolist()], dtype=torch.float64)
        inaccurate = (-norm * distances - change).abs() > 0.1 * change.abs()
        first = int(inaccurate.int().argmax())
        assert inaccurate.any() and ([0.0, *distances.tolist()])[first] <= radius[i].item() <= distances[first]


def test_weight_linearization_radius_is_infinite_for_a_linear_model():
    # A logit is linear in the weights of the last layer, so its linear approximation is exact at every distance.
    distances = torch.linspace(0.01, 1, 100)
    assert linearization.weight_linearization_radius(nn.Linear(2, 3), torch.ones(1, 2), 1, distances=distances).isinf()


def test_radius_rows_of_the_first_network_contain_the_median_of_the_first_images(monkeypatch):
    monkeypatch.setattr(linearization, "N_FIRST", 3)
    monkeypatch.setattr(linearization, "DISTANCES", 6)
    monkeypatch.setattr(linearization, "WEIGHT_DISTANCES", 1)
    name, images = linearization.SIGN_NETWORKS[0], torch.rand(5, 3, 48, 48)
    network, gray_level = load(name), images[0].numel() ** 0.5 / 255
    row = linearization.radius_rows(name, network, {"known": images}, seed=0)[0]
    distances = gray_level * torch.logspace(-2.5, 1.8, 6)
    radius = input_linearization_radius(network, images, kl_from_uniform(), distances=distances) / gray_level
    assert (row["count"], row["step"]) == (5, "image")
    assert row["median"] == pytest.approx(radius.median().item(), rel=1e-3)
    assert row["median_of_first"] == pytest.approx(radius[:3].median().item(), rel=1e-3)
