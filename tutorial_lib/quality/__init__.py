"""Gradients as expectancy-mismatch: what was expected of a picture, and where was it disappointed?

A quality says in its name and docstring which way it points: quality is higher for better pictures, a distance for worse ones.
"""

from tutorial_lib.quality.score_contrast import score_contrast_cam, score_contrast_loss
from tutorial_lib.quality.full_reference import to_luma, ms_ssim, psnr, ssim, ssim_map
from tutorial_lib.quality.gradient_quality import GradientComparison, reconstruction_gradient_norm, gradient_alignment, gradient_cosine, gradient_distance, gradient_quality, mean_reconstruction_gradient, compare_gradients
from tutorial_lib.saliency.implicit import implicit_saliency
from tutorial_lib.saliency.local_mismatch import local_loss, local_mismatch
from tutorial_lib.quality.sparse_coding import SparseAutoencoder, UNIQUEQuality
from tutorial_lib.saliency.spectral_residual import spectral_residual
from tutorial_lib.quality.surprisal import surprisal

__all__ = [
    "GradientComparison",
    "SparseAutoencoder",
    "UNIQUEQuality",
    "reconstruction_gradient_norm",
    "score_contrast_cam",
    "gradient_alignment",
    "gradient_cosine",
    "gradient_distance",
    "gradient_quality",
    "implicit_saliency",
    "local_loss",
    "local_mismatch",
    "to_luma",
    "mean_reconstruction_gradient",
    "ms_ssim",
    "psnr",
    "compare_gradients",
    "score_contrast_loss",
    "spectral_residual",
    "ssim",
    "ssim_map",
    "surprisal",
]
