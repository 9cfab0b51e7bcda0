"""Visual saliency maps from gradients, and a saliency map that needs no network."""

from tutorial_lib.saliency.implicit import implicit_saliency
from tutorial_lib.saliency.local_mismatch import local_mismatch
from tutorial_lib.saliency.spectral_residual import spectral_residual

__all__ = ["implicit_saliency", "local_mismatch", "spectral_residual"]
