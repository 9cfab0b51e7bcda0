"""Gradients as information: what an answer hangs on, as a map, and how far such a map is to be believed."""

from tutorial_lib.information.attribution import (
    completeness_gap,
    input_x_gradient,
    integrated_gradients,
    saliency,
    smoothgrad,
)
from tutorial_lib.information.cam import (
    class_cams,
    contrast_cam,
    contrasts,
    counterfactual_cam,
    grad_cam,
    grad_cam_plus_plus,
    guided_grad_cam,
)
from tutorial_lib.information.faithfulness import Curve, Drop, average_drop, blurred, deletion_curve, insertion_curve
from tutorial_lib.information.fisher import Fisher, fisher_information
from tutorial_lib.information.guided import guided_backprop
from tutorial_lib.information.introspection import Introspector, SecondStage, introspective_features
from tutorial_lib.information.localisation import mass_in_mask, pointing_game
from tutorial_lib.information.maps import magnitude, mass_ratio, normalise, upsample
from tutorial_lib.information.occlusion import covers, occlusion
from tutorial_lib.information.randomisation import Randomisation, randomisation_check
from tutorial_lib.information.voice import explanation_variance, overlap, signal_to_noise

__all__ = [
    "Curve",
    "Drop",
    "Fisher",
    "Introspector",
    "Randomisation",
    "SecondStage",
    "average_drop",
    "blurred",
    "class_cams",
    "completeness_gap",
    "contrast_cam",
    "contrasts",
    "counterfactual_cam",
    "covers",
    "deletion_curve",
    "explanation_variance",
    "fisher_information",
    "grad_cam",
    "grad_cam_plus_plus",
    "guided_backprop",
    "guided_grad_cam",
    "input_x_gradient",
    "insertion_curve",
    "integrated_gradients",
    "introspective_features",
    "magnitude",
    "mass_in_mask",
    "mass_ratio",
    "normalise",
    "occlusion",
    "overlap",
    "pointing_game",
    "randomisation_check",
    "saliency",
    "signal_to_noise",
    "smoothgrad",
    "upsample",
]
