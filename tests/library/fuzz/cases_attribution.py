"""The functions of ``tutorial_lib.attribution`` with valid arguments."""

from tests.library.fuzz.mutations import Case
from tests.library.fuzz.sample_inputs import (
    LABELS,
    LOGITS,
    MAPS,
    MASKS,
    MODEL,
    MORE_MAPS,
    OTHER_LABELS,
    SIDE,
    C,
    H,
    N,
    X,
    noise,
)
from tutorial_lib import attribution as i

MODEL_ARGUMENTS = {"model": MODEL, "x": X, "objective": LABELS, "batch_size": 64}
MODEL_ROWS = "x objective"
IMAGE_MAPS = noise(N, SIDE, SIDE, seed=4, low=-1)
MAP_ARGUMENTS = {"model": MODEL, "x": X, "maps": IMAGE_MAPS, "target": LABELS, "batch_size": 64}
MAP_ROWS = "x maps target"
STAGE = i.MLPHead(hidden=(4,)).fit(H, LABELS, epochs=2)
CLASSIFIER = i.IntrospectiveClassifier(MODEL, hidden=(4,)).fit(X, LABELS, epochs=2)


def layered(f, **options):
    return Case(lambda **k: f(layer="3", **k, **options), MODEL_ARGUMENTS, MODEL_ROWS)


CASES = {
    "IntrospectiveClassifier": Case(lambda x: CLASSIFIER.logits(x), {"x": X}),
    "MLPHead": Case(lambda features: STAGE.logits(features), {"features": H}, "features"),
    "MLPHead.fit": Case(
        lambda features, label: i.MLPHead(hidden=(4,)).fit(features, label, epochs=1).logits(features),
        {"features": H, "label": LABELS},
        "features label",
        each=False,
    ),
    "gaussian_blur": Case(i.gaussian_blur, {"x": X}),
    "all_class_cams": Case(lambda **k: i.all_class_cams(layer="3", **k), {"model": MODEL, "x": X, "batch_size": 8}),
    "convergence_delta": Case(
        lambda **k: i.convergence_delta(**k), MODEL_ARGUMENTS | {"attribution": X}, "x objective attribution"
    ),
    "contrast_cam": Case(
        lambda **k: i.contrast_cam(layer="3", **k),
        {"model": MODEL, "x": X, "contrast_class": OTHER_LABELS, "batch_size": 64},
        "x contrast_class",
    ),
    "all_contrast_cams": Case(i.all_contrast_cams, {"logits": LOGITS, "maps": noise(N, C, 6, 6)}, "logits maps"),
    "counterfactual_cam": layered(i.counterfactual_cam),
    "deletion_curve": Case(lambda **k: i.deletion_curve(n_steps=3, **k)[1:], MAP_ARGUMENTS, MAP_ROWS, blind="maps"),
    "voice_map": Case(
        lambda **k: i.voice_map(layer="3", **k),
        {"model": MODEL, "x": X, "target": LABELS, "batch_size": 8},
        "x target",
    ),
    "last_layer_fisher": Case(
        lambda **k: [i.last_layer_fisher(**k).trace, i.last_layer_fisher(**k).covariance],
        {"logits": LOGITS, "features": H},
        "logits features",
    ),
    "grad_cam": layered(i.grad_cam),
    "grad_cam_plus_plus": layered(i.grad_cam_plus_plus),
    "guided_backprop": Case(i.guided_backprop, MODEL_ARGUMENTS, MODEL_ROWS),
    "guided_grad_cam": layered(i.guided_grad_cam),
    "integrated_gradients": Case(lambda **k: i.integrated_gradients(n_steps=3, **k), MODEL_ARGUMENTS, MODEL_ROWS),
    "introspective_features": Case(i.introspective_features, {"model": MODEL, "x": X, "batch_size": 64}),
    "reduce_channels": Case(i.reduce_channels, {"maps": X}, "maps"),
    "energy_pointing_game": Case(i.energy_pointing_game, {"maps": MAPS, "masks": MASKS}, "maps masks"),
    "l1_ratio": Case(i.l1_ratio, {"maps": MAPS, "to": MORE_MAPS}, "maps to", far="beside an empty map"),
    "normalize_maps": Case(i.normalize_maps, {"maps": MAPS}, "maps"),
    "occlusion": Case(lambda **k: i.occlusion(window=4, **k), MODEL_ARGUMENTS, MODEL_ROWS),
    "map_iou": Case(i.map_iou, {"first": MAPS, "second": MORE_MAPS}, "first second"),
    "pointing_game": Case(i.pointing_game, {"maps": MAPS, "masks": MASKS}, "maps masks"),
    "precision_at_k": Case(i.precision_at_k, {"maps": MAPS, "masks": MASKS}, "maps masks"),
    "model_randomization_test": Case(
        lambda model, x: i.model_randomization_test(model, x, lambda m, x: i.saliency(m, x, 1))[1],
        {"model": MODEL, "x": X},
        each=False,
    ),
    "saliency": Case(i.saliency, MODEL_ARGUMENTS, MODEL_ROWS),
    "map_snr": Case(i.map_snr, {"maps": MAPS}, "maps"),
    "smoothgrad": Case(lambda **k: i.smoothgrad(n_samples=3, **k), MODEL_ARGUMENTS, MODEL_ROWS),
    "upsample": Case(lambda maps: i.upsample(maps, 9), {"maps": MAPS}, "maps"),
}
LEFT_OUT = {
    "PerturbationCurve": "a record",
    "LastLayerFisher": "made by fisher_information",
    "RandomizationResult": "a record",
    "occlusion_windows": "takes sizes alone",
}
