"""Image quality metrics computed from gradients, and the classical metrics that they are compared with.

A quality is higher for better images; a distance is higher for worse images.
"""

from tutorial_lib.quality.full_reference import haarpsi, ms_ssim, psnr, ssim, ssim_map, to_luma
from tutorial_lib.quality.gradient_quality import (
    gradient_alignment,
    gradient_distance,
    mean_reconstruction_gradient,
    reconstruction_gradient_norm,
)
from tutorial_lib.quality.score_contrast import score_contrast_cam, score_contrast_loss
from tutorial_lib.quality.sparse_coding import SparseAutoencoder, UNIQUEQuality
from tutorial_lib.quality.surprisal import surprisal

__all__ = [
    "SparseAutoencoder",
    "UNIQUEQuality",
    "gradient_alignment",
    "gradient_distance",
    "haarpsi",
    "mean_reconstruction_gradient",
    "ms_ssim",
    "psnr",
    "reconstruction_gradient_norm",
    "score_contrast_cam",
    "score_contrast_loss",
    "ssim",
    "ssim_map",
    "surprisal",
    "to_luma",
]
