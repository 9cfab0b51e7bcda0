"""The methods of chapter 3, with good arguments."""

import torch

from tests.library.fuzz.mutations import Case
from tests.library.fuzz.sample_inputs import CODER, LABELS, LOGITS, MODEL, OTHER, SCORES, C, H, N, X, noise
from tutorial_lib import gradients as g
from tutorial_lib import uncertainty as u

K = g.class_gradient_gram(MODEL, X)
MANY, KINDS = torch.cat([H, H + 0.1 * noise(*H.shape), H - 0.2]), torch.tensor([0, 1, 0, 1, 0, 1, 0, 1, 0])
NORMS = noise(6, 3, low=0.1)
MAHALANOBIS = u.MahalanobisDetector().fit(MANY, KINDS)
PURVIEW = u.PurviewDetector().fit(NORMS, 2 * NORMS)
DETECTOR = u.GradCon(CODER, decoder="2").fit(torch.cat([X, OTHER]), epochs=1)
FAMILY, PICTURE = torch.tensor([0] * 4 + [1] * 4 + [2] * 4), torch.tensor([0, 1, 2, 3] * 3)
ATTACKED = {"model": MODEL, "x": X, "label": LABELS, "batch_size": 64}
ATTACK = "x label"
EVERY = {"rows": "", "each": False}


def attack(f, **how):
    return Case(lambda label, **k: f(y=label, **k, **how), ATTACKED, ATTACK)


def of_logits(f, **how):
    return Case(lambda logits: f(logits, **how), {"logits": LOGITS}, "logits")


CASES = {
    "GradCon": Case(lambda x: DETECTOR.score(x), {"x": X}),
    "GradCon.fit": Case(
        lambda x: u.GradCon(CODER, decoder="2").fit(x, epochs=1, batch_size=2).mean_gradients, {"x": X}, each=False
    ),
    "Mahalanobis": Case(
        lambda h, batch_size: MAHALANOBIS.score(h, batch_size=batch_size), {"h": H, "batch_size": 64}, "h"
    ),
    "Mahalanobis.fit": Case(
        lambda h, label: u.MahalanobisDetector().fit(h, label).score(h),
        {"h": MANY, "label": KINDS},
        "h label",
        each=False,
    ),
    "PurviewDetector": Case(lambda features: PURVIEW.score(features), {"features": NORMS}, "features"),
    "PurviewDetector.fit": Case(
        lambda a, b: u.PurviewDetector().fit(a, b).score(a), {"a": NORMS, "b": 2 * NORMS}, **EVERY
    ),
    "bim": attack(u.bim, eps=0.1, steps=2),
    "bim, the best": attack(u.bim, eps=0.1, steps=2, keep="best"),
    "bim, the first": attack(u.bim, eps=0.1, steps=2, keep="first", norm=2),
    "carlini_wagner": attack(u.carlini_wagner, steps=4, searches=2, lr=0.1),
    "change_norms": Case(
        u.counterfactual_gradient_norms,
        {"logits": LOGITS, "classes": LOGITS.topk(2).indices, "gram": K},
        "logits classes gram",
    ),
    "confounding_norms": Case(
        u.confounding_gradient_norms,
        {"model": MODEL, "x": X, "labels": noise(N, C), "batch_size": 64},
        "x labels",
        skip={"an axis less"},
    ),
    "decoder_gradient": Case(
        lambda **k: u.layer_gradient_features(layer="2", **k), {"model": CODER, "x": X, "batch_size": 64}
    ),
    "deepfool": attack(u.deepfool, steps=3),
    "energy": of_logits(u.energy_score),
    "ensemble": Case(
        lambda model, x, batch_size: u.deep_ensemble([model, model], x, batch_size=batch_size),
        {"model": MODEL, "x": X, "batch_size": 64},
    ),
    "entropy": of_logits(u.entropy_score),
    "ex_grad": Case(u.exgrad_score, {"logits": LOGITS, "features": H}, "logits h"),
    "fgsm": attack(u.fgsm, eps=0.1),
    "fooled": Case(
        lambda label, **k: u.attack_success(y=label, **k), ATTACKED | {"adversarial": OTHER}, "x adversarial label"
    ),
    "grad_norm": Case(u.gradnorm_score, {"logits": LOGITS, "features": H}, "logits h"),
    "grad_trust": of_logits(u.grad_trust),
    "grad_trust of rivals": Case(
        lambda **k: u.grad_trust(n_counterfactuals=2, **k),
        {"logits": LOGITS, "gram": K},
        "logits gram",
        far="nothing has to change",
    ),
    "label_norms": Case(
        lambda K, logits, labels: u.confounding_norms_from_gram(K, logits, labels)[0],
        {"K": K, "logits": LOGITS, "labels": noise(2, C)},
        "K logits",
    ),
    "learning_half": Case(u.group_train_mask, {"image_ids": PICTURE}, **EVERY),
    "leave_one_family_out": Case(
        lambda **k: [f.test for f in u.leave_one_group_out(**k)],
        {"groups": FAMILY, "image_ids": PICTURE},
        "family picture",
        each=False,
    ),
    "margin": of_logits(u.margin_score),
    "max_softmax": of_logits(u.msp_score),
    "mc_dropout": Case(lambda **k: u.mc_dropout(n_samples=3, **k), {"model": MODEL, "x": X, "batch_size": 64}),
    "noisy": Case(u.add_gaussian_noise, {"x": X}, each=False),
    "odin": Case(u.odin_score, {"model": MODEL, "x": X, "batch_size": 64}),
    "open_set": Case(
        lambda logits, score: u.open_set_predict(logits, score, 0.5),
        {"logits": LOGITS, "score": noise(N)},
        "logits score",
    ),
    "own_family": Case(
        lambda **k: [f.test for f in u.within_group_splits(**k)],
        {"groups": FAMILY, "image_ids": PICTURE},
        "family picture",
        each=False,
    ),
    "pgd": attack(u.pgd, eps=0.1, steps=2),
    "pgd, twice": attack(u.pgd, eps=0.1, steps=2, restarts=2, norm=2),
    "random_noise": Case(
        lambda x, eps: u.random_noise(x, eps=eps), {"x": X, "eps": 0.1 * noise(N)}, "x eps", each=False
    ),
    "signed_auroc": Case(u.columnwise_auroc, {"normal": noise(5, 3), "abnormal": noise(4, 3, seed=1)}, **EVERY),
    "threshold_of_normal": Case(u.threshold_at_tpr, {"normal": SCORES}, **EVERY),
    "votes": Case(u.decompose_uncertainty, {"logits": torch.stack([LOGITS, -LOGITS])}, "", each=False),
}
LEFT_OUT = {
    "Fold": "a record",
    "Votes": "a record",
    "pseudo_unknown": "takes two numbers",
}
