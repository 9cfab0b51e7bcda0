"""Attribution: maps that explain a prediction by gradients, tests of such maps, and features made of gradients."""

from tutorial_lib.attribution.cam import (
    all_class_cams,
    all_contrast_cams,
    contrast_cam,
    counterfactual_cam,
    grad_cam,
    grad_cam_plus_plus,
    guided_grad_cam,
)
from tutorial_lib.attribution.faithfulness import (
    PerturbationCurve,
    deletion_curve,
    gaussian_blur,
)
from tutorial_lib.attribution.fisher import LastLayerFisher, last_layer_fisher
from tutorial_lib.attribution.introspection import IntrospectiveClassifier, MLPHead, introspective_features
from tutorial_lib.attribution.localization import energy_pointing_game, pointing_game, precision_at_k
from tutorial_lib.attribution.maps import l1_ratio, normalize_maps, reduce_channels, upsample
from tutorial_lib.attribution.occlusion import occlusion, occlusion_windows
from tutorial_lib.attribution.pixel import (
    convergence_delta,
    integrated_gradients,
    saliency,
    smoothgrad,
)
from tutorial_lib.attribution.sanity_checks import RandomizationResult, model_randomization_test
from tutorial_lib.attribution.voice import map_iou, map_snr, voice_map
from tutorial_lib.gradients.relu_rules import guided_backprop

__all__ = [
    "IntrospectiveClassifier",
    "LastLayerFisher",
    "MLPHead",
    "PerturbationCurve",
    "RandomizationResult",
    "all_class_cams",
    "all_contrast_cams",
    "contrast_cam",
    "convergence_delta",
    "counterfactual_cam",
    "deletion_curve",
    "energy_pointing_game",
    "gaussian_blur",
    "grad_cam",
    "grad_cam_plus_plus",
    "guided_backprop",
    "guided_grad_cam",
    "integrated_gradients",
    "introspective_features",
    "l1_ratio",
    "last_layer_fisher",
    "map_iou",
    "map_snr",
    "model_randomization_test",
    "normalize_maps",
    "occlusion",
    "occlusion_windows",
    "pointing_game",
    "precision_at_k",
    "reduce_channels",
    "saliency",
    "smoothgrad",
    "upsample",
    "voice_map",
]
