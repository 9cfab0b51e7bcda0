"""Measures, with good arguments."""

import torch

from tests.library.fuzz.mutations import Case
from tests.library.fuzz.sample_inputs import LABELS, LOGITS, MAPS, MIXED_SCORES, POINTS, SCORES, noise
from tutorial_lib import metrics as m

PAIR = {"a": noise(8, seed=1), "b": noise(8, seed=2)}
TWO = {"normal": SCORES, "abnormal": MIXED_SCORES}
MAP, DENSITY = MAPS[0].abs(), MAPS[1].abs()
SAID = torch.cat([LOGITS, LOGITS.flip(0), LOGITS * 0.1])
TRUE = torch.cat([LABELS, LABELS, LABELS])
EVERY = {"rows": "", "each": False}

CASES = {
    "accuracy": Case(m.accuracy, {"predictions": SAID, "labels": TRUE}, "predictions labels", each=False),
    "auc_judd": Case(m.auc_judd, {"saliency": MAP, "fixations": POINTS}, **EVERY),
    "aupr": Case(m.aupr, TWO, **EVERY),
    "auroc": Case(m.auroc, TWO, **EVERY),
    "bootstrap_interval": Case(
        lambda **k: m.bootstrap_interval(m.auroc, *k.values(), paired=False, n_resamples=9), TWO, **EVERY
    ),
    "centre_bias": Case(m.center_bias_map, {"like": MAPS}, "like", blind="like", skip={"an axis less"}),
    "compare_correlations": Case(
        lambda a, b, c: m.steiger_test(a, b, c), {**PAIR, "c": noise(8, seed=3)}, "a b c", each=False
    ),
    "correlation": Case(m.cc, {"saliency": MAP, "density": DENSITY}, **EVERY),
    "detection_error": Case(m.detection_error, TWO, **EVERY),
    "expected_calibration_error": Case(
        m.expected_calibration_error,
        {"probabilities": SAID.softmax(1), "labels": TRUE},
        "probabilities labels",
        each=False,
    ),
    "fixation_density": Case(
        lambda fixations: m.fixation_density(fixations, (6, 6), blur=1.0), {"fixations": POINTS}, **EVERY
    ),
    "fpr_at_tpr": Case(m.fpr_at_tpr, TWO, **EVERY),
    "information_gain": Case(m.information_gain, {"saliency": MAP, "fixations": POINTS, "baseline": DENSITY}, **EVERY),
    "kl_divergence": Case(m.kl_divergence, {"saliency": MAP, "density": DENSITY}, **EVERY),
    "krcc": Case(m.krcc, PAIR, "a b", each=False),
    "logistic_fit": Case(lambda a, b: m.logistic_fit(a, b)(a), PAIR, "a b", each=False),
    "macro_f1": Case(m.macro_f1, {"predictions": SAID, "labels": TRUE}, "predictions labels", each=False),
    "nss": Case(m.nss, {"saliency": MAP, "fixations": POINTS}, **EVERY),
    "outlier_ratio": Case(
        m.outlier_ratio,
        {"predicted": PAIR["a"], "opinions": PAIR["b"], "spread": 0.1 + PAIR["a"]},
        "predicted opinions spread",
        each=False,
    ),
    "plcc": Case(m.plcc, PAIR, "a b", each=False),
    "random_map": Case(m.random_map, {"like": MAPS}, "like", each=False, blind="like"),
    "ranks": Case(m.average_ranks, {"values": SCORES}, **EVERY),
    "reliability": Case(
        lambda **k: m.reliability_bins(bins=5, **k),
        {"probabilities": SAID.softmax(1), "labels": TRUE},
        "probabilities labels",
        each=False,
    ),
    "risk_coverage": Case(m.risk_coverage, {"score": SCORES, "correct": SCORES > 0.5}, "score correct", each=False),
    "rmse": Case(m.rmse, PAIR, "a b", each=False),
    "shuffled_auc": Case(m.shuffled_auc, {"saliency": MAP, "fixations": POINTS, "others": POINTS.flip(1)}, **EVERY),
    "similarity": Case(m.sim, {"saliency": MAP, "density": DENSITY}, **EVERY),
    "smoothed": Case(lambda maps: m.gaussian_smooth(maps, 1.0), {"maps": MAPS}, "maps", skip={"an axis less"}),
    "srcc": Case(m.srcc, PAIR, "a b", each=False),
    "temperature_scaling": Case(m.fit_temperature, {"logits": SAID, "labels": TRUE}, "logits labels", each=False),
    "uniform_map": Case(m.uniform_map, {"like": MAPS}, "like", blind="like"),
}
LEFT_OUT = {
    "Comparison": "a record",
    "Interval": "a record",
    "Reliability": "a record",
    "RiskCoverage": "a record",
}
