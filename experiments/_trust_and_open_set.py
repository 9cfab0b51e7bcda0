"""What is done with an answer: trusted or not, named or refused."""

import torch
from torch import Tensor, nn

from experiments import _image_groups as f
from experiments._image_groups import FittedStatistics, GroupFeatures, make_generator, round_values
from tutorial_lib import gradients as g
from tutorial_lib import uncertainty as u
from tutorial_lib.metrics import accuracy, auroc, bootstrap_interval, macro_f1, risk_coverage

PASS_RATE = 0.95  # of the normal pictures
PUBLISHED_SETTING = 0.95  # the probability from which on a detector refuses


def trust_scores(z: Tensor, h: Tensor | None, gram: Tensor | None) -> dict[str, Tensor]:
    """What may say that an answer is to be trusted, higher = more."""
    z, some = z.double(), min(5, z.shape[1] - 1)
    found = {
        "max softmax": -u.msp_score(z),
        "margin": -u.margin_score(z),
        "entropy": -u.entropy_score(z),
        "energy": -u.energy_score(z),
        "largest logit": z.amax(1),
        "GradTrust, demonstration": u.grad_trust(z),
        "GradTrust, 1 rival": u.grad_trust(z, n_counterfactuals=1),
        f"GradTrust, {some} rivals": u.grad_trust(z, n_counterfactuals=some),
    }
    if h is not None:
        found["change of the last layer"] = -u.counterfactual_gradient_norms(z, z.argmax(1, keepdim=True))[
            :, 0
        ] * h.double().norm(dim=1)
        found["GradNorm"] = -u.gradnorm_score(z, h.double())
    if gram is not None:
        found["change of all layers"] = -u.counterfactual_gradient_norms(z, z.argmax(1, keepdim=True), gram.double())[
            :, 0
        ]
        found["GradTrust, 1 rival, all layers"] = u.grad_trust(z, n_counterfactuals=1, gram=gram.double())
        found[f"GradTrust, {some} rivals, all layers"] = u.grad_trust(z, n_counterfactuals=some, gram=gram.double())
    return found


def trust_rows(
    network: str, title: str, z: Tensor, labels: Tensor, h: Tensor = None, gram: Tensor = None
) -> list[dict]:
    """Does what says that an answer is to be trusted tell right answers from wrong ones? With the interval of a bootstrap."""
    right = z.argmax(1) == labels
    rows = []
    if right.all():
        return rows
    for name, trust in trust_scores(z, h, gram).items():
        low, high = bootstrap_interval(auroc, trust[~right], trust[right], paired=False, n_resamples=300)
        row = {"kind": "trust", "network": network, "pictures": title, "trust": name}
        row |= {"count": len(z), "wrong": int((~right).sum())}
        # The error rate among the half that is trusted most, and on average over all coverages.
        curve = risk_coverage(-trust, right)
        area = {"auroc": auroc(trust[~right], trust[right]), "low": low, "high": high, "risk area": curve.area}
        rows.append(row | round_values(area | {"risk at half": curve.risk[len(z) // 2 - 1], "risk": curve.risk[-1]}))
    return rows


def class_gradient_grams(model: nn.Module, x: Tensor) -> Tensor:
    """K of all layers together, (N, 1, C, C)."""
    return torch.cat([g.class_gradient_gram(model, part).sum(1, keepdim=True).cpu() for part in x.split(64)])


def open_set_metrics(
    network: str, how: str, score: str, known: GroupFeatures, unknown: GroupFeatures, scores: tuple, threshold: float
) -> dict:
    """Name what is known, refuse the rest: one row."""
    classes = known.z.shape[1]
    answers = torch.cat(
        [u.open_set_predict(s.z, values, threshold) for s, values in zip((known, unknown), scores, strict=True)]
    )
    truth = torch.cat([known.labels, torch.full((len(unknown.z),), classes)])
    row = {"kind": "open set", "network": network, "threshold": how, "score": score}
    row |= {"known": len(known.z), "unknown": len(unknown.z)}
    passed = {
        f"{side} passed": (s <= threshold).double().mean() for side, s in zip(("known", "unknown"), scores, strict=True)
    }
    judged = {
        "accuracy": accuracy(answers, truth),
        "macro f1": macro_f1(answers, truth, classes + 1),
        "auroc": auroc(*scores),
    }
    return row | round_values(judged | passed)


def open_set_rows(
    network: str, normal: GroupFeatures, unknown: GroupFeatures, learned: FittedStatistics, detected: dict
) -> list[dict]:
    """The threshold lets a share of one half of the normal pictures pass; the other half is tested, beside as many unknown.

    A detector's own threshold, as published, stands beside it.
    """
    half = u.group_train_mask(normal.image_ids, generator=make_generator(0))
    held, known = normal.rows(half), normal.rows(~half)
    unknown = unknown.rows(torch.linspace(0, len(unknown.z) - 1, min(len(known.z), len(unknown.z))).long())
    parts = (held, known, unknown)
    each = [f.unsupervised_scores(s, learned) for s in parts]
    found = {name: tuple(e[name] for e in each) for name in each[0]}
    found |= {f"detector, {name}": tuple(score(s) for s in parts) for name, score in detected.items()}
    nothing = (torch.zeros(len(known.z)), torch.zeros(len(unknown.z)))
    rows = [open_set_metrics(network, "none", "answers all", known, unknown, nothing, 0.0)]
    for name, (normal, a, b) in found.items():
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
