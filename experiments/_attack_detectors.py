"""Detectors of adversarial examples: transfer between attacks, with splits by image, and adaptive attacks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from tutorial_lib import uncertainty as U
from tutorial_lib.gradients import (
    confounding_label_loss,
    cross_entropy,
    input_gradient_of_norms,
    last_linear_layer,
    model_outputs,
    outputs_and_input_gradient,
    penultimate_features,
)
from tutorial_lib.metrics import auroc, fpr_at_tpr
from tutorial_lib.uncertainty.perturbations import normalized_gradient, project

SPLITS = 3
NORMAL, NOISE = "normal", "noise"
FITTED_FREE_SCORES = {"max softmax": U.msp_score, "energy": U.energy_score}
LOGIT_SCORES, FEATURES, GRADIENTS = "cheap scores", "features", "gradients"
STEPS = 30  # of the adaptive attack


def make_generator(seed: int) -> torch.Generator:
    """Return a random generator with a seed."""
    return torch.Generator().manual_seed(seed)


def format_value(value: float) -> float:
    """Return a number rounded to four decimals."""
    return round(float(value), 4)


class DetectorInputs(NamedTuple):
    """Inputs of the detectors for normal images and all attacks.

    Attributes:
        features: {name: (M,) scores or (M, F) features}, one row per image.
        family: (M,) index into ``names`` of the attack, 0 for normal images.
        image_ids: (M,) index of the image from which each was made.
        names: names of the families, "normal" first.
    """

    features: dict[str, Tensor]
    family: Tensor
    image_ids: Tensor
    names: list[str]

    def of(self, name: str) -> Tensor:
        """Return the mask of the rows of a family, (M,)."""
        return self.family == self.names.index(name)


def detector_features(model: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """Return scores that need no training, (N,), and features on which a detector can be trained, (N, F)."""
    z, h = penultimate_features(model, x)
    logit_scores = [U.msp_score(z), U.entropy_score(z), U.energy_score(z), U.margin_score(z), h.norm(dim=1), z.amax(1)]
    features = {name: score(z) for name, score in FITTED_FREE_SCORES.items()}
    features |= {
        LOGIT_SCORES: torch.stack(logit_scores, 1),
        FEATURES: h,
        GRADIENTS: U.confounding_gradient_norms(model, x, group_by="tensor"),
    }
    return {name: value.cpu() for name, value in features.items()}


def features_of_attacks(model: nn.Module, x: Tensor, y: Tensor, attacked: dict[str, Tensor]) -> DetectorInputs:
    """Return the detector inputs of the successful examples of each attack, and of all noisy images."""
    parts, family, image = (
        [detector_features(model, x)],
        [torch.zeros(len(x), dtype=torch.long)],
        [torch.arange(len(x))],
    )
    for i, (attack, adversarial) in enumerate(attacked.items(), 1):
        selected = (model_outputs(model, adversarial).argmax(1) != y) | (attack == NOISE)
        parts.append(detector_features(model, adversarial[selected]))
        family.append(torch.full((int(selected.sum()),), i))
        image.append(selected.nonzero()[:, 0].cpu())
    features = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    return DetectorInputs(features, torch.cat(family), torch.cat(image), [NORMAL, *attacked])


def fit_detector(feature_set: str) -> U.PurviewDetector:
    """Return a detector with the hidden widths of the published code; a linear one would disadvantage the features."""
    return U.PurviewDetector((40, 20), log=feature_set == GRADIENTS)


def transfer_matrix(name: str, inputs: DetectorInputs, seed: int) -> list[dict]:
    """Return the AUROC on every attack of detectors trained on one attack or all but one, and of untrained scores."""
    cells: dict[tuple[str, str, str], list[float]] = {}
    families = inputs.names[1:]
    attacks = [family for family in families if family != NOISE]
    training_sets = {family: [family] for family in families}
    training_sets |= {f"all but {family}": [other for other in attacks if other != family] for family in attacks}
    for split in range(SPLITS):
        train = U.group_train_mask(inputs.image_ids, generator=make_generator(100 * seed + split))
        normal = inputs.of(NORMAL)
        scores = {(feature_set, "nothing"): inputs.features[feature_set] for feature_set in FITTED_FREE_SCORES}
        for feature_set in (LOGIT_SCORES, FEATURES, GRADIENTS):
            values = inputs.features[feature_set]
            for trained_on, train_families in training_sets.items():
                positives = torch.stack([inputs.of(family) for family in train_families]).any(0)
                detector = fit_detector(feature_set).fit(values[normal & train], values[positives & train])
                scores[feature_set, trained_on] = detector.score(values)
        for (feature_set, trained_on), score in scores.items():
            for family in families if not trained_on.startswith("all but ") else [trained_on.removeprefix("all but ")]:
                value = auroc(score[normal & ~train], score[inputs.of(family) & ~train])
                cells.setdefault((feature_set, trained_on, family), []).append(value)
    base = {"kind": "detector", "network": name}
    spread = lambda v: {
        "auroc": format_value(sum(v) / len(v)),
        "low": format_value(min(v)),
        "high": format_value(max(v)),
        "splits": len(v),
    }
    return [
        {
            **base,
            "input": r,
            "trained on": t,
            "tested": tested_on,
            "images": int(inputs.of(tested_on).sum()),
            **spread(v),
        }
        for (r, t, tested_on), v in cells.items()
    ]


# Adaptive attacks.


class ClassifierWithDetector(nn.Module):
    """A network that returns its logits and features together, (N, C + d), so that an objective can use either."""

    def __init__(self, model: nn.Module, head: nn.Linear):
        super().__init__()
        self.model, self.head = model, head

    def forward(self, x: Tensor) -> Tensor:
        """Return logits and features, (N, C + d)."""
        features = []
        handle = self.head.register_forward_pre_hook(lambda _, inputs: features.append(inputs[0]))
        try:
            return torch.cat([self.model(x), features[0]], 1)
        finally:
            handle.remove()


def log_odds(detector: U.PurviewDetector, features: Tensor) -> Tensor:
    """Return the score of a detector with its autograd graph: (n, F) -> (n,)."""
    hidden = features.clamp(min=torch.finfo(torch.float32).tiny).log() if detector.log else features
    hidden = (hidden - detector.mean.to(hidden)) / detector.spread.to(hidden)
    for i, (weight, bias) in enumerate(detector.layers):
        hidden = (hidden.relu() if i else hidden) @ weight.to(hidden) + bias.to(hidden)
    return hidden[:, 0]


Slope = Callable[
    [Tensor], tuple[Tensor, Tensor]
]  # images -> the detector score of each image and its gradient with respect to the image


def detector_input_gradients(model: nn.Module, x: Tensor, detectors: dict[str, U.PurviewDetector]) -> dict[str, Slope]:
    """Return score and input gradient of the untrained energy, of two trained detectors, and of their sum."""
    head = last_linear_layer(model, x)
    model_with_features, classes = ClassifierWithDetector(model, head), head.out_features

    def at_outputs(network: nn.Module, score: Callable[[Tensor], Tensor]) -> Slope:
        def slope(x: Tensor) -> tuple[Tensor, Tensor]:
            outputs, gradient = outputs_and_input_gradient(network, x, score)
            return score(outputs), gradient

        return slope

    def at_norms(x: Tensor) -> tuple[Tensor, Tensor]:
        score_of = partial(log_odds, detectors[GRADIENTS])
        norms, gradient = input_gradient_of_norms(model, x, confounding_label_loss(), score_of, group_by="tensor")
        return score_of(norms), gradient

    at_features = at_outputs(model_with_features, lambda out: log_odds(detectors[FEATURES], out[:, classes:]))

    def at_either(x: Tensor) -> tuple[Tensor, Tensor]:
        (a, first_gradient), (b, second_gradient) = at_features(x), at_norms(x)
        return a + b, first_gradient + second_gradient

    return {"energy": at_outputs(model, U.energy_score), FEATURES: at_features, GRADIENTS: at_norms, "both": at_either}


def adaptive_attack(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    score_and_gradient: Slope,
    *,
    eps: float,
    steps: int = STEPS,
    lead: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Return adversarial images that evade a detector, and a mask of the images for which the attack succeeded.

    Each step increases the loss while the margin of the wrong class is below ``lead``, and reduces the detector score
    otherwise. The result is, for each image, the misclassified point with the lowest score.
    """
    point, best, lowest = x.clone(), x.clone(), torch.full((len(x),), torch.inf, device=x.device)
    for t in range(steps + 1):
        z, loss = outputs_and_input_gradient(model, point, cross_entropy(y))
        score, score_gradient = score_and_gradient(point)
        lower = (z.argmax(1) != y) & (score < lowest)
        best[lower], lowest[lower] = point[lower], score[lower].to(lowest)
        margin = z.scatter(1, y[:, None], -torch.inf).amax(1) - z.gather(1, y[:, None])[:, 0]
        direction = torch.where(
            (margin < lead).view(-1, *(1,) * (x.dim() - 1)),
            normalized_gradient(loss, "inf"),
            -normalized_gradient(score_gradient, "inf"),
        )
        # The step size decreases linearly.
        point = project(point + eps / 2 * (1 - t / (steps + 1)) * direction, x, eps, "inf")
    return best, lowest.isfinite()


def adaptive_attack_rows(
    name: str,
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    attacked: dict[str, Tensor],
    inputs: DetectorInputs,
    seed: int,
    *,
    eps: float,
    count: int,
) -> list[dict]:
    """Return success and detection rates of standard and adaptive attacks on detectors trained on FGSM and PGD."""
    train = U.group_train_mask(inputs.image_ids, generator=make_generator(100 * seed))
    positives = inputs.of("FGSM") | inputs.of("PGD")

    def train_detectors(side: Tensor, generator_seed: int) -> dict[str, U.PurviewDetector]:
        normal, abnormal = inputs.of(NORMAL) & side, positives & side
        fit = lambda values, feature_set: fit_detector(feature_set).fit(
            values[normal], values[abnormal], generator=make_generator(generator_seed)
        )
        return {feature_set: fit(inputs.features[feature_set], feature_set) for feature_set in (FEATURES, GRADIENTS)}

    # A black-box attacker trains a copy of the detector: with the same network and attacks, but other images.
    copies = detector_input_gradients(model, x[:1], train_detectors(~train, seed + 1))
    rest = (~train[: len(x)]).nonzero()[:count, 0].to(x.device)
    x, y, detectors = x[rest], y[rest], detector_input_gradients(model, x[:1], train_detectors(train, seed))
    evaluated_detectors = {
        detector: score_and_gradient for detector, score_and_gradient in detectors.items() if detector != "both"
    }
    scores_of = lambda score_and_gradient, x: torch.cat([score_and_gradient(part)[0] for part in x.split(32)])
    normal = {
        detector: scores_of(score_and_gradient, x) for detector, score_and_gradient in evaluated_detectors.items()
    }
    attempts = {attack: (attacked[attack][rest], None) for attack in ("FGSM", "PGD")}
    attempts |= {
        f"evading {detector}": adaptive_attack(model, x, y, score_and_gradient, eps=eps)
        for detector, score_and_gradient in detectors.items()
    }
    attempts |= {
        f"evading a copy of {detector}": adaptive_attack(model, x, y, copies[detector], eps=eps)
        for detector in (FEATURES, GRADIENTS)
    }
    rows = []
    for attack, (images, success) in attempts.items():
        success = model_outputs(model, images).argmax(1) != y if success is None else success
        row = {
            "kind": "adaptive",
            "network": name,
            "attack": attack,
            "images": len(x),
            "success": format_value(success.double().mean()),
        }
        for detector, score_and_gradient in evaluated_detectors.items():
            score = scores_of(score_and_gradient, images[success])
            # At a false-positive rate of 5%.
            detected = 1 - fpr_at_tpr(-score, -normal[detector], 0.95)
            rows.append(
                {
                    **row,
                    "detector": detector,
                    "auroc": format_value(auroc(normal[detector], score)),
                    "detected": format_value(detected),
                }
            )
    return rows
