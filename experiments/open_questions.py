"""What lies ahead, measured: is an explanation's doubt worth having, how small may a gradient be, and what does an attacker pay?"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from experiments._attack_detectors import format_value, log_odds, make_generator
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
from tutorial_lib.uncertainty.perturbations import project

CLASSIFIERS = ("signs/classifier", "signs/classifier/1", "signs/classifier/2")
TRANSFORMER = "signs/transformer"
N_PER_GROUP = 60  # twins of each sign
SIZES = (8, 16, 32, 64, 128, 256, 512)
N_DRAWS = 3
N_ATTACKED, EPS, STEPS = 56, 8 / 255, 10
WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7)
SMALL = {"N_PER_GROUP": 4, "SIZES": (8,), "N_DRAWS": 1, "N_ATTACKED": 8, "STEPS": 1, "WEIGHTS": (0.0, 0.5)}


def auroc_of(normal: Tensor, abnormal: Tensor) -> dict:
    """AUROC with its interval over pictures."""
    low, high = bootstrap_interval(auroc, normal.cpu(), abnormal.cpu(), paired=False, n_resamples=300)
    return {"auroc": format_value(auroc(normal, abnormal)), "low": format_value(low), "high": format_value(high)}


# Does an explanation's own doubt foretell that it is wrong?


def map_distance(maps: Tensor, others: list[Tensor]) -> Tensor:
    """One minus the mean correlation of maps (N, h, w) with others of the same pictures, in [0, 2]: (N,)."""

    def centred(m: Tensor) -> Tensor:
        flat = m.flatten(1) - m.flatten(1).mean(1, keepdim=True)
        return flat / flat.norm(dim=1, keepdim=True).clamp(min=1e-12)

    return 1 - torch.stack([(centred(maps) * centred(m)).sum(1) for m in others]).mean(0)


def contrast(model: nn.Module, x: Tensor, P: Tensor, Q: Tensor) -> Tensor:
    """Why P, rather than Q? At the pictures' size, (N, H, W)."""
    return attribution.upsample(attribution.contrast_cam(model, x, "block3", Q, P, objective="logit"), x.shape[-2:])


def shift_images(model: nn.Module, x: Tensor, P: Tensor, Q: Tensor, reach: int = 2) -> list[Tensor]:
    """The maps of the same pictures moved by two pixels in four directions, and moved back."""
    ways = ((reach, 0), (-reach, 0), (0, reach), (0, -reach))
    return [contrast(model, x.roll(way, (2, 3)), P, Q).roll((-way[0], -way[1]), (1, 2)) for way in ways]


def noisy_explanations(
    model: nn.Module, x: Tensor, P: Tensor, Q: Tensor, generator: torch.Generator, spread: float = 0.05
) -> list[Tensor]:
    """The maps of four noisy copies."""
    drawn = [torch.randn(x.shape, generator=generator).to(x) for _ in range(4)]
    return [contrast(model, (x + spread * field).clamp(0, 1), P, Q) for field in drawn]


def explanation_uncertainty_scores(
    models: dict[str, nn.Module], name: str, x: Tensor, P: Tensor, Q: Tensor, seed: int
) -> tuple[Tensor, dict[str, Tensor]]:
    """A network's contrast maps, and what each score says of them; higher is meant to be more doubtful. Softmax is the control."""
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
    """Twins that all networks read rightly, both of them: pictures, what differs (N, H, W), P and Q."""
    P = torch.arange(len(SIGNS), device=device).repeat_interleave(each)
    Q = torch.tensor([SIGNS.index(MOST_SIMILAR_SIGN[SIGNS[k]]) for k in P.tolist()], device=device)
    pair = data.counterfactual_pairs(P, Q, generator=make_generator(4_000 + seed), device=device)
    fair = pair.difference.flatten(1).sum(1) >= 4  # leaves may hide all that differs
    for model in models.values():
        fair &= (model_outputs(model, pair.image).argmax(1) == P) & (
            model_outputs(model, pair.counterfactual).argmax(1) == Q
        )
    return pair.image[fair], pair.difference[fair, 0], P[fair], Q[fair]


def explanations(seed: int, device) -> list[dict]:
    loaded_models = {name: models.load(name, device) for name in CLASSIFIERS}
    x, truth, P, Q = keep_correct(loaded_models, N_PER_GROUP, seed, device)
    rows = []
    for name in loaded_models:
        maps, scores = explanation_uncertainty_scores(loaded_models, name, x, P, Q, seed)
        missed = attribution.pointing_game(maps, truth, tolerance=2) < 0.5
        base = {"kind": "explanation", "network": name, "pictures": len(x), "wrong": int(missed.sum())}
        rows += [{**base, "score": score, **auroc_of(s[~missed], s[missed])} for score, s in scores.items()]
    return rows


# How few numbers of a gradient are enough?


def class_direction_basis(known: Tensor, labels: Tensor) -> Callable[[Tensor], Tensor]:
    """A score of direction: one minus the largest cosine with the mean direction of a class. Gradients (N, D) -> (N,)."""
    unit = nn.functional.normalize
    means = unit(torch.stack([unit(known[labels == c]).mean(0) for c in labels.unique()]))
    return lambda found: 1 - (unit(found) @ means.T).amax(1)


def cosines(a: Tensor, b: Tensor) -> Tensor:
    return nn.functional.normalize(a) @ nn.functional.normalize(b).T


def truncated_sketch(sketch: Tensor, size: int) -> Tensor:
    """A sketch of a smaller size from a larger one: a place modulo the size is a place drawn at random as well."""
    return sketch.unflatten(1, (-1, size)).sum(1)


def random_sketch(whole: Tensor, size: int, generator: torch.Generator) -> Tensor:
    place = torch.randint(size, (whole.shape[1],), generator=generator).to(whole.device)
    sign = (2.0 * torch.randint(2, (whole.shape[1],), generator=generator) - 1).to(whole)
    return whole.new_zeros(len(whole), size).index_add_(1, place, whole * sign)


def sketch_rows(name: str, seed: int, device) -> list[dict]:
    model = models.load(name, device)
    known, labels = data.load("signs", "train", limit=420, device=device)[:2]
    sets = {"known": known, "usual": data.load("signs", "test", limit=420, device=device).images}
    sets["novel sign"] = data.load("signs", "novel", limit=360, device=device).images
    sets["texture"] = torch.cat(
        [data.textures(k, 40, generator=make_generator(seed), device=device) for k in data.TEXTURES]
    )
    whole = {key: flat_gradients(model, x) for key, x in sets.items()}
    last = sum(p.numel() for p in list(model.parameters())[-2:])
    exact = cosines(whole["usual"], whole["known"])
    total = whole["known"].shape[1]

    def judged(way: str, size: int, draw: int, kept: dict[str, Tensor]) -> dict:
        score = class_direction_basis(kept["known"], labels)
        found = {key: score(v) for key, v in kept.items()}
        off = (cosines(kept["usual"], kept["known"]) - exact).square().mean().sqrt()
        row = {"kind": "sketch", "network": name, "way": way, "size": size, "draw": draw, "off": format_value(off)}
        return row | {
            family: format_value(auroc(found["usual"], found[family])) for family in ("novel sign", "texture")
        }

    rows = [
        judged("whole", total, 0, whole),
        judged("last layer", last, 0, {k: v[:, -last:] for k, v in whole.items()}),
    ]
    for draw in range(N_DRAWS):
        large = {key: random_sketch(v, SIZES[-1], make_generator(100 * seed + draw)) for key, v in whole.items()}
        rows += [
            judged("random", size, draw, {k: truncated_sketch(v, size) for k, v in large.items()}) for size in SIZES
        ]
    _, _, axes = torch.linalg.svd(whole["known"], full_matrices=False)
    for size in (s for s in SIZES if s <= len(axes)):
        rows.append(judged("principal", size, 0, {k: v @ axes[:size].T for k, v in whole.items()}))
    return rows


def flat_gradients(model: nn.Module, x: Tensor) -> Tensor:
    """Whole gradients towards all ones, (N, D)."""
    parts = [per_sample_gradients(model, part, confounding_label_loss()) for part in x.split(64)]
    return torch.cat([torch.cat([g.flatten(1) for g in part.values()], 1) for part in parts])


# What does it cost an attacker to mind the detector?


def regularized_step(model: nn.Module, x: Tensor, y: Tensor, read: Callable[[Tensor], Tensor], weight: float) -> Tensor:
    """Ten steps that climb (1 − weight) · loss − weight · score, both as directions of length one; within the budget."""
    at, unit = x.clone(), lambda v: v / v.flatten(1).norm(dim=1).clamp(min=1e-12).view(-1, 1, 1, 1)
    for _ in range(STEPS):
        _, up = outputs_and_input_gradient(model, at, cross_entropy(y))
        way = (1 - weight) * unit(up)
        if weight:
            way = way - weight * unit(input_gradient_of_norms(model, at, confounding_label_loss(), read)[1])
        at = project(at + 2.5 * EPS / STEPS * way.sign(), x, EPS, "inf")
    return at


def gradient_regularization(model: nn.Module, images: Tensor, labels: Tensor) -> dict[str, Callable[[Tensor], Tensor]]:
    """Two detectors on the norms of the layers: how far their logarithms lie from usual, and one that was taught the attack."""
    usual = uncertainty.confounding_gradient_norms(model, images)
    mean, spread = usual.log().mean(0), usual.log().std(0)
    half = len(images) // 2
    attacked = uncertainty.confounding_gradient_norms(
        model, uncertainty.pgd(model, images[:half], labels[:half], eps=EPS)
    )
    taught = uncertainty.PurviewDetector().fit(usual, attacked)
    return {
        "distance": lambda norms: ((norms.clamp(min=1e-30).log() - mean) / spread).square().mean(1),
        "taught": lambda norms: log_odds(taught, norms),
    }


def adaptive_attack_rows(name: str, seed: int, device) -> list[dict]:
    model = models.load(name, device)
    images, labels = data.load("signs", "test", device=device)[:2]
    read = gradient_regularization(model, images[:420], labels[:420])
    apart, (x, y) = images[700:1100], (t[420 : 420 + N_ATTACKED] for t in (images, labels))
    normal, energy = (
        uncertainty.confounding_gradient_norms(model, apart),
        uncertainty.energy_score(model_outputs(model, apart)),
    )
    rows = []
    for judge, reading in read.items():
        for weight in WEIGHTS:
            found = regularized_step(model, x, y, reading, weight)
            fair, fell = uncertainty.attack_success(model, x, found, y)
            row = {
                "kind": "knowing",
                "network": name,
                "judge": judge,
                "weight": weight,
                "pictures": int(fair.sum()),
                "fooled": int(fell.sum()),
            }
            row["success"] = format_value(fell.sum() / fair.sum())
            if fell.sum() >= 5:  # of fewer there is no curve to speak of
                seen = reading(uncertainty.confounding_gradient_norms(model, found[fell]))
                row |= auroc_of(reading(normal), seen)
                row["energy"] = format_value(auroc(energy, uncertainty.energy_score(model_outputs(model, found[fell]))))
            rows.append(row)
    return rows


def parts() -> list[str]:
    sketched = [f"sketches of {name}" for name in (*CLASSIFIERS, TRANSFORMER)]
    return ["explanations", *sketched, *(f"knowing {name}" for name in (CLASSIFIERS[0], CLASSIFIERS[1], TRANSFORMER))]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    if part == "explanations":
        return explanations(seed, device)
    name = part.rpartition(" ")[2]
    return adaptive_attack_rows(name, seed, device) if part.startswith("knowing") else sketch_rows(name, seed, device)


def run(seed: int = 0, device="cpu") -> list[dict]:
    return [row for part in parts() for row in run_part(part, seed, device)]
