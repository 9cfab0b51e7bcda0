"""Images: a synthetic traffic-sign dataset that needs no download, and public datasets with the same interface.

Images are floats in [0, 1] of shape (N, 3, H, W); labels are int64 of shape (N,).
"""

from tutorial_lib.data.corruptions import CORRUPTIONS, SEVERITIES, check_images, corrupt
from tutorial_lib.data.counterfactuals import (
    DEFAULT_FACTOR_CHANGE,
    ODD_ONE_OUT_KINDS,
    CounterfactualPair,
    OddOneOutArrays,
    TwoSignImages,
    counterfactual_pairs,
    odd_one_out_arrays,
    two_sign_images,
)
from tutorial_lib.data.distorted_images import (
    DISTORTIONS,
    SKIMAGE_PHOTOS,
    QualityDataset,
    make_distortion_dataset,
    skimage_photos,
)
from tutorial_lib.data.labeled_images import LabeledImages
from tutorial_lib.data.loading import download_hint, is_available, load
from tutorial_lib.data.rendering import RenderResult, render
from tutorial_lib.data.scenes import SCENE_DISTRIBUTIONS, Pose, Scene, sample_scenes
from tutorial_lib.data.signs import NOVEL_SIGNS, SIGNS, to_label_tensor
from tutorial_lib.data.textures import TEXTURES, textures
from tutorial_lib.data.transforms import rotate

__all__ = [
    "CORRUPTIONS",
    "DEFAULT_FACTOR_CHANGE",
    "DISTORTIONS",
    "NOVEL_SIGNS",
    "ODD_ONE_OUT_KINDS",
    "SCENE_DISTRIBUTIONS",
    "SEVERITIES",
    "SIGNS",
    "SKIMAGE_PHOTOS",
    "TEXTURES",
    "CounterfactualPair",
    "LabeledImages",
    "OddOneOutArrays",
    "Pose",
    "QualityDataset",
    "RenderResult",
    "Scene",
    "TwoSignImages",
    "check_images",
    "corrupt",
    "counterfactual_pairs",
    "download_hint",
    "is_available",
    "load",
    "make_distortion_dataset",
    "odd_one_out_arrays",
    "render",
    "rotate",
    "sample_scenes",
    "skimage_photos",
    "textures",
    "to_label_tensor",
    "two_sign_images",
]
