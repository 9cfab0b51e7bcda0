"""The functions of ``tutorial_lib.uncertainty`` with valid arguments."""

import torch

from tests.library.fuzz.mutations import Case
from tests.library.fuzz.sample_inputs import CODER, LABELS, LOGITS, MODEL, OTHER, SCORES, C, H, N, X, noise
from tutorial_lib import gradients as g
from tutorial_lib import uncertainty as u

K = g.class_gradient_gram(MODEL, X)
MANY_FEATURES, FEATURE_LABELS = (
    torch.cat([H, H + 0.1 * noise(*H.shape), H - 0.2]),
    torch.tensor([0, 1, 0, 1, 0, 1, 0, 1, 0]),
)
NORMS = noise(6, 3, low=0.1)
MAHALANOBIS = u.MahalanobisDetector().fit(MANY_FEATURES, FEATURE_LABELS)
PURVIEW = u.PurviewDetector().fit(NORMS, 2 * NORMS)
DETECTOR = u.GradCon(CODER, decoder="2").fit(torch.cat([X, OTHER]), epochs=1)
GROUPS, IMAGE_IDS = torch.tensor([0] * 4 + [1] * 4 + [2] * 4), torch.tensor([0, 1, 2, 3] * 3)
ATTACK_ARGUMENTS = {"model": MODEL, "x": X, "label": LABELS, "batch_size": 64}
ATTACK_ROWS = "x label"
NOT_PER_ROW = {"rows": "", "each": False}


def attack(f, **options):
    return Case(lambda label, **k: f(y=label, **k, **options), ATTACK_ARGUMENTS, ATTACK_ROWS)


def of_logits(f, **options):
    return Case(lambda logits: f(logits, **options), {"logits": LOGITS}, "logits")


CASES = {
    "GradCon": Case(lambda x: DETECTOR.score(x), {"x": X}),
    "GradCon.fit": Case(
        lambda x: u.GradCon(CODER, decoder="2").fit(x, epochs=1, batch_size=2).mean_gradients, {"x": X}, each=False
    ),
    "MahalanobisDetector": Case(
        lambda h, batch_size: MAHALANOBIS.score(h, batch_size=batch_size),
        {"h": H, "batch_size": 64},
        "h",
        far="a large squared distance overflows in half precision",
    ),
    "MahalanobisDetector.fit": Case(
        lambda h, label: u.MahalanobisDetector().fit(h, label).score(h),
        {"h": MANY_FEATURES, "label": FEATURE_LABELS},
        "h label",
        each=False,
    ),
    "PurviewDetector": Case(lambda features: PURVIEW.score(features), {"features": NORMS}, "features"),
    "PurviewDetector.fit": Case(
        lambda a, b: u.PurviewDetector().fit(a, b).score(a), {"a": NORMS, "b": 2 * NORMS}, **NOT_PER_ROW
    ),
    "activation_norms": Case(u.activation_norms, {"model": MODEL, "x": X, "batch_size": 64}),
    "carlini_wagner": attack(u.carlini_wagner, n_steps=2, binary_search_steps=2, lr=0.1),
    "confounding_gradient_norms": Case(
        u.confounding_gradient_norms,
        {"model": MODEL, "x": X, "labels": noise(N, C), "batch_size": 64},
        "x labels",
        skip={"an axis less", "complex"},
    ),
    "layer_gradient_features": Case(
        lambda **k: u.layer_gradient_features(layer="2", **k), {"model": CODER, "x": X, "batch_size": 64}
    ),
    "deepfool": attack(u.deepfool, n_steps=3),
    "energy_score": of_logits(u.energy_score),
    "deep_ensemble": Case(
        lambda model, x, batch_size: u.deep_ensemble([model, model], x, batch_size=batch_size),
        {"model": MODEL, "x": X, "batch_size": 64},
    ),
    "entropy_score": of_logits(u.entropy_score),
    "exgrad_score": Case(u.exgrad_score, {"logits": LOGITS, "features": H}, "logits features"),
    "fgsm": attack(u.fgsm, eps=0.1),
    "attack_success": Case(
        lambda label, **k: u.attack_success(y=label, **k),
        ATTACK_ARGUMENTS | {"adversarial": OTHER},
        "x adversarial label",
    ),
    "gradnorm_score": Case(u.gradnorm_score, {"logits": LOGITS, "features": H}, "logits features"),
    "grad_trust": of_logits(u.grad_trust),
    "grad_trust of counterfactuals": Case(
        lambda **k: u.grad_trust(n_counterfactuals=2, **k),
        {"logits": LOGITS, "gram": K},
        "logits gram",
        far="nothing has to change",
    ),
    "group_train_mask": Case(u.group_train_mask, {"image_ids": IMAGE_IDS}, **NOT_PER_ROW),
    "leave_one_group_out": Case(
        lambda **k: [f.test for f in u.leave_one_group_out(**k)],
        {"groups": GROUPS, "image_ids": IMAGE_IDS},
        "groups image_ids",
        each=False,
    ),
    "margin_score": of_logits(u.margin_score),
    "msp_score": of_logits(u.msp_score),
    "add_gaussian_noise": Case(u.add_gaussian_noise, {"x": X}, each=False),
    "odin_score": Case(u.odin_score, {"model": MODEL, "x": X, "batch_size": 64}),
    "open_set_predict": Case(
        lambda logits, score: u.open_set_predict(logits, score, 0.5),
        {"logits": LOGITS, "score": noise(N)},
        "logits score",
    ),
    "within_group_splits": Case(
        lambda **k: [f.test for f in u.within_group_splits(**k)],
        {"groups": GROUPS, "image_ids": IMAGE_IDS},
        "groups image_ids",
        each=False,
    ),
    "pgd": attack(u.pgd, eps=0.1, n_steps=2),
    "pgd in L2": attack(u.pgd, eps=0.1, n_steps=2, norm=2),
    "random_noise": Case(
        lambda x, eps: u.random_noise(x, eps=eps), {"x": X, "eps": 0.1 * noise(N)}, "x eps", each=False
    ),
    "columnwise_auroc": Case(
        u.columnwise_auroc, {"normal": noise(5, 3), "abnormal": noise(4, 3, seed=1)}, **NOT_PER_ROW
    ),
    "threshold_at_tpr": Case(u.threshold_at_tpr, {"normal": SCORES}, **NOT_PER_ROW),
    "decompose_uncertainty": Case(u.decompose_uncertainty, {"logits": torch.stack([LOGITS, -LOGITS])}, "", each=False),
}
LEFT_OUT = {
    "Fold": "a record",
    "PredictiveUncertainty": "a record",
}
