"""The engine's own fixtures hold here too: the model is borrowed, and given back as it was."""

import pytest
import torch
from gradients.conftest import images, labels, signs, untouched  # noqa: F401


@pytest.fixture
def answered():
    """Logits (40, 6) and features (40, 9) of no network in particular, some of them very sure."""
    generator = torch.Generator().manual_seed(3)
    z = (
        torch.randn(40, 6, generator=generator, dtype=torch.float64)
        * torch.logspace(-1, 2, 40, dtype=torch.float64)[:, None]
    )
    return z, torch.randn(40, 9, generator=generator, dtype=torch.float64)
