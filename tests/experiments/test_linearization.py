"""Tests of the rows of linearization radii."""

import pytest
import torch

from experiments import linearization
from tutorial_lib.foundations import input_linearization_radius
from tutorial_lib.gradients import kl_from_uniform
from tutorial_lib.models import load


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
