"""Open questions: the uncertainty of explanations, the compression of gradients, and the cost of evading a detector."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from experiments._attack_detectors import format_value, log_odds, make_generator
from experiments._image_groups import texture_generator
from tutorial_course.findings.ch5.open_questions import map_distance
from tutorial_lib import attribution, data, models, uncertainty
from tutorial_lib.data import SIGNS
from tutorial_lib.data.counterfactuals import MOST_SIMILAR_SIGN
from tutorial_lib.gradients import (
    confounding_label_loss,
    cross_entropy,
    input_gradient_of_norms,
    model_outputs,
    outputs_and_input_gradient,
    per_sample_gradients,
)
from tutorial_lib.metrics import auroc, bootstrap_interval
from tutorial_lib.uncertainty.attacks import project

CLASSIFIERS = ("signs/classifier", "signs/classifier/1", "signs/classifier/2")
TRANSFORMER = "signs/transformer"
N_PER_GROUP = 60  # counterfactual pairs of each sign
SIZES = (8, 16, 32, 64, 128, 256, 512)
N_DRAWS = 3
N_ATTACKED, EPS, STEPS = 56, 8 / 255, 10
WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7)
SMALL = {"N_PER_GROUP": 4, "SIZES": (8,), "N_DRAWS": 1, "N_ATTACKED": 8, "STEPS": 1, "WEIGHTS": (0.0, 0.5)}


def auroc_of(normal: Tensor, abnormal: Tensor) -> dict:
    """Return an AUROC with its bootstrap interval."""
    low, high = bootstrap_interval(auroc, normal.cpu(), abnormal.cpu(), paired=False, n_resamples=300)
    return {"auroc": format_value(auroc(normal, abnormal)), "low": format_value(low), "high": format_value(high)}


# Does the uncertainty of an explanation indicate that it is wrong?


def contrast(model: nn.Module, x: Tensor, P: Tensor, Q: Tensor) -> Tensor:
    """Return contrast maps "why P, rather than Q?", upsampled to the size of the images, (N, H, W)."""
    return attribution.upsample(attribution.contrast_cam(model, x, "block3", Q, P, objective="logit"), x.shape[-2:])


def shift_images(model: nn.Module, x: Tensor, P: Tensor, Q: Tensor, reach: int = 2) -> list[Tensor]:
    """Return the maps of the images shifted by ``reach`` pixels in four directions, shifted back."""
    shifts = ((reach, 0), (-reach, 0), (0, reach), (0, -reach))
    return [contrast(model, x.roll(shift, (2, 3)), P, Q).roll((-shift[0], -shift[1]), (1, 2)) for shift in shifts]


def noisy_explanations(
    model: nn.Module, x: Tensor, P: Tensor, Q: Tensor, generator: torch.Generator, spread: float = 0.05
) -> list[Tensor]:
    """Return the maps of four noisy copies of the images."""
    noise = [torch.randn(x.shape, generator=generator).to(x) for _ in range(4)]
    return [contrast(model, (x + spread * field).clamp(0, 1), P, Q) for field in noise]


def explanation_uncertainty_scores(
    models: dict[str, nn.Module], name: str, x: Tensor, P: Tensor, Q: Tensor, seed: int
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return contrast maps and their uncertainty scores (higher is more uncertain), with the softmax as control."""
    model = models[name]
    maps = contrast(model, x, P, Q)
    others = [contrast(models[n], x, P, Q) for n in models if n != name]
    variance, why = attribution.voice_map, attribution.grad_cam(model, x, "block3", P, relu=True)
    published = variance(model, x, "block3", P, as_published=True)
    return maps, {
        "VOICE, overlap": attribution.map_iou(attribution.upsample(why, x.shape[-2:]), published),
        "VOICE, signal to noise": attribution.map_snr(published),
        "VOICE by probability, mass": variance(model, x, "block3", weights="probability").sum((1, 2)),
        "two other networks": map_distance(maps, others),
        "four noisy copies": map_distance(maps, noisy_explanations(model, x, P, Q, make_generator(seed))),
        "four moved copies": map_distance(maps, shift_images(model, x, P, Q)),
        "softmax": uncertainty.msp_score(model_outputs(model, x)),
    }


def keep_correct(models: dict[str, nn.Module], each: int, seed: int, device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return counterfactual pairs that all networks classify correctly: images, differing pixels (N, H, W), P and Q."""
    P = torch.arange(len(SIGNS), device=device).repeat_interleave(each)
    Q = torch.tensor([SIGNS.index(MOST_SIMILAR_SIGN[SIGNS[k]]) for k in P.tolist()], device=device)
    pair = data.counterfactual_pairs(P, Q, generator=make_generator(4_000 + seed), device=device)
    valid = pair.difference.flatten(1).sum(1) >= 4  # leaves may occlude all differing pixels
    for model in models.values():
        valid &= (model_outputs(model, pair.image).argmax(1) == P) & (
            model_outputs(model, pair.counterfactual).argmax(1) == Q
        )
    return pair.image[valid], pair.difference[valid, 0], P[valid], Q[valid]


def explanations(seed: int, device) -> list[dict]:
    """Return the AUROC of each uncertainty score for wrong explanations."""
    loaded_models = {name: models.load(name, device) for name in CLASSIFIERS}
    x, truth, P, Q = keep_correct(loaded_models, N_PER_GROUP, seed, device)
    rows = []
    for name in loaded_models:
        maps, scores = explanation_uncertainty_scores(loaded_models, name, x, P, Q, seed)
        missed = attribution.pointing_game(maps, truth, tolerance=2) < 0.5
        base = {"kind": "explanation", "network": name, "images": len(x), "wrong": int(missed.sum())}
        rows += [{**base, "score": score, **auroc_of(s[~missed], s[missed])} for score, s in scores.items()]
    return rows


# How many numbers of a gradient are enough?


def class_direction_basis(known: Tensor, labels: Tensor) -> Callable[[Tensor], Tensor]:
    """Return a score of gradients, one minus the largest cosine with a class mean direction: (N, D) -> (N,)."""
    unit = nn.functional.normalize
    means = unit(torch.stack([unit(known[labels == c]).mean(0) for c in labels.unique()]))
    return lambda gradients: 1 - (unit(gradients) @ means.T).amax(1)


def cosines(a: Tensor, b: Tensor) -> Tensor:
    """Return all pairwise cosines."""
    return nn.functional.normalize(a) @ nn.functional.normalize(b).T


def truncated_sketch(sketch: Tensor, size: int) -> Tensor:
    """Return a smaller sketch made from a larger one: a random position modulo the size is a random position."""
    return sketch.unflatten(1, (-1, size)).sum(1)


def random_sketch(whole: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Return a count sketch of gradients, (N, D) -> (N, size)."""
    position = torch.randint(size, (whole.shape[1],), generator=generator).to(whole.device)
    sign = (2.0 * torch.randint(2, (whole.shape[1],), generator=generator) - 1).to(whole)
    return whole.new_zeros(len(whole), size).index_add_(1, position, whole * sign)


def sketch_rows(name: str, seed: int, device) -> list[dict]:
    """Return error and AUROC of compressed gradients by method and size."""
    model = models.load(name, device)
    known, labels = data.load("signs", "train", limit=420, device=device)[:2]
    sets = {"known": known, "usual": data.load("signs", "test", limit=420, device=device).images}
    sets["novel sign"] = data.load("signs", "novel", limit=360, device=device).images
    sets["texture"] = torch.cat(
        [data.textures(k, 40, generator=texture_generator(k, seed), device=device) for k in data.TEXTURES]
    )
    whole = {key: flat_gradients(model, x) for key, x in sets.items()}
    last = sum(p.numel() for p in list(model.parameters())[-2:])
    exact = cosines(whole["usual"], whole["known"])
    total = whole["known"].shape[1]

    def sketch_row(method: str, size: int, draw: int, gradients: dict[str, Tensor]) -> dict:
        score = class_direction_basis(gradients["known"], labels)
        scores = {key: score(v) for key, v in gradients.items()}
        error = (cosines(gradients["usual"], gradients["known"]) - exact).square().mean().sqrt()
        row = {
            "kind": "sketch",
            "network": name,
            "method": method,
            "size": size,
            "draw": draw,
            "error": format_value(error),
        }
        return row | {
            family: format_value(auroc(scores["usual"], scores[family])) for family in ("novel sign", "texture")
        }

    rows = [
        sketch_row("whole", total, 0, whole),
        sketch_row("last layer", last, 0, {k: v[:, -last:] for k, v in whole.items()}),
    ]
    for draw in range(N_DRAWS):
        large = {key: random_sketch(v, SIZES[-1], make_generator(100 * seed + draw)) for key, v in whole.items()}
        rows += [
            sketch_row("random", size, draw, {k: truncated_sketch(v, size) for k, v in large.items()}) for size in SIZES
        ]
    _, _, axes = torch.linalg.svd(whole["known"], full_matrices=False)
    for size in (s for s in SIZES if s <= len(axes)):
        rows.append(sketch_row("principal", size, 0, {k: v @ axes[:size].T for k, v in whole.items()}))
    return rows


def flat_gradients(model: nn.Module, x: Tensor) -> Tensor:
    """Return the full gradients for the label of all ones, (N, D)."""
    parts = [per_sample_gradients(model, part, confounding_label_loss()) for part in x.split(64)]
    return torch.cat([torch.cat([g.flatten(1) for g in part.values()], 1) for part in parts])


# How much does it cost an attacker to evade the detector?


def regularized_step(
    model: nn.Module, x: Tensor, y: Tensor, score: Callable[[Tensor], Tensor], weight: float
) -> Tensor:
    """Return adversarial images after ten steps on (1 − weight) · loss − weight · score, with unit gradients."""
    point, unit = x.clone(), lambda v: v / v.flatten(1).norm(dim=1).clamp(min=1e-12).view(-1, 1, 1, 1)
    for _ in range(STEPS):
        _, loss_gradient = outputs_and_input_gradient(model, point, cross_entropy(y))
        direction = (1 - weight) * unit(loss_gradient)
        if weight:
            direction = direction - weight * unit(
                input_gradient_of_norms(model, point, confounding_label_loss(), score)[1]
            )
        point = project(point + 2.5 * EPS / STEPS * direction.sign(), x, EPS, "inf")
    return point


def gradient_regularization(model: nn.Module, images: Tensor, labels: Tensor) -> dict[str, Callable[[Tensor], Tensor]]:
    """Return two detectors on layer norms: the distance of their logarithms from normal, and one trained on attacks."""
    normal_norms = uncertainty.confounding_gradient_norms(model, images)
    mean, std = normal_norms.log().mean(0), normal_norms.log().std(0)
    half = len(images) // 2
    attacked = uncertainty.confounding_gradient_norms(
        model, uncertainty.pgd(model, images[:half], labels[:half], eps=EPS)
    )
    detector = uncertainty.PurviewDetector().fit(normal_norms, attacked)
    return {
        "distance": lambda norms: ((norms.clamp(min=1e-30).log() - mean) / std).square().mean(1),
        "trained": lambda norms: log_odds(detector, norms),
    }


def adaptive_attack_rows(name: str, seed: int, device) -> list[dict]:
    """Return success and detection of adaptive attacks by the weight on evasion."""
    model = models.load(name, device)
    images, labels = data.load("signs", "test", device=device)[:2]
    detectors = gradient_regularization(model, images[:420], labels[:420])
    normal_images, (x, y) = images[700:1100], (t[420 : 420 + N_ATTACKED] for t in (images, labels))
    normal, energy = (
        uncertainty.confounding_gradient_norms(model, normal_images),
        uncertainty.energy_score(model_outputs(model, normal_images)),
    )
    rows = []
    for detector, score in detectors.items():
        for weight in WEIGHTS:
            adversarial = regularized_step(model, x, y, score, weight)
            valid, success = uncertainty.attack_success(model, x, adversarial, y)
            row = {
                "kind": "adaptive",
                "network": name,
                "detector": detector,
                "weight": weight,
                "images": int(valid.sum()),
                "successes": int(success.sum()),
            }
            row["success"] = format_value(success.sum() / valid.sum())
            if success.sum() >= 5:  # too few otherwise
                scores = score(uncertainty.confounding_gradient_norms(model, adversarial[success]))
                row |= auroc_of(score(normal), scores)
                row["energy"] = format_value(
                    auroc(energy, uncertainty.energy_score(model_outputs(model, adversarial[success])))
                )
            rows.append(row)
    return rows


def part_names() -> list[str]:
    """Return the names of the parts."""
    sketched = [f"sketches of {name}" for name in (*CLASSIFIERS, TRANSFORMER)]
    return ["explanations", *sketched, *(f"adaptive {name}" for name in (CLASSIFIERS[0], CLASSIFIERS[1], TRANSFORMER))]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    """Return the rows of one part."""
    if part == "explanations":
        return explanations(seed, device)
    name = part.rpartition(" ")[2]
    return adaptive_attack_rows(name, seed, device) if part.startswith("adaptive") else sketch_rows(name, seed, device)
