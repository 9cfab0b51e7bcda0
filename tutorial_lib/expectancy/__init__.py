"""Gradients as expectancy-mismatch: what was expected of a picture, and where was it disappointed?

A quality says in its name and docstring which way it points: quality is higher for better pictures, a distance for worse ones.
"""

from tutorial_lib.expectancy.contrast import contrast_map, score_to
from tutorial_lib.expectancy.fidelity import luminance, ms_ssim, psnr, ssim, ssim_map
from tutorial_lib.expectancy.gradient_quality import (
    Changes,
    change_norm,
    gradient_alignment,
    gradient_cosine,
    gradient_distance,
    gradient_quality,
    mean_gradient,
    required_changes,
)
from tutorial_lib.expectancy.implicit import implicit_saliency
from tutorial_lib.expectancy.local import local_loss, local_mismatch
from tutorial_lib.expectancy.sparse import SparseCoder, SparseQuality
from tutorial_lib.expectancy.spectral import spectral_residual
from tutorial_lib.expectancy.surprisal import surprisal

__all__ = [
    "Changes",
    "SparseCoder",
    "SparseQuality",
    "change_norm",
    "contrast_map",
    "gradient_alignment",
    "gradient_cosine",
    "gradient_distance",
    "gradient_quality",
    "implicit_saliency",
    "local_loss",
    "local_mismatch",
    "luminance",
    "mean_gradient",
    "ms_ssim",
    "psnr",
    "required_changes",
    "score_to",
    "spectral_residual",
    "ssim",
    "ssim_map",
    "surprisal",
]
