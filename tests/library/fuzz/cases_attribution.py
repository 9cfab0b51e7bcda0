"""The methods of chapter 2, with good arguments."""

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

ASKED = {"model": MODEL, "x": X, "objective": LABELS, "batch_size": 64}
ASK = "x objective"
WHOLE = noise(N, SIDE, SIDE, seed=4, low=-1)
SHOWN = {"model": MODEL, "x": X, "maps": WHOLE, "target": LABELS, "batch_size": 64}
SHOW = "x maps target"
STAGE = i.MLPHead(hidden=(4,)).fit(H, LABELS, epochs=2)
TWO = i.IntrospectiveClassifier(MODEL, hidden=(4,)).fit(X, LABELS, epochs=2)


def layered(f, **more):
    return Case(lambda **k: f(layer="3", **k, **more), ASKED, ASK)


CASES = {
    "Introspector": Case(lambda x: TWO.logits(x), {"x": X}),
    "SecondStage": Case(lambda features: STAGE.logits(features), {"features": H}, "features"),
    "SecondStage.fit": Case(
        lambda features, label: i.MLPHead(hidden=(4,)).fit(features, label, epochs=1).logits(features),
        {"features": H, "label": LABELS},
        "features label",
        each=False,
    ),
    "average_drop": Case(i.average_drop, SHOWN, SHOW, blind="maps"),
    "blurred": Case(i.gaussian_blur, {"x": X}),
    "class_cams": Case(lambda **k: i.all_class_cams(layer="3", **k), {"model": MODEL, "x": X, "batch_size": 8}),
    "completeness_gap": Case(
        lambda **k: i.convergence_delta(**k), ASKED | {"attribution": X}, "x objective attribution"
    ),
    "contrast_cam": Case(
        lambda **k: i.contrast_cam(layer="3", **k),
        {"model": MODEL, "x": X, "contrast_class": OTHER_LABELS, "batch_size": 64},
        "x other",
    ),
    "contrasts": Case(i.all_contrast_cams, {"logits": LOGITS, "maps": noise(N, C, 6, 6)}, "logits maps"),
    "counterfactual_cam": layered(i.counterfactual_cam),
    "deletion_curve": Case(lambda **k: i.deletion_curve(n_steps=3, **k)[1:], SHOWN, SHOW, blind="maps"),
    "explanation_variance": Case(
        lambda **k: i.voice_map(layer="3", **k),
        {"model": MODEL, "x": X, "target": LABELS, "batch_size": 8},
        "x target",
    ),
    "fisher_information": Case(
        lambda **k: [i.last_layer_fisher(**k).trace, i.last_layer_fisher(**k).covariance],
        {"logits": LOGITS, "features": H},
        "logits h",
    ),
    "grad_cam": layered(i.grad_cam),
    "grad_cam_plus_plus": layered(i.grad_cam_plus_plus),
    "guided_backprop": Case(i.guided_backprop, ASKED, ASK),
    "guided_grad_cam": layered(i.guided_grad_cam),
    "input_x_gradient": Case(i.input_x_gradient, ASKED, ASK),
    "insertion_curve": Case(lambda **k: i.insertion_curve(n_steps=3, **k)[1:], SHOWN, SHOW, blind="maps"),
    "integrated_gradients": Case(lambda **k: i.integrated_gradients(n_steps=3, **k), ASKED, ASK),
    "introspective_features": Case(i.introspective_features, {"model": MODEL, "x": X, "batch_size": 64}),
    "introspective_features of a layer": Case(
        lambda **k: i.introspective_features(layer="3", **k), {"model": MODEL, "x": X, "batch_size": 64}
    ),
    "magnitude": Case(i.reduce_channels, {"maps": X}, "maps"),
    "mass_in_mask": Case(i.energy_pointing_game, {"maps": MAPS, "masks": MASKS}, "maps masks"),
    "mass_ratio": Case(i.l1_ratio, {"maps": MAPS, "to": MORE_MAPS}, "maps to", far="beside an empty map"),
    "normalise": Case(i.normalize_maps, {"maps": MAPS}, "maps"),
    "occlusion": Case(lambda **k: i.occlusion(window=4, **k), ASKED, ASK),
    "overlap": Case(i.map_iou, {"first": MAPS, "second": MORE_MAPS}, "first second"),
    "pointing_game": Case(i.pointing_game, {"maps": MAPS, "masks": MASKS}, "maps masks"),
    "randomisation_check": Case(
        lambda model, x: i.model_randomization_test(model, x, lambda m, x: i.saliency(m, x, 1))[1],
        {"model": MODEL, "x": X},
        each=False,
    ),
    "saliency": Case(i.saliency, ASKED, ASK),
    "signal_to_noise": Case(i.map_snr, {"maps": MAPS}, "maps"),
    "smoothgrad": Case(lambda **k: i.smoothgrad(n_samples=3, **k), ASKED, ASK),
    "upsample": Case(lambda maps: i.upsample(maps, 9), {"maps": MAPS}, "maps"),
}
LEFT_OUT = {
    "Curve": "a record",
    "Drop": "a record",
    "Fisher": "made by fisher_information",
    "Randomisation": "a record",
    "covers": "takes sizes alone",
}
