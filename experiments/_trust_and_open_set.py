"""Uses of a prediction: trusting it or not, and rejecting unknown classes."""

import torch
from torch import Tensor, nn

from experiments import _image_groups as f
from experiments._image_groups import FittedStatistics, GroupFeatures, make_generator, round_values
from tutorial_lib import gradients as g
from tutorial_lib import uncertainty as u
from tutorial_lib.metrics import accuracy, auroc, bootstrap_interval, macro_f1, risk_coverage

PASS_RATE = 0.95  # share of normal images that are accepted
PUBLISHED_SETTING = 0.95  # the probability above which the published detector rejects


def trust_scores(z: Tensor, h: Tensor | None, gram: Tensor | None) -> dict[str, Tensor]:
    """Return scores of trust in a prediction; higher means more trustworthy."""
    z, n_counterfactuals = z.double(), min(5, z.shape[1] - 1)
    scores = {
        "max softmax": -u.msp_score(z),
        "margin": -u.margin_score(z),
        "entropy": -u.entropy_score(z),
        "energy": -u.energy_score(z),
        "largest logit": z.amax(1),
        "GradTrust, demonstration": u.grad_trust(z),
        "GradTrust, 1 counterfactual": u.grad_trust(z, n_counterfactuals=1),
        f"GradTrust, {n_counterfactuals} counterfactuals": u.grad_trust(z, n_counterfactuals=n_counterfactuals),
    }
    if h is not None:
        scores["change of the last layer"] = -u.counterfactual_gradient_norms(z, z.argmax(1, keepdim=True))[
            :, 0
        ] * h.double().norm(dim=1)
        scores["GradNorm"] = -u.gradnorm_score(z, h.double())
    if gram is not None:
        scores["change of all layers"] = -u.counterfactual_gradient_norms(z, z.argmax(1, keepdim=True), gram.double())[
            :, 0
        ]
        scores["GradTrust, 1 counterfactual, all layers"] = u.grad_trust(z, n_counterfactuals=1, gram=gram.double())
        scores[f"GradTrust, {n_counterfactuals} counterfactuals, all layers"] = u.grad_trust(
            z, n_counterfactuals=n_counterfactuals, gram=gram.double()
        )
    return scores


def trust_rows(
    network: str, title: str, z: Tensor, labels: Tensor, h: Tensor = None, gram: Tensor = None
) -> list[dict]:
    """Return how well each trust score separates correct from wrong predictions, with bootstrap intervals."""
    correct = z.argmax(1) == labels
    rows = []
    if correct.all():
        return rows
    for name, trust in trust_scores(z, h, gram).items():
        low, high = bootstrap_interval(auroc, trust[~correct], trust[correct], paired=False, n_resamples=300)
        row = {"kind": "trust", "network": network, "images": title, "trust": name}
        row |= {"count": len(z), "wrong": int((~correct).sum())}
        # The error rate of the most trusted half, and its average over all coverages.
        curve = risk_coverage(-trust, correct)
        area = {"auroc": auroc(trust[~correct], trust[correct]), "low": low, "high": high, "risk area": curve.area}
        rows.append(row | round_values(area | {"risk at half": curve.risk[len(z) // 2 - 1], "risk": curve.risk[-1]}))
    return rows


def class_gradient_grams(model: nn.Module, x: Tensor) -> Tensor:
    """Return the Gram matrix of the class gradients, summed over layers, (N, 1, C, C)."""
    return torch.cat([g.class_gradient_gram(model, part).sum(1, keepdim=True).cpu() for part in x.split(64)])


def open_set_metrics(
    network: str,
    threshold_name: str,
    score: str,
    known: GroupFeatures,
    unknown: GroupFeatures,
    scores: tuple,
    threshold: float,
) -> dict:
    """Return a row with the open-set metrics of one score and threshold."""
    classes = known.z.shape[1]
    predictions = torch.cat(
        [u.open_set_predict(s.z, values, threshold) for s, values in zip((known, unknown), scores, strict=True)]
    )
    truth = torch.cat([known.labels, torch.full((len(unknown.z),), classes)])
    row = {"kind": "open set", "network": network, "threshold": threshold_name, "score": score}
    row |= {"known": len(known.z), "unknown": len(unknown.z)}
    accepted = {
        f"{side} accepted": (s <= threshold).double().mean()
        for side, s in zip(("known", "unknown"), scores, strict=True)
    }
    metrics = {
        "accuracy": accuracy(predictions, truth),
        "macro f1": macro_f1(predictions, truth, classes + 1),
        "auroc": auroc(*scores),
    }
    return row | round_values(metrics | accepted)


def open_set_rows(
    network: str, normal: GroupFeatures, unknown: GroupFeatures, statistics: FittedStatistics, detectors: dict
) -> list[dict]:
    """Return the open-set metrics of all scores, on one half of the normal images and as many unknown ones.

    The threshold accepts a share ``PASS_RATE`` of the other half. Detectors are also evaluated at their published
    threshold.
    """
    half = u.group_train_mask(normal.image_ids, generator=make_generator(0))
    calibration, known = normal.rows(half), normal.rows(~half)
    unknown = unknown.rows(torch.linspace(0, len(unknown.z) - 1, min(len(known.z), len(unknown.z))).long())
    parts = (calibration, known, unknown)
    group_scores = [f.unsupervised_scores(s, statistics) for s in parts]
    scores = {name: tuple(e[name] for e in group_scores) for name in group_scores[0]}
    scores |= {f"detector, {name}": tuple(score(s) for s in parts) for name, score in detectors.items()}
    zeros = (torch.zeros(len(known.z)), torch.zeros(len(unknown.z)))
    rows = [open_set_metrics(network, "none", "answers all", known, unknown, zeros, 0.0)]
    for name, (normal, a, b) in scores.items():
        rows.append(
            open_set_metrics(
                network,
                f"{PASS_RATE:.0%} of normal",
                name,
                known,
                unknown,
                (a, b),
                u.threshold_at_tpr(normal, PASS_RATE),
            )
        )
        if name.startswith("detector"):
            odds = torch.logit(torch.tensor(PUBLISHED_SETTING, dtype=torch.float64)).item()
            rows.append(open_set_metrics(network, "published", name, known, unknown, (a, b), odds))
    return rows
