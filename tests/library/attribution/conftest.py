"""Networks that other libraries can process as well."""

import pytest
import torch
from torch import nn

from tests._reference import init_with_seed


class Modules(nn.Module):
    """A network in which every ReLU is a separate module and none works in place, as other libraries require."""

    def __init__(self, classes=5, flat=False):
        super().__init__()
        self.first, self.one = nn.Conv2d(3, 8, 3, padding=1), nn.ReLU()
        self.second, self.two = nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU()
        self.third, self.three = nn.Conv2d(8, 12, 3, padding=1), nn.ReLU()
        self.pool = nn.Flatten() if flat else nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(12 * 36 if flat else 12, classes)

    def forward(self, x):
        return self.head(self.pool(self.three(self.third(self.two(self.second(self.one(self.first(x))))))))


def make_model(build, seed=0):
    """Return a network in double precision, initialized from a seed, without changing the global random state."""
    with torch.random.fork_rng([]):
        return init_with_seed(build(), seed).double()


@pytest.fixture
def pooled_cnn(assert_unchanged):
    """A network that ends in global average pooling and one linear layer."""
    return assert_unchanged(make_model(Modules, 3))


@pytest.fixture
def flattened_cnn(assert_unchanged):
    """A network whose last layer weights every position separately, so that gradients differ between positions."""
    return assert_unchanged(make_model(lambda: Modules(flat=True), 4))


@pytest.fixture
def predicted_labels():
    """Labels of the five images among five classes."""
    return torch.tensor([1, 0, 3, 4, 1])
