"""What a network looks at: a world of traffic signs that needs no download, and real images through the same door.

Images are floats in [0, 1], (N, 3, H, W); labels are int64, (N,).
"""

from tutorial_lib.data.corruptions import CORRUPTIONS, SEVERITIES, corrupt, check_images
from tutorial_lib.data.transforms import rotate, rotate_hue
from tutorial_lib.data.fixations import FIXATION_DATASETS, FixationDataset, load_fixations, fixations_available, fixations_install_hint
from tutorial_lib.data.iqa_datasets import convert_live, convert_tid2013, iqa_install_hint, load_iqa_dataset, iqa_dataset_available
from tutorial_lib.data.rendering import RenderResult, render
from tutorial_lib.data.labeled_images import LabeledImages
from tutorial_lib.data.loading import LOADERS, is_available, download_hint, load
from tutorial_lib.data.distorted_images import DISTORTIONS, SKIMAGE_PHOTOS, QualityDataset, skimage_photos, make_distortion_dataset
from tutorial_lib.data.scenes import SCENE_DISTRIBUTIONS, Pose, Scene, sample_scenes
from tutorial_lib.data.signs import NOVEL_SIGNS, SIGNS, to_label_tensor
from tutorial_lib.data.textures import TEXTURES, textures
from tutorial_lib.data.counterfactuals import ODD_ONE_OUT_KINDS, DEFAULT_FACTOR_CHANGE, OddOneOutArrays, TwoSignImages, CounterfactualPair, odd_one_out_arrays, two_sign_images, counterfactual_pairs
from tutorial_lib.data.sign_dataset import load_signs as _read_signs

LOADERS["signs"] = _read_signs

__all__ = [
    "ODD_ONE_OUT_KINDS",
    "CORRUPTIONS",
    "DEFAULT_FACTOR_CHANGE",
    "DISTORTIONS",
    "FIXATION_DATASETS",
    "SEVERITIES",
    "NOVEL_SIGNS",
    "SKIMAGE_PHOTOS",
    "SIGNS",
    "TEXTURES",
    "SCENE_DISTRIBUTIONS",
    "OddOneOutArrays",
    "FixationDataset",
    "TwoSignImages",
    "LabeledImages",
    "Pose",
    "QualityDataset",
    "RenderResult",
    "Scene",
    "CounterfactualPair",
    "odd_one_out_arrays",
    "to_label_tensor",
    "is_available",
    "corrupt",
    "check_images",
    "convert_live",
    "convert_tid2013",
    "load_fixations",
    "fixations_available",
    "download_hint",
    "fixations_install_hint",
    "iqa_install_hint",
    "load",
    "load_iqa_dataset",
    "iqa_dataset_available",
    "two_sign_images",
    "skimage_photos",
    "render",
    "rotate",
    "sample_scenes",
    "make_distortion_dataset",
    "textures",
    "rotate_hue",
    "counterfactual_pairs",
]
