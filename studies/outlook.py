"""What lies ahead, measured: is an explanation's doubt worth having, how small may a gradient be, and what does an attacker pay?"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from studies._attack_detectors import log_odds, short, source
from tutorial_lib import data, information, networks, uncertainty
from tutorial_lib.data import SIGNS
from tutorial_lib.data.twins import NEAR
from tutorial_lib.gradients import (
    confounding,
    cross_entropy,
    norms_gradient,
    outputs,
    outputs_and_gradient,
    parameter_gradients,
)
from tutorial_lib.measures import auroc, bootstrap_interval
from tutorial_lib.uncertainty.budgets import project

CLASSIFIERS = ("signs/classifier", "signs/classifier/1", "signs/classifier/2")
TRANSFORMER = "signs/transformer"
EACH = 60  # twins of each sign
SIZES = (8, 16, 32, 64, 128, 256, 512)
DRAWS = 3
ATTACKED, EPS, STEPS = 56, 8 / 255, 10
WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7)
SMALL = {"EACH": 4, "SIZES": (8,), "DRAWS": 1, "ATTACKED": 8, "STEPS": 1, "WEIGHTS": (0.0, 0.5)}


def area(normal: Tensor, abnormal: Tensor) -> dict:
    """AUROC with its interval over pictures."""
    low, high = bootstrap_interval(auroc, normal.cpu(), abnormal.cpu(), paired=False, resamples=300)
    return {"auroc": short(auroc(normal, abnormal)), "low": short(low), "high": short(high)}


# Does an explanation's own doubt foretell that it is wrong?


def unlike(maps: Tensor, others: list[Tensor]) -> Tensor:
    """One minus the mean correlation of maps (N, h, w) with others of the same pictures, in [0, 2]: (N,)."""

    def centred(m: Tensor) -> Tensor:
        flat = m.flatten(1) - m.flatten(1).mean(1, keepdim=True)
        return flat / flat.norm(dim=1, keepdim=True).clamp(min=1e-12)

    return 1 - torch.stack([(centred(maps) * centred(m)).sum(1) for m in others]).mean(0)


def contrast(model: nn.Module, x: Tensor, P: Tensor, Q: Tensor) -> Tensor:
    """Why P, rather than Q? At the pictures' size, (N, H, W)."""
    return information.upsample(information.contrast_cam(model, x, "block3", Q, P, by="logit"), x.shape[-2:])


def moved(model: nn.Module, x: Tensor, P: Tensor, Q: Tensor, reach: int = 2) -> list[Tensor]:
    """The maps of the same pictures moved by two pixels in four directions, and moved back."""
    ways = ((reach, 0), (-reach, 0), (0, reach), (0, -reach))
    return [contrast(model, x.roll(way, (2, 3)), P, Q).roll((-way[0], -way[1]), (1, 2)) for way in ways]


def noisy(
    model: nn.Module, x: Tensor, P: Tensor, Q: Tensor, generator: torch.Generator, spread: float = 0.05
) -> list[Tensor]:
    """The maps of four noisy copies."""
    drawn = [torch.randn(x.shape, generator=generator).to(x) for _ in range(4)]
    return [contrast(model, (x + spread * field).clamp(0, 1), P, Q) for field in drawn]


def doubts(
    models: dict[str, nn.Module], name: str, x: Tensor, P: Tensor, Q: Tensor, seed: int
) -> tuple[Tensor, dict[str, Tensor]]:
    """A network's contrast maps, and what each score says of them; higher is meant to be more doubtful. Softmax is the control."""
    model = models[name]
    maps = contrast(model, x, P, Q)
    others = [contrast(models[n], x, P, Q) for n in models if n != name]
    variance, why = information.explanation_variance, information.grad_cam(model, x, "block3", P, relu=True)
    published = variance(model, x, "block3", P, published=True)
    return maps, {
        "VOICE, overlap": information.overlap(information.upsample(why, x.shape[-2:]), published),
        "VOICE, signal to noise": information.signal_to_noise(published),
        "VOICE by probability, mass": variance(model, x, "block3", weights="probability").sum((1, 2)),
        "two other networks": unlike(maps, others),
        "four noisy copies": unlike(maps, noisy(model, x, P, Q, source(seed))),
        "four moved copies": unlike(maps, moved(model, x, P, Q)),
        "softmax": uncertainty.max_softmax(outputs(model, x)),
    }


def read_rightly(models: dict[str, nn.Module], each: int, seed: int, device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Twins that all networks read rightly, both of them: pictures, what differs (N, H, W), P and Q."""
    P = torch.arange(len(SIGNS), device=device).repeat_interleave(each)
    Q = torch.tensor([SIGNS.index(NEAR[SIGNS[k]]) for k in P.tolist()], device=device)
    pair = data.twins(P, Q, generator=source(4_000 + seed), device=device)
    fair = pair.difference.flatten(1).sum(1) >= 4  # leaves may hide all that differs
    for model in models.values():
        fair &= (outputs(model, pair.image).argmax(1) == P) & (outputs(model, pair.other).argmax(1) == Q)
    return pair.image[fair], pair.difference[fair, 0], P[fair], Q[fair]


def explanations(seed: int, device) -> list[dict]:
    models = {name: networks.load(name, device) for name in CLASSIFIERS}
    x, truth, P, Q = read_rightly(models, EACH, seed, device)
    rows = []
    for name in models:
        maps, scores = doubts(models, name, x, P, Q, seed)
        missed = information.pointing_game(maps, truth, tolerance=2) < 0.5
        base = {"kind": "explanation", "network": name, "pictures": len(x), "wrong": int(missed.sum())}
        rows += [{**base, "score": score, **area(s[~missed], s[missed])} for score, s in scores.items()]
    return rows


# How few numbers of a gradient are enough?


def directions(known: Tensor, labels: Tensor) -> Callable[[Tensor], Tensor]:
    """A score of direction: one minus the largest cosine with the mean direction of a class. Gradients (N, D) -> (N,)."""
    unit = nn.functional.normalize
    means = unit(torch.stack([unit(known[labels == c]).mean(0) for c in labels.unique()]))
    return lambda found: 1 - (unit(found) @ means.T).amax(1)


def cosines(a: Tensor, b: Tensor) -> Tensor:
    return nn.functional.normalize(a) @ nn.functional.normalize(b).T


def folded(sketch: Tensor, size: int) -> Tensor:
    """A sketch of a smaller size from a larger one: a place modulo the size is a place drawn at random as well."""
    return sketch.unflatten(1, (-1, size)).sum(1)


def sketched(whole: Tensor, size: int, generator: torch.Generator) -> Tensor:
    place = torch.randint(size, (whole.shape[1],), generator=generator).to(whole.device)
    sign = (2.0 * torch.randint(2, (whole.shape[1],), generator=generator) - 1).to(whole)
    return whole.new_zeros(len(whole), size).index_add_(1, place, whole * sign)


def sketches(name: str, seed: int, device) -> list[dict]:
    model = networks.load(name, device)
    known, labels = data.load("signs", "train", limit=420, device=device)[:2]
    sets = {"known": known, "usual": data.load("signs", "test", limit=420, device=device).images}
    sets["novel sign"] = data.load("signs", "novel", limit=360, device=device).images
    sets["texture"] = torch.cat([data.textures(k, 40, generator=source(seed), device=device) for k in data.TEXTURES])
    whole = {key: flat(model, x) for key, x in sets.items()}
    last = sum(p.numel() for p in list(model.parameters())[-2:])
    exact = cosines(whole["usual"], whole["known"])
    total = whole["known"].shape[1]

    def judged(way: str, size: int, draw: int, kept: dict[str, Tensor]) -> dict:
        score = directions(kept["known"], labels)
        found = {key: score(v) for key, v in kept.items()}
        off = (cosines(kept["usual"], kept["known"]) - exact).square().mean().sqrt()
        row = {"kind": "sketch", "network": name, "way": way, "size": size, "draw": draw, "off": short(off)}
        return row | {family: short(auroc(found["usual"], found[family])) for family in ("novel sign", "texture")}

    rows = [
        judged("whole", total, 0, whole),
        judged("last layer", last, 0, {k: v[:, -last:] for k, v in whole.items()}),
    ]
    for draw in range(DRAWS):
        large = {key: sketched(v, SIZES[-1], source(100 * seed + draw)) for key, v in whole.items()}
        rows += [judged("random", size, draw, {k: folded(v, size) for k, v in large.items()}) for size in SIZES]
    _, _, axes = torch.linalg.svd(whole["known"], full_matrices=False)
    for size in (s for s in SIZES if s <= len(axes)):
        rows.append(judged("principal", size, 0, {k: v @ axes[:size].T for k, v in whole.items()}))
    return rows


def flat(model: nn.Module, x: Tensor) -> Tensor:
    """Whole gradients towards all ones, (N, D)."""
    parts = [parameter_gradients(model, part, confounding()) for part in x.split(64)]
    return torch.cat([torch.cat([g.flatten(1) for g in part.values()], 1) for part in parts])


# What does it cost an attacker to mind the detector?


def minding(model: nn.Module, x: Tensor, y: Tensor, read: Callable[[Tensor], Tensor], weight: float) -> Tensor:
    """Ten steps that climb (1 − weight) · loss − weight · score, both as directions of length one; within the budget."""
    at, unit = x.clone(), lambda v: v / v.flatten(1).norm(dim=1).clamp(min=1e-12).view(-1, 1, 1, 1)
    for _ in range(STEPS):
        _, up = outputs_and_gradient(model, at, cross_entropy(y))
        way = (1 - weight) * unit(up)
        if weight:
            way = way - weight * unit(norms_gradient(model, at, confounding(), read)[1])
        at = project(at + 2.5 * EPS / STEPS * way.sign(), x, EPS, "inf")
    return at


def guards(model: nn.Module, images: Tensor, labels: Tensor) -> dict[str, Callable[[Tensor], Tensor]]:
    """Two detectors on the norms of the layers: how far their logarithms lie from usual, and one that was taught the attack."""
    usual = uncertainty.confounding_norms(model, images)
    mean, spread = usual.log().mean(0), usual.log().std(0)
    half = len(images) // 2
    attacked = uncertainty.confounding_norms(model, uncertainty.pgd(model, images[:half], labels[:half], eps=EPS))
    taught = uncertainty.PurviewDetector().fit(usual, attacked)
    return {
        "distance": lambda norms: ((norms.clamp(min=1e-30).log() - mean) / spread).square().mean(1),
        "taught": lambda norms: log_odds(taught, norms),
    }


def knowing(name: str, seed: int, device) -> list[dict]:
    model = networks.load(name, device)
    images, labels = data.load("signs", "test", device=device)[:2]
    read = guards(model, images[:420], labels[:420])
    apart, (x, y) = images[700:1100], (t[420 : 420 + ATTACKED] for t in (images, labels))
    normal, energy = uncertainty.confounding_norms(model, apart), uncertainty.energy(outputs(model, apart))
    rows = []
    for judge, reading in read.items():
        for weight in WEIGHTS:
            found = minding(model, x, y, reading, weight)
            fair, fell = uncertainty.fooled(model, x, found, y)
            row = {
                "kind": "knowing",
                "network": name,
                "judge": judge,
                "weight": weight,
                "pictures": int(fair.sum()),
                "fooled": int(fell.sum()),
            }
            row["success"] = short(fell.sum() / fair.sum())
            if fell.sum() >= 5:  # of fewer there is no curve to speak of
                seen = reading(uncertainty.confounding_norms(model, found[fell]))
                row |= area(reading(normal), seen)
                row["energy"] = short(auroc(energy, uncertainty.energy(outputs(model, found[fell]))))
            rows.append(row)
    return rows


def parts() -> list[str]:
    sketched = [f"sketches of {name}" for name in (*CLASSIFIERS, TRANSFORMER)]
    return ["explanations", *sketched, *(f"knowing {name}" for name in (CLASSIFIERS[0], CLASSIFIERS[1], TRANSFORMER))]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    if part == "explanations":
        return explanations(seed, device)
    name = part.rpartition(" ")[2]
    return knowing(name, seed, device) if part.startswith("knowing") else sketches(name, seed, device)


def run(seed: int = 0, device="cpu") -> list[dict]:
    return [row for part in parts() for row in run_part(part, seed, device)]
