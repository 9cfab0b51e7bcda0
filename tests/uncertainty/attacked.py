"""Whom the tests of the attacks attack, and the peers that witness it."""

import importlib
import warnings

import pytest
import torch
from gradients.conftest import images, labels, untouched  # noqa: F401
from oracles import Signs, drawn


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def model(untouched, images):
    """A network in double precision that takes the five images for different things."""
    with torch.random.fork_rng([]):
        network = drawn(Signs(), 5).double()
    with torch.no_grad():
        network.head.bias -= network(images).mean(0)
        network.head.weight *= 3
        network.head.bias *= 3
    network.head.weight.grad = torch.ones_like(network.head.weight)
    network.norm.weight.requires_grad_(False)
    return untouched(network)


@pytest.fixture
def right(model, images):
    """The network's own answers, so that every picture counts."""
    answers = model(images).argmax(1)
    assert len(answers.unique()) >= 3
    return answers


def peer(name):
    """torchattacks pins a ``requests`` that nothing else here can live with: ``pip install --no-deps`` brings it by hand."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what both import has moved inside scipy
        return pytest.importorskip(name) if importlib.util.find_spec(name) else pytest.skip(f"{name} is not installed")
