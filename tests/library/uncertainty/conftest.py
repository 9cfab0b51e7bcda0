"""A network to attack, and outputs of no particular network."""

import pytest
import torch

from tests._reference import SmallSignNet, init_with_seed


@pytest.fixture
def model(assert_unchanged, images):
    """A network in double precision that predicts at least three different classes for the five images."""
    with torch.random.fork_rng([]):
        network = init_with_seed(SmallSignNet(), 5).double()
    with torch.no_grad():
        network.head.bias -= network(images).mean(0)
        network.head.weight *= 3
        network.head.bias *= 3
    network.head.weight.grad = torch.ones_like(network.head.weight)
    network.norm.weight.requires_grad_(False)
    return assert_unchanged(network)


@pytest.fixture
def correct_labels(model, images):
    """The network's own predictions, so that every image counts as correctly classified."""
    predictions = model(images).argmax(1)
    assert len(predictions.unique()) >= 3
    return predictions


@pytest.fixture
def logits_and_features():
    """Logits (40, 6) and features (40, 9) of no particular network, some of them very confident."""
    generator = torch.Generator().manual_seed(3)
    z = (
        torch.randn(40, 6, generator=generator, dtype=torch.float64)
        * torch.logspace(-1, 2, 40, dtype=torch.float64)[:, None]
    )
    return z, torch.randn(40, 9, generator=generator, dtype=torch.float64)
