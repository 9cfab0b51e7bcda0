"""Gradients as information: what an answer hangs on, as a map, and how far such a map is to be believed."""

from tutorial_lib.attribution.pixel import convergence_delta, input_x_gradient, integrated_gradients, saliency, smoothgrad
from tutorial_lib.attribution.cam import all_class_cams, contrast_cam, all_contrast_cams, counterfactual_cam, grad_cam, grad_cam_plus_plus, guided_grad_cam
from tutorial_lib.attribution.faithfulness import PerturbationCurve, DropResult, average_drop, gaussian_blur, deletion_curve, insertion_curve
from tutorial_lib.attribution.fisher import LastLayerFisher, last_layer_fisher
from tutorial_lib.attribution.guided_backprop import guided_backprop
from tutorial_lib.attribution.introspection import IntrospectiveClassifier, MLPHead, introspective_features
from tutorial_lib.attribution.localization import energy_pointing_game, pointing_game
from tutorial_lib.attribution.maps import reduce_channels, l1_ratio, normalize_maps, upsample
from tutorial_lib.attribution.occlusion import occlusion_windows, occlusion
from tutorial_lib.attribution.sanity_checks import RandomizationResult, model_randomization_test
from tutorial_lib.attribution.voice import voice_map, map_iou, map_snr

__all__ = [
    "PerturbationCurve",
    "DropResult",
    "LastLayerFisher",
    "IntrospectiveClassifier",
    "RandomizationResult",
    "MLPHead",
    "average_drop",
    "gaussian_blur",
    "all_class_cams",
    "convergence_delta",
    "contrast_cam",
    "all_contrast_cams",
    "counterfactual_cam",
    "occlusion_windows",
    "deletion_curve",
    "voice_map",
    "last_layer_fisher",
    "grad_cam",
    "grad_cam_plus_plus",
    "guided_backprop",
    "guided_grad_cam",
    "input_x_gradient",
    "insertion_curve",
    "integrated_gradients",
    "introspective_features",
    "reduce_channels",
    "energy_pointing_game",
    "l1_ratio",
    "normalize_maps",
    "occlusion",
    "map_iou",
    "pointing_game",
    "model_randomization_test",
    "saliency",
    "map_snr",
    "smoothgrad",
    "upsample",
]
