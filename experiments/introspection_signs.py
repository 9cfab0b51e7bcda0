"""A second look at signs: introspective features against the same head without gradients, a wider, a linear one, a temperature.

The network stays frozen. Its logits z and features h are computed once for each picture; every head reads a function of them.
"""

from collections.abc import Callable
from statistics import mean
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tutorial_lib.attribution import MLPHead, introspective_features
from tutorial_lib.data import CORRUPTIONS, SEVERITIES, SIGNS, corrupt, load, render
from tutorial_lib.gradients import penultimate_features
from tutorial_lib.metrics import accuracy, expected_calibration_error, fit_temperature
from tutorial_lib.models import load as network_of

NETWORKS = {
    "signs/classifier": 0,
    "signs/classifier/1": 1,
    "signs/classifier/2": 2,
}  # and the seed of its training pictures
PICTURES, N_FEW, N_CALIBRATION, N_PER_GROUP = 10_000, 1_400, 1_400, 280
UNSEEN_CORRUPTIONS = 500  # added to a network's seed: pictures that it was not trained on
HIDDEN, EPOCHS = (300, 100), 20
HEAD_SEEDS = 3
TRAIN_CORRUPTIONS = ("gaussian blur", "noise")  # what the augmented pictures have in common with the challenges
NO_CORRUPTION = "feed-forward"
PARTS = (NO_CORRUPTION, "cross_entropy", "sigmoid", "h")  # of these, levels and challenges are kept
CLASS_PAIR = ("cross_entropy", "h")  # of these, heads with more than one seed
SMALL = {"PICTURES": 700, "N_FEW": 350, "N_CALIBRATION": 700, "N_PER_GROUP": 14, "EPOCHS": 4, "HEAD_SEEDS": 2}


class ModelOutputs(NamedTuple):
    """What a frozen network makes of pictures: z (N, C), h (N, d), and their labels (N,)."""

    z: Tensor
    h: Tensor
    labels: Tensor


def model_outputs(model: nn.Module, images: Tensor, labels: Tensor) -> ModelOutputs:
    z, h = zip(*(penultimate_features(model, x) for x in images.split(256)), strict=True)
    return ModelOutputs(torch.cat(z), torch.cat(h), labels)


def make_generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def augmented(images: Tensor, seed: int) -> Tensor:
    """Contrast and brightness turned at random; a third of the pictures blurred as well, a third noisy, both at level 2."""
    generator = make_generator(seed)
    contrast, brightness = torch.rand(2, len(images), 1, 1, 1, generator=generator).to(images)
    turned = ((images - 0.5) * (0.6 + 0.8 * contrast) + 0.5 + 0.4 * (brightness - 0.5)).clamp(0, 1)
    for i, kind in enumerate(TRAIN_CORRUPTIONS):
        turned[i::3] = corrupt(turned[i::3], kind, 2, generator=generator)
    return turned


def feature_sets(
    last: nn.Linear, learned: ModelOutputs
) -> dict[str, tuple[Callable[[ModelOutputs], Tensor], tuple[int, ...]]]:
    """What a head reads, and its hidden layers: contrasts under three losses; as controls, what asks for no gradient."""
    height = learned.z.amax(1).mean().item()  # what the squared loss wants of a logit: the usual largest one

    def contrasts(loss: str) -> Callable[[ModelOutputs], Tensor]:
        # The last layer's gradients need its input and output alone: the layer itself is the network that is asked.
        return lambda seen: introspective_features(
            last, seen.h, loss=loss, target_logit=height, batch_size=4096
        ).flatten(1)

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


def format_grid(values: Tensor) -> Tensor:
    """(levels · challenges · pictures, …) -> (levels, challenges, pictures, …)."""
    return values.unflatten(0, (len(SEVERITIES), len(CORRUPTIONS), -1))


def ece(z: Tensor, labels: Tensor) -> float:
    """Of each level, its challenges together, averaged over levels: enough pictures a bin, and no level makes up for another."""
    levels = zip(format_grid(z), format_grid(labels), strict=True)
    return mean(expected_calibration_error(a.flatten(0, 1).softmax(1), b.flatten()) for a, b in levels)


def evaluate_head(
    answer: Callable[[ModelOutputs], Tensor], clean: ModelOutputs, challenged: ModelOutputs, kept_back: ModelOutputs
) -> dict:
    """One row: on clean pictures, on challenged ones, and what a temperature fitted on pictures kept back makes of it."""
    fair, z, labels = answer(clean), answer(challenged), challenged.labels
    temperature = fit_temperature(answer(kept_back), kept_back.labels)
    right = (format_grid(z).argmax(-1) == format_grid(labels)).float()
    new = [i for i, kind in enumerate(CORRUPTIONS) if kind not in TRAIN_CORRUPTIONS]
    row = {
        "clean": accuracy(fair, clean.labels),
        "clean ece": expected_calibration_error(fair.softmax(1), clean.labels),
        "right": right.mean().item(),
        "right where not shown": right[:, new].mean().item(),
        "right at level 3": right[SEVERITIES.index(3)].mean().item(),
        "ece": ece(z, labels),
        "nll": cross_entropy(z, labels).item(),
        "temperature": temperature,
        "scaled ece": ece(z / temperature, labels),
    }
    return {name: round(value, 4) for name, value in row.items()}


def accuracy_by_corruption(answer: Callable[[ModelOutputs], Tensor], challenged: ModelOutputs) -> list[dict]:
    """Right answers and ECE of each level and of each challenge."""
    z, labels = format_grid(answer(challenged)), format_grid(challenged.labels)
    parts = [("level", level, z[i], labels[i]) for i, level in enumerate(SEVERITIES)]
    parts += [("challenge", kind, z[:, i], labels[:, i]) for i, kind in enumerate(CORRUPTIONS)]
    found = []
    for kind, value, a, b in parts:
        a, b = a.flatten(0, 1), b.flatten()
        error = expected_calibration_error(a.softmax(1), b)
        found.append({"kind": kind, "value": value, "right": round(accuracy(a, b), 4), "ece": round(error, 4)})
    return found


def compare_heads(
    last: nn.Linear,
    learned: ModelOutputs,
    clean: ModelOutputs,
    challenged: ModelOutputs,
    kept_back: ModelOutputs,
    *,
    heads=None,
    seeds=(0,),
) -> list[dict]:
    """The network as it is, and every head with every seed: a row each, and of some their parts."""
    rows = []
    read = feature_sets(last, learned)
    for head in (NO_CORRUPTION, *read) if heads is None else heads:
        for seed in seeds if head in read else seeds[:1]:
            answer, weights = (lambda seen: seen.z), 0
            if head in read:
                reading, hidden = read[head]
                stage = MLPHead(hidden).fit(
                    reading(learned), learned.labels, epochs=EPOCHS, generator=make_generator(seed)
                )
                weights = sum(p.numel() for p in stage.network.parameters())
                answer = lambda seen, reading=reading, stage=stage: stage.logits(reading(seen))
            base = {"head": head, "seed": seed}
            rows.append(
                {"kind": "head", **base, "weights": weights, **evaluate_head(answer, clean, challenged, kept_back)}
            )
            rows += [{**part, **base} for part in accuracy_by_corruption(answer, challenged)] if head in PARTS else []
    return rows


def join_parts(found: list[list[dict]]) -> list[dict]:
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


def corrupted_outputs(model: nn.Module, images: Tensor, labels: Tensor, seed: int, each: int) -> ModelOutputs:
    """Every challenge at every level; each level on pictures of its own where there are enough."""
    found = []
    for i, level in enumerate(SEVERITIES):
        at = torch.arange(i * each, (i + 1) * each).to(labels.device) % len(images)
        found += [
            model_outputs(model, corrupt(images[at], kind, level, generator=make_generator(seed)), labels[at])
            for kind in CORRUPTIONS
        ]
    return ModelOutputs(*(torch.cat(column) for column in zip(*found, strict=True)))


def sign_data(n: int, seed: int, device) -> tuple[Tensor, Tensor]:
    labels = torch.arange(n, device=device) % len(SIGNS)
    return render(labels, generator=make_generator(seed), device=device), labels


def parts() -> list[str]:
    return list(NETWORKS)


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    """All heads on one network; on the first, some with more seeds and with fewer pictures as well."""
    rows, name, own = [], part, NETWORKS[part]
    test = load("signs", "test", device=device)
    model = network_of(name, device)
    (images, labels), (others, other_labels) = (
        sign_data(PICTURES, own, device),
        sign_data(PICTURES + N_CALIBRATION, own + UNSEEN_CORRUPTIONS, device),
    )
    clean, challenged = model_outputs(model, *test[:2]), corrupted_outputs(model, *test[:2], seed, N_PER_GROUP)
    back, back_labels = others[PICTURES:], other_labels[PICTURES:]
    kept_back = {
        "clean": model_outputs(model, back, back_labels),
        "augmented": model_outputs(model, augmented(back, seed + 1), back_labels),
    }
    trained = {
        "clean": model_outputs(model, images, labels),
        "clean, not seen before": model_outputs(model, others[:PICTURES], other_labels[:PICTURES]),
        "augmented": model_outputs(model, augmented(images, seed), labels),
    }
    trained["few"] = ModelOutputs(*(column[:N_FEW] for column in trained["clean"]))
    jobs = [("clean", None, (seed,)), ("augmented", None, (seed,)), ("clean, not seen before", PARTS, (seed,))]
    if part == next(iter(NETWORKS)):
        more = tuple(range(seed + 1, seed + HEAD_SEEDS))
        jobs += [
            ("few", (NO_CORRUPTION, *CLASS_PAIR), (seed,)),
            ("clean", CLASS_PAIR, more),
            ("augmented", CLASS_PAIR, more),
        ]
    for how, heads, seeds in jobs:
        checked = kept_back["augmented" if how == "augmented" else "clean"]
        found = compare_heads(model.head, trained[how], clean, challenged, checked, heads=heads, seeds=seeds)
        base = {"network": name, "trained": how, "pictures": len(trained[how].labels)}
        rows += [{**row, **base} for row in found if row["kind"] == "head" or heads is None]
    return rows


def run(seed: int = 0, device="cpu") -> list[dict]:
    return join_parts([run_part(part, seed, device) for part in parts()])
