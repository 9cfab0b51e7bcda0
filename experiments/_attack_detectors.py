"""Detectors of adversarial examples: transfer between attacks, with splits by image, and adaptive attacks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from tutorial_lib import uncertainty as U
from tutorial_lib.gradients import (
    Objective,
    confounding_label_loss,
    cross_entropy,
    input_gradient_of_norms,
    last_linear_layer,
    model_outputs,
    outputs_and_input_gradient,
    penultimate_features,
    skip_independence_check,
)
from tutorial_lib.metrics import auroc
from tutorial_lib.uncertainty.attacks import normalized_gradient, project

SPLITS = 2
NORMAL, NOISE = "normal", "noise"
FITTED_FREE_SCORES = {"max softmax": U.msp_score, "energy": U.energy_score}
TWO_SIDED = "two-sided energy"  # the distance from the median energy of normal training images
LOGIT_SCORES, FEATURES, ACTIVATIONS, GRADIENTS = "cheap scores", "features", "activations", "gradients"
FEATURE_SETS = (LOGIT_SCORES, FEATURES, ACTIVATIONS, GRADIENTS)
STEPS, MAX_RESTARTS, IMPROVEMENT = 40, 20, 0.005  # of the adaptive attack: it stops after three restarts without gain


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


class LayerNorms(nn.Module):
    """A network that returns logits, penultimate features, and the L2 norm of each layer's output, (N, C + d + L).

    An objective can use each of them. A layer is a module with parameters of its own.
    """

    def __init__(self, model: nn.Module, x: Tensor):
        super().__init__()
        self.model, self.head = model, last_linear_layer(model, x)
        self.layers = [m for m in model.modules() if any(True for _ in m.parameters(recurse=False))]

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, features and norms, (N, C + d + L)."""
        features, norms = [], []
        handles = [self.head.register_forward_pre_hook(lambda _, inputs: features.append(inputs[0]))]
        handles += [m.register_forward_hook(lambda *a: norms.append(a[2].flatten(1).norm(dim=1))) for m in self.layers]
        try:
            return torch.cat([self.model(x), features[0], torch.stack(norms, 1)], 1)
        finally:
            for handle in handles:
                handle.remove()


def detector_features(model: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """Return scores that need no training, (N,), and features on which a detector can be trained, (N, F)."""
    z, h = penultimate_features(model, x)
    logit_scores = [U.msp_score(z), U.entropy_score(z), U.energy_score(z), U.margin_score(z), h.norm(dim=1), z.amax(1)]
    features = {name: score(z) for name, score in FITTED_FREE_SCORES.items()}
    features |= {
        LOGIT_SCORES: torch.stack(logit_scores, 1),
        FEATURES: h,
        ACTIVATIONS: model_outputs(LayerNorms(model, x[:1]), x)[:, z.shape[1] + h.shape[1] :],
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
    return U.PurviewDetector((40, 20), log=feature_set in (ACTIVATIONS, GRADIENTS))


def auroc_influence(normal: Tensor, abnormal: Tensor, normal_ids: Tensor, abnormal_ids: Tensor, n: int) -> Tensor:
    """Return the influence of each of ``n`` original images on an AUROC, (n,).

    The square root of the sum of squares is the standard error of the AUROC if images are sampled; a normal image and
    the attacked ones that are made from it are one sample (DeLong et al., Biometrics 1988, with clusters).
    """
    higher = (abnormal[:, None] > normal).double() + 0.5 * (abnormal[:, None] == normal).double()
    area, influence = higher.mean(), torch.zeros(n, dtype=torch.float64)
    influence.index_add_(0, abnormal_ids, (higher.mean(1) - area) / len(abnormal))
    return influence.index_add_(0, normal_ids, (higher.mean(0) - area) / len(normal))


def scores_of_split(inputs: DetectorInputs, train: Tensor) -> dict[tuple[str, str], Tensor]:
    """Return the scores of all images, by feature set and by the attacks on which a detector was trained."""
    normal, families = inputs.of(NORMAL) & train, inputs.names[1:]
    attacks = [family for family in families if family != NOISE]
    training_sets = {family: [family] for family in families}
    training_sets |= {f"all but {family}": [other for other in attacks if other != family] for family in attacks}
    scores = {(name, "nothing"): inputs.features[name] for name in FITTED_FREE_SCORES}
    energy = inputs.features["energy"]
    scores[TWO_SIDED, "nothing"] = (energy - energy[normal].median()).abs()
    for feature_set in FEATURE_SETS:
        values = inputs.features[feature_set]
        for trained_on, train_families in training_sets.items():
            positives = torch.stack([inputs.of(family) for family in train_families]).any(0)
            detector = fit_detector(feature_set).fit(values[normal], values[positives & train])
            scores[feature_set, trained_on] = detector.score(values)
    return scores


def transfer_matrix(name: str, inputs: DetectorInputs, seed: int) -> list[dict]:
    """Return the AUROC on every attack of detectors trained on one attack or all but one, and of untrained scores.

    The rows of gradient norms also contain the paired difference from the same detector on other feature sets.
    """
    cells: dict[tuple[str, str, str], list[float]] = {}
    influences: dict[tuple[str, str, str], Tensor] = {}
    ids, n = inputs.image_ids, int(inputs.image_ids.max()) + 1
    for split in range(SPLITS):
        train = U.group_train_mask(ids, generator=make_generator(100 * seed + split))
        normal = inputs.of(NORMAL) & ~train
        for (feature_set, trained_on), score in scores_of_split(inputs, train).items():
            left_out = trained_on.removeprefix("all but ")
            for family in inputs.names[1:] if left_out == trained_on else [left_out]:
                cell, tested = (feature_set, trained_on, family), inputs.of(family) & ~train
                cells.setdefault(cell, []).append(auroc(score[normal], score[tested]))
                influence = auroc_influence(score[normal], score[tested], ids[normal], ids[tested], n)
                influences[cell] = influences.get(cell, torch.zeros(n).double()) + influence / SPLITS
    rows = []
    for cell, values in cells.items():
        feature_set, trained_on, family = cell
        row = {"kind": "detector", "network": name, "input": feature_set, "trained on": trained_on, "tested": family}
        row |= {"images": int(inputs.of(family).sum()), "splits": SPLITS}
        row |= {"auroc": format_value(sum(values) / SPLITS), "auroc_se": format_value(influences[cell].norm())}
        for other in (LOGIT_SCORES, FEATURES, ACTIVATIONS) if feature_set == GRADIENTS else ():
            control = (other, trained_on, family)
            row[f"over {other}"] = format_value((sum(values) - sum(cells[control])) / SPLITS)
            row[f"over {other}_se"] = format_value((influences[cell] - influences[control]).norm())
        rows.append(row)
    return rows


# Adaptive attacks.


def log_odds(detector: U.PurviewDetector, features: Tensor) -> Tensor:
    """Return the score of a detector with its autograd graph: (n, F) -> (n,)."""
    hidden = features.clamp(min=torch.finfo(torch.float32).tiny).log() if detector.log else features
    hidden = (hidden - detector.mean.to(hidden)) / detector.spread.to(hidden)
    for i, (weight, bias) in enumerate(detector.layers):
        hidden = (hidden.relu() if i else hidden) @ weight.to(hidden) + bias.to(hidden)
    return hidden[:, 0]


# images -> the detector score of each image and its gradient with respect to the image
Slope = Callable[[Tensor], tuple[Tensor, Tensor]]


def detector_input_gradients(
    model: nn.Module, x: Tensor, detectors: dict[str, U.PurviewDetector], energy: float
) -> dict[str, Slope]:
    """Return score and input gradient of the distance from a median energy, and of the trained detectors."""
    network = LayerNorms(model, x)
    classes, d = network.head.out_features, network.head.in_features

    def at_outputs(score: Callable[[Tensor], Tensor]) -> Slope:
        def slope(x: Tensor) -> tuple[Tensor, Tensor]:
            outputs, gradient = outputs_and_input_gradient(network, x, score)
            return score(outputs), gradient

        return slope

    def at_norms(x: Tensor) -> tuple[Tensor, Tensor]:
        score_of = partial(log_odds, detectors[GRADIENTS])
        norms, gradient = input_gradient_of_norms(model, x, confounding_label_loss(), score_of, group_by="tensor")
        return score_of(norms), gradient

    return {
        TWO_SIDED: at_outputs(lambda out: (U.energy_score(out[:, :classes]) - energy).abs()),
        FEATURES: at_outputs(lambda out: log_odds(detectors[FEATURES], out[:, classes : classes + d])),
        ACTIVATIONS: at_outputs(lambda out: log_odds(detectors[ACTIVATIONS], out[:, classes + d :])),
        GRADIENTS: at_norms,
    }


def margin_loss(z: Tensor, y: Tensor) -> Tensor:
    """Return the largest wrong logit minus the logit of the label; above zero, the image is misclassified."""
    return z.scatter(1, y[:, None], -torch.inf).amax(1) - z.gather(1, y[:, None])[:, 0]


def random_start(x: Tensor, eps: float, generator: torch.Generator) -> Tensor:
    """Return a random point of the ε-ball around each image; unlike in the library, each image has its own."""
    return project(x + eps * (2 * torch.rand(x.shape, generator=generator).to(x) - 1), x, eps, "inf")


@skip_independence_check()
def margin_pgd(
    model: nn.Module, x: Tensor, y: Tensor, *, eps: float, steps: int, restarts: int, generator: torch.Generator
) -> Tensor:
    """Return which images projected gradient descent on the margin misclassifies at any step of any restart, (N,)."""
    success, J = torch.zeros(len(x), dtype=torch.bool, device=x.device), Objective(margin_loss, y, classes=True)
    for _ in range(restarts):
        point = random_start(x, eps, generator)
        for t in range(steps + 1):
            rest = (~success).nonzero()[:, 0]
            if not len(rest):
                return success
            at = point[rest]
            z, gradient = outputs_and_input_gradient(model, at, J.select(rest))
            success[rest] = z.argmax(1) != y[rest]
            step = 2 * eps * (1 - t / (steps + 1)) * normalized_gradient(gradient, "inf")
            point[rest] = project(at + step, x[rest], eps, "inf")
    return success


def remove_descent(step: Tensor, gradient: Tensor) -> Tensor:
    """Return a step without its component along a gradient, (N, ...), where this component is negative."""
    u, g = step.flatten(1), gradient.flatten(1)
    along = (u * g).sum(1, keepdim=True) / g.square().sum(1, keepdim=True).clamp(min=torch.finfo(g.dtype).tiny)
    return (u - along.clamp(max=0) * g).view_as(step)


@skip_independence_check()
def adaptive_attack(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    score_and_gradient: Slope,
    *,
    eps: float,
    steps: int = STEPS,
    lead: float = 1.0,
    step_size: float = 0.5,
    start: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return adversarial images that evade a detector, and their scores, infinite where the attack failed.

    Each step increases the classification loss of an image while its margin is below ``lead``. Otherwise, it reduces
    the detector score, and the part that would reduce the loss is removed before the sign is taken (orthogonal
    projected gradient descent: Bryniarski et al., ICLR 2022, arXiv:2106.15023). The step size, as a share of ``eps``,
    decreases linearly. The result is, for each image, the misclassified point with the lowest score.
    """
    point, best = (x if start is None else start).clone(), x.clone()
    lowest = torch.full((len(x),), torch.inf, device=x.device, dtype=torch.float64)
    for t in range(steps + 1):
        z, gradient = outputs_and_input_gradient(model, point, cross_entropy(y))
        direction = gradient.clone()
        wrong = (z.argmax(1) != y).nonzero()[:, 0]
        if len(wrong):
            score, score_gradient = score_and_gradient(point[wrong])
            lower = wrong[score.double() < lowest[wrong]]
            best[lower] = point[lower]
            lowest[wrong] = lowest[wrong].minimum(score.double())
            far = margin_loss(z, y)[wrong] >= lead
            direction[wrong[far]] = remove_descent(-score_gradient[far], gradient[wrong[far]])
        size = step_size * eps * (1 - t / (steps + 1))
        point = project(point + size * normalized_gradient(direction, "inf"), x, eps, "inf")
    return best, lowest


def restarted_attack(
    model: nn.Module, x: Tensor, y: Tensor, slope: Slope, normal: Tensor, *, eps: float, seed: int
) -> tuple[Tensor, Tensor, list[dict]]:
    """Return the best points of an adaptive attack over restarts, which of them succeed, and its results by restart.

    The first run starts at the images, the second one at random points, and the third one close to the best points so
    far. The following runs alternate between these two kinds of starting points. Restarts end when the AUROC of the
    detector is below ``IMPROVEMENT``, or when three restarts together have reduced it by less than that. For this rule,
    an image on which the attack fails counts as detected.
    """
    generator, rows, areas = make_generator(seed), [], []
    best, lowest = x.clone(), torch.full((len(x),), torch.inf, dtype=torch.float64, device=x.device)
    for restart in range(MAX_RESTARTS):
        start, options = random_start(x, eps, generator) if restart else x, {}
        if restart and restart % 2 == 0:
            start, options = project(best + (start - x) / 4, x, eps, "inf"), {"lead": 0.3, "step_size": 0.25}
        points, scores = adaptive_attack(model, x, y, slope, eps=eps, steps=STEPS, start=start, **options)
        lower = scores < lowest
        best[lower], lowest[lower] = points[lower], scores[lower]
        success = lowest.isfinite()
        area = format_value(auroc(normal, lowest[success])) if success.any() else 0.0
        rows.append({"restart": restart, "auroc": area, "success": format_value(success.double().mean())})
        areas.append(auroc(normal, lowest))
        if area < IMPROVEMENT or (restart >= 3 and areas[-4] - areas[-1] < IMPROVEMENT):
            break
    return best, success, rows


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

    def slopes(side: Tensor, generator_seed: int) -> dict[str, Slope]:
        detectors = {}
        for feature_set in (FEATURES, ACTIVATIONS, GRADIENTS):
            values, generator = inputs.features[feature_set], make_generator(generator_seed)
            detectors[feature_set] = fit_detector(feature_set).fit(
                values[inputs.of(NORMAL) & side], values[positives & side], generator=generator
            )
        energy = float(inputs.features["energy"][inputs.of(NORMAL) & side].median())
        return detector_input_gradients(model, x[:1], detectors, energy)

    def scores_of(slope: Slope, images: Tensor) -> Tensor:
        return torch.cat([slope(part)[0] for part in images.split(32)]).double()

    # A black-box attacker trains a copy of the detector: with the same network and attacks, but other images.
    detectors, copies = slopes(train, seed), slopes(~train, seed + 1)
    rest = (~train[: len(x)]).nonzero()[:count, 0].to(x.device)
    x, y = x[rest], y[rest]
    normal = {detector: scores_of(slope, x) for detector, slope in detectors.items()}
    attempts = {attack: (attacked[attack][rest], None) for attack in ("FGSM", "PGD")}
    base, rows = {"network": name, "images": len(x)}, []
    for detector, slope in detectors.items():
        points, success, runs = restarted_attack(model, x, y, slope, normal[detector], eps=eps, seed=seed)
        attempts[f"evading {detector}"] = points, success
        rows += [{"kind": "adaptive restarts", **base, "detector": detector, **run} for run in runs]
    for detector in (FEATURES, ACTIVATIONS, GRADIENTS):
        points, lowest = adaptive_attack(model, x, y, copies[detector], eps=eps)
        attempts[f"evading a copy of {detector}"] = points, lowest.isfinite()
    for attack, (images, success) in attempts.items():
        success = model_outputs(model, images).argmax(1) != y if success is None else success
        row = {"kind": "adaptive", **base, "attack": attack, "success": format_value(success.double().mean())}
        ids = torch.arange(len(x))
        for detector, slope in detectors.items():
            score = scores_of(slope, images[success])
            influence = auroc_influence(normal[detector], score, ids, ids[success.cpu()], len(x))
            # At a false-positive rate of 5%.
            detected = format_value(1 - (score <= U.threshold_at_tpr(normal[detector], 0.95)).double().mean())
            area = {"auroc": format_value(auroc(normal[detector], score)), "auroc_se": format_value(influence.norm())}
            rows.append({**row, "detector": detector, **area, "detected": detected})
    # Where the attack is not yet complete: a single run with fewer steps or a larger budget.
    rows_of_gradients = [row for row in rows if row["kind"] == "adaptive restarts" and row["detector"] == GRADIENTS]
    complete = rows_of_gradients[-1]["auroc"] < IMPROVEMENT
    for steps, factor in () if complete else ((STEPS // 4, 1), (STEPS // 2, 1), (STEPS, 4)):
        _, lowest = adaptive_attack(model, x, y, detectors[GRADIENTS], eps=factor * eps, steps=steps)
        success = lowest.isfinite()
        row = {"kind": "adaptive strength", **base, "detector": GRADIENTS, "steps": steps}
        row |= {"budget": round(255 * factor * eps), "success": format_value(success.double().mean())}
        rows.append(row | {"auroc": format_value(auroc(normal[GRADIENTS], lowest[success]))})
    return rows
