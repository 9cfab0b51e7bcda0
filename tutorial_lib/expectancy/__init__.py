"""Gradients as expectancy-mismatch: what a network expected, where it was disappointed, and what a picture is worth for it."""

from tutorial_lib.expectancy.implicit import implicit_saliency
from tutorial_lib.expectancy.local import local_loss, local_mismatch
from tutorial_lib.expectancy.spectral import spectral_residual

__all__ = [
    "implicit_saliency",
    "local_loss",
    "local_mismatch",
    "spectral_residual",
]
