"""The functions of ``tutorial_lib.metrics`` with valid arguments."""

import torch

from tests.library.fuzz.mutations import Case
from tests.library.fuzz.sample_inputs import LABELS, LOGITS, MAPS, MIXED_SCORES, POINTS, SCORES, noise
from tutorial_lib import metrics as m

PAIR = {"a": noise(8, seed=1), "b": noise(8, seed=2)}
TWO_SAMPLES = {"normal": SCORES, "abnormal": MIXED_SCORES}
MAP, DENSITY = MAPS[0].abs(), MAPS[1].abs()
PREDICTED_LOGITS = torch.cat([LOGITS, LOGITS.flip(0), LOGITS * 0.1])
TRUE_LABELS = torch.cat([LABELS, LABELS, LABELS])
NOT_PER_ROW = {"rows": "", "each": False}

CASES = {
    "accuracy": Case(
        m.accuracy, {"predictions": PREDICTED_LOGITS, "labels": TRUE_LABELS}, "predictions labels", each=False
    ),
    "auc_judd": Case(m.auc_judd, {"saliency": MAP, "fixations": POINTS}, **NOT_PER_ROW),
    "auroc": Case(m.auroc, TWO_SAMPLES, **NOT_PER_ROW),
    "bootstrap_interval": Case(
        lambda **k: m.bootstrap_interval(m.auroc, *k.values(), paired=False, n_resamples=9), TWO_SAMPLES, **NOT_PER_ROW
    ),
    "center_bias_map": Case(m.center_bias_map, {"like": MAPS}, "like", blind="like", skip={"an axis less"}),
    "cc": Case(m.cc, {"saliency": MAP, "density": DENSITY}, **NOT_PER_ROW),
    "expected_calibration_error": Case(
        m.expected_calibration_error,
        {"probabilities": PREDICTED_LOGITS.softmax(1), "labels": TRUE_LABELS},
        "probabilities labels",
        each=False,
    ),
    "fixation_density": Case(
        lambda fixations: m.fixation_density(fixations, (6, 6), blur=1.0), {"fixations": POINTS}, **NOT_PER_ROW
    ),
    "information_gain": Case(
        m.information_gain, {"saliency": MAP, "fixations": POINTS, "baseline": DENSITY}, **NOT_PER_ROW
    ),
    "kl_divergence": Case(m.kl_divergence, {"saliency": MAP, "density": DENSITY}, **NOT_PER_ROW),
    "krcc": Case(m.krcc, PAIR, "a b", each=False),
    "macro_f1": Case(
        m.macro_f1, {"predictions": PREDICTED_LOGITS, "labels": TRUE_LABELS}, "predictions labels", each=False
    ),
    "nss": Case(m.nss, {"saliency": MAP, "fixations": POINTS}, **NOT_PER_ROW),
    "plcc": Case(m.plcc, PAIR, "a b", each=False),
    "random_map": Case(m.random_map, {"like": MAPS}, "like", each=False, blind="like"),
    "average_ranks": Case(m.average_ranks, {"values": SCORES}, **NOT_PER_ROW),
    "oscr": Case(
        m.oscr, {"known": SCORES, "correct": SCORES > 0.5, "unknown": SCORES + 0.1}, "known correct", each=False
    ),
    "risk_coverage": Case(m.risk_coverage, {"score": SCORES, "correct": SCORES > 0.5}, "score correct", each=False),
    "rmse": Case(m.rmse, PAIR, "a b", each=False),
    "shuffled_auc": Case(
        m.shuffled_auc, {"saliency": MAP, "fixations": POINTS, "others": POINTS.flip(1)}, **NOT_PER_ROW
    ),
    "sim": Case(m.sim, {"saliency": MAP, "density": DENSITY}, **NOT_PER_ROW),
    "gaussian_smooth": Case(lambda maps: m.gaussian_smooth(maps, 1.0), {"maps": MAPS}, "maps", skip={"an axis less"}),
    "srcc": Case(m.srcc, PAIR, "a b", each=False),
    "uniform_map": Case(m.uniform_map, {"like": MAPS}, "like", blind="like"),
}
LEFT_OUT = {
    "ConfidenceInterval": "a record",
    "RiskCoverage": "a record",
}
