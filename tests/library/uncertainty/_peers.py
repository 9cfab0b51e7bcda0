"""What the tests of the attacks share beside their fixtures."""

import importlib
import warnings

import pytest
import torch


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def import_peer(name):
    """torchattacks pins a ``requests`` that nothing else here can live with: ``pip install --no-deps`` brings it by hand."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what both import has moved inside scipy
        return pytest.importorskip(name) if importlib.util.find_spec(name) else pytest.skip(f"{name} is not installed")
