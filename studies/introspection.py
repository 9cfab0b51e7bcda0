"""A second look at signs: introspective features against the same head without gradients, a wider, a linear one, a temperature.

The network stays frozen. Its logits z and features h are computed once for each picture; every head reads a function of them.
"""

from collections.abc import Callable
from statistics import mean
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tutorial_lib.data import CHALLENGES, LEVELS, SIGNS, challenge, load, render
from tutorial_lib.gradients import features
from tutorial_lib.information import SecondStage, introspective_features
from tutorial_lib.measures import accuracy, expected_calibration_error, temperature_scaling
from tutorial_lib.networks import load as network_of

NETWORKS = {
    "signs/classifier": 0,
    "signs/classifier/1": 1,
    "signs/classifier/2": 2,
}  # and the seed of its training pictures
PICTURES, FEW, KEPT_BACK, EACH = 10_000, 1_400, 1_400, 280
UNSEEN = 500  # added to a network's seed: pictures that it was not trained on
HIDDEN, EPOCHS = (300, 100), 20
HEAD_SEEDS = 3
SHOWN = ("gaussian blur", "noise")  # what the augmented pictures have in common with the challenges
NOTHING = "feed-forward"
PARTS = (NOTHING, "cross_entropy", "sigmoid", "h")  # of these, levels and challenges are kept
PAIR = ("cross_entropy", "h")  # of these, heads with more than one seed
SMALL = {"PICTURES": 700, "FEW": 350, "KEPT_BACK": 700, "EACH": 14, "EPOCHS": 4, "HEAD_SEEDS": 2}


class Seen(NamedTuple):
    """What a frozen network makes of pictures: z (N, C), h (N, d), and their labels (N,)."""

    z: Tensor
    h: Tensor
    labels: Tensor


def seen(model: nn.Module, images: Tensor, labels: Tensor) -> Seen:
    z, h = zip(*(features(model, x) for x in images.split(256)), strict=True)
    return Seen(torch.cat(z), torch.cat(h), labels)


def source(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def augmented(images: Tensor, seed: int) -> Tensor:
    """Contrast and brightness turned at random; a third of the pictures blurred as well, a third noisy, both at level 2."""
    generator = source(seed)
    contrast, brightness = torch.rand(2, len(images), 1, 1, 1, generator=generator).to(images)
    turned = ((images - 0.5) * (0.6 + 0.8 * contrast) + 0.5 + 0.4 * (brightness - 0.5)).clamp(0, 1)
    for i, kind in enumerate(SHOWN):
        turned[i::3] = challenge(turned[i::3], kind, 2, generator=generator)
    return turned


def readings(last: nn.Linear, learned: Seen) -> dict[str, tuple[Callable[[Seen], Tensor], tuple[int, ...]]]:
    """What a head reads, and its hidden layers: contrasts under three losses; as controls, what asks for no gradient."""
    height = learned.z.amax(1).mean().item()  # what the squared loss wants of a logit: the usual largest one

    def contrasts(loss: str) -> Callable[[Seen], Tensor]:
        # The last layer's gradients need its input and output alone: the layer itself is the network that is asked.
        return lambda seen: introspective_features(last, seen.h, loss=loss, height=height, chunk=4096).flatten(1)

    classes, d = last.weight.shape
    wide = (classes * d * HIDDEN[0] + HIDDEN[0] * HIDDEN[1]) // (d + HIDDEN[1])
    return {
        "cross_entropy": (contrasts("cross_entropy"), HIDDEN),
        "sigmoid": (contrasts("sigmoid"), HIDDEN),
        "squared": (contrasts("squared"), HIDDEN),
        "cross_entropy, linear": (contrasts("cross_entropy"), ()),
        "h": (lambda seen: seen.h, HIDDEN),
        "h and z": (lambda seen: torch.cat([seen.h, seen.z], 1), HIDDEN),
        "h, as many weights": (lambda seen: seen.h, (wide, HIDDEN[1])),
        "h, linear": (lambda seen: seen.h, ()),
    }


def grid(values: Tensor) -> Tensor:
    """(levels · challenges · pictures, …) -> (levels, challenges, pictures, …)."""
    return values.unflatten(0, (len(LEVELS), len(CHALLENGES), -1))


def ece(z: Tensor, labels: Tensor) -> float:
    """Of each level, its challenges together, averaged over levels: enough pictures a bin, and no level makes up for another."""
    levels = zip(grid(z), grid(labels), strict=True)
    return mean(expected_calibration_error(a.flatten(0, 1).softmax(1), b.flatten()) for a, b in levels)


def judged(answer: Callable[[Seen], Tensor], clean: Seen, challenged: Seen, kept_back: Seen) -> dict:
    """One row: on clean pictures, on challenged ones, and what a temperature fitted on pictures kept back makes of it."""
    fair, z, labels = answer(clean), answer(challenged), challenged.labels
    temperature = temperature_scaling(answer(kept_back), kept_back.labels)
    right = (grid(z).argmax(-1) == grid(labels)).float()
    new = [i for i, kind in enumerate(CHALLENGES) if kind not in SHOWN]
    row = {
        "clean": accuracy(fair, clean.labels),
        "clean ece": expected_calibration_error(fair.softmax(1), clean.labels),
        "right": right.mean().item(),
        "right where not shown": right[:, new].mean().item(),
        "right at level 3": right[LEVELS.index(3)].mean().item(),
        "ece": ece(z, labels),
        "nll": cross_entropy(z, labels).item(),
        "temperature": temperature,
        "scaled ece": ece(z / temperature, labels),
    }
    return {name: round(value, 4) for name, value in row.items()}


def parted(answer: Callable[[Seen], Tensor], challenged: Seen) -> list[dict]:
    """Right answers and ECE of each level and of each challenge."""
    z, labels = grid(answer(challenged)), grid(challenged.labels)
    parts = [("level", level, z[i], labels[i]) for i, level in enumerate(LEVELS)]
    parts += [("challenge", kind, z[:, i], labels[:, i]) for i, kind in enumerate(CHALLENGES)]
    found = []
    for kind, value, a, b in parts:
        a, b = a.flatten(0, 1), b.flatten()
        error = expected_calibration_error(a.softmax(1), b)
        found.append({"kind": kind, "value": value, "right": round(accuracy(a, b), 4), "ece": round(error, 4)})
    return found


def compared(
    last: nn.Linear, learned: Seen, clean: Seen, challenged: Seen, kept_back: Seen, *, heads=None, seeds=(0,)
) -> list[dict]:
    """The network as it is, and every head with every seed: a row each, and of some their parts."""
    rows = []
    read = readings(last, learned)
    for head in (NOTHING, *read) if heads is None else heads:
        for seed in seeds if head in read else seeds[:1]:
            answer, weights = (lambda seen: seen.z), 0
            if head in read:
                reading, hidden = read[head]
                stage = SecondStage(hidden).fit(reading(learned), learned.labels, epochs=EPOCHS, generator=source(seed))
                weights = sum(p.numel() for p in stage.network.parameters())
                answer = lambda seen, reading=reading, stage=stage: stage.logits(reading(seen))
            base = {"head": head, "seed": seed}
            rows.append({"kind": "head", **base, "weights": weights, **judged(answer, clean, challenged, kept_back)})
            rows += [{**part, **base} for part in parted(answer, challenged)] if head in PARTS else []
    return rows


def joined(found: list[list[dict]]) -> list[dict]:
    """Heads as they are; their parts averaged over networks and seeds."""
    kept, several = [], {}
    for row in (row for rows in found for row in rows):
        if row["kind"] == "head":
            kept.append(row)
        else:
            several.setdefault(tuple(row[c] for c in ("kind", "value", "trained", "head")), []).append(row)
    for (kind, value, trained, head), of_part in several.items():
        means = {column: round(mean(row[column] for row in of_part), 4) for column in ("right", "ece")}
        kept.append({"kind": kind, "value": value, "trained": trained, "head": head, "runs": len(of_part), **means})
    return kept


def weathered(model: nn.Module, images: Tensor, labels: Tensor, seed: int, each: int) -> Seen:
    """Every challenge at every level; each level on pictures of its own where there are enough."""
    found = []
    for i, level in enumerate(LEVELS):
        at = torch.arange(i * each, (i + 1) * each).to(labels.device) % len(images)
        found += [
            seen(model, challenge(images[at], kind, level, generator=source(seed)), labels[at]) for kind in CHALLENGES
        ]
    return Seen(*(torch.cat(column) for column in zip(*found, strict=True)))


def drawn(n: int, seed: int, device) -> tuple[Tensor, Tensor]:
    labels = torch.arange(n, device=device) % len(SIGNS)
    return render(labels, generator=source(seed), device=device), labels


def parts() -> list[str]:
    return list(NETWORKS)


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    """All heads on one network; on the first, some with more seeds and with fewer pictures as well."""
    rows, name, own = [], part, NETWORKS[part]
    test = load("signs", "test", device=device)
    model = network_of(name, device)
    (images, labels), (others, other_labels) = (
        drawn(PICTURES, own, device),
        drawn(PICTURES + KEPT_BACK, own + UNSEEN, device),
    )
    clean, challenged = seen(model, *test[:2]), weathered(model, *test[:2], seed, EACH)
    back, back_labels = others[PICTURES:], other_labels[PICTURES:]
    kept_back = {
        "clean": seen(model, back, back_labels),
        "augmented": seen(model, augmented(back, seed + 1), back_labels),
    }
    trained = {
        "clean": seen(model, images, labels),
        "clean, not seen before": seen(model, others[:PICTURES], other_labels[:PICTURES]),
        "augmented": seen(model, augmented(images, seed), labels),
    }
    trained["few"] = Seen(*(column[:FEW] for column in trained["clean"]))
    jobs = [("clean", None, (seed,)), ("augmented", None, (seed,)), ("clean, not seen before", PARTS, (seed,))]
    if part == next(iter(NETWORKS)):
        more = tuple(range(seed + 1, seed + HEAD_SEEDS))
        jobs += [("few", (NOTHING, *PAIR), (seed,)), ("clean", PAIR, more), ("augmented", PAIR, more)]
    for how, heads, seeds in jobs:
        checked = kept_back["augmented" if how == "augmented" else "clean"]
        found = compared(model.head, trained[how], clean, challenged, checked, heads=heads, seeds=seeds)
        base = {"network": name, "trained": how, "pictures": len(trained[how].labels)}
        rows += [{**row, **base} for row in found if row["kind"] == "head" or heads is None]
    return rows


def run(seed: int = 0, device="cpu") -> list[dict]:
    return joined([run_part(part, seed, device) for part in parts()])
