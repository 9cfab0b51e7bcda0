"""Helpers that the tests of the attacks share besides their fixtures."""

import importlib
import warnings

import pytest
import torch


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def import_peer(name):
    """Import a peer library; torchattacks pins a conflicting ``requests`` and is installed with ``--no-deps``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # both import names that scipy has moved
        return pytest.importorskip(name) if importlib.util.find_spec(name) else pytest.skip(f"{name} is not installed")
