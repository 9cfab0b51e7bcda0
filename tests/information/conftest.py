"""Networks that other libraries can follow."""

import pytest
import torch
from oracles import drawn
from torch import nn


class Modules(nn.Module):
    """Every ReLU a module of its own, none in place: what other libraries can follow."""

    def __init__(self, classes=5, flat=False):
        super().__init__()
        self.first, self.one = nn.Conv2d(3, 8, 3, padding=1), nn.ReLU()
        self.second, self.two = nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU()
        self.third, self.three = nn.Conv2d(8, 12, 3, padding=1), nn.ReLU()
        self.pool = nn.Flatten() if flat else nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(12 * 36 if flat else 12, classes)

    def forward(self, x):
        return self.head(self.pool(self.three(self.third(self.two(self.second(self.one(self.first(x))))))))


def made(build, seed=0):
    """A network in double precision, drawn from a seed, that leaves everyone's random numbers alone."""
    with torch.random.fork_rng([]):
        return drawn(build(), seed).double()


@pytest.fixture
def pooled(untouched):
    """A network that ends in averaging and one linear layer."""
    return untouched(made(Modules, 3))


@pytest.fixture
def flat(untouched):
    """A network whose last layer sees every position apart, so that gradients differ from position to position."""
    return untouched(made(lambda: Modules(flat=True), 4))


@pytest.fixture
def answers():
    """Labels of the five images among five classes."""
    return torch.tensor([1, 0, 3, 4, 1])
