"""Gradients as uncertainty: how far, and which way, a network would have to move for a picture."""

from tutorial_lib.uncertainty.gradcon import GradCon

__all__ = [
    "GradCon",
]
