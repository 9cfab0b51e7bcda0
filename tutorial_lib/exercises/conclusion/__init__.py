"""Chapter 5: a threshold you may publish."""

from tutorial_lib.exercises.conclusion.threshold import publishable

__all__ = ["publishable"]
