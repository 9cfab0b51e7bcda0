"""Introspective classification of signs, compared with heads without gradients, wider and linear heads, and temperature
scaling.

The network is frozen. Its logits z and features h are computed once per image; the input of every head is a function of
them.
"""

import sys
from collections.abc import Callable
from statistics import mean
from typing import NamedTuple

import scipy
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tutorial_lib.attribution import MLPHead, introspective_features
from tutorial_lib.data import CORRUPTIONS, SEVERITIES, SIGNS, corrupt, load, render
from tutorial_lib.gradients import penultimate_features
from tutorial_lib.metrics import accuracy, expected_calibration_error
from tutorial_lib.models import load as network_of

NETWORKS = {
    "signs/classifier": 0,
    "signs/classifier/1": 1,
    "signs/classifier/2": 2,
}  # with the seed of the training images
N_IMAGES, N_FEW, N_CALIBRATION, N_PER_GROUP = 10_000, 1_400, 1_400, 280
UNSEEN_CORRUPTIONS = 500  # added to the seed of a network: images that it was not trained on
HIDDEN, EPOCHS = (300, 100), 20
HEAD_SEEDS = 3
TRAIN_CORRUPTIONS = ("gaussian blur", "noise")  # corruptions in the augmented images
NO_CORRUPTION = "feed-forward"
PARTS = (NO_CORRUPTION, "cross_entropy", "sigmoid", "h")  # heads with rows for every severity and corruption
CLASS_PAIR = ("cross_entropy", "h")  # heads with several seeds
SMALL = {"N_IMAGES": 700, "N_FEW": 350, "N_CALIBRATION": 700, "N_PER_GROUP": 14, "EPOCHS": 4, "HEAD_SEEDS": 2}


class ModelOutputs(NamedTuple):
    """Outputs of a frozen network.

    Attributes:
        z: (N, C) logits.
        h: (N, d) penultimate features.
        labels: (N,) true labels.
    """

    z: Tensor
    h: Tensor
    labels: Tensor


def model_outputs(model: nn.Module, images: Tensor, labels: Tensor) -> ModelOutputs:
    """Return logits and features of all images."""
    z, h = zip(*(penultimate_features(model, x) for x in images.split(256)), strict=True)
    return ModelOutputs(torch.cat(z), torch.cat(h), labels)


def make_generator(seed: int) -> torch.Generator:
    """Return a random generator with a seed."""
    return torch.Generator().manual_seed(seed)


def augmented(images: Tensor, seed: int) -> Tensor:
    """Return images with random contrast and brightness; a third is also blurred and a third noisy, at severity 2."""
    generator = make_generator(seed)
    contrast, brightness = torch.rand(2, len(images), 1, 1, 1, generator=generator).to(images)
    augmented_images = ((images - 0.5) * (0.6 + 0.8 * contrast) + 0.5 + 0.4 * (brightness - 0.5)).clamp(0, 1)
    for i, kind in enumerate(TRAIN_CORRUPTIONS):
        augmented_images[i::3] = corrupt(augmented_images[i::3], kind, 2, generator=generator)
    return augmented_images


def feature_sets(
    last_layer: nn.Linear, train_outputs: ModelOutputs
) -> dict[str, tuple[Callable[[ModelOutputs], Tensor], tuple[int, ...]]]:
    """Return {head: (function that computes its input, hidden widths)}, for contrasts and gradient-free controls."""
    target_logit = train_outputs.z.amax(1).mean().item()  # target of the squared loss: the mean largest logit

    def contrasts(loss: str) -> Callable[[ModelOutputs], Tensor]:
        # The gradients of the last layer depend only on its input and output, so that the layer itself serves as the
        # network.
        return lambda outputs: introspective_features(
            last_layer, outputs.h, loss=loss, target_logit=target_logit, batch_size=4096
        ).flatten(1)

    classes, d = last_layer.weight.shape
    wide_width = (classes * d * HIDDEN[0] + HIDDEN[0] * HIDDEN[1]) // (d + HIDDEN[1])
    return {
        "cross_entropy": (contrasts("cross_entropy"), HIDDEN),
        "sigmoid": (contrasts("sigmoid"), HIDDEN),
        "squared": (contrasts("squared"), HIDDEN),
        "cross_entropy, linear": (contrasts("cross_entropy"), ()),
        "h": (lambda outputs: outputs.h, HIDDEN),
        "h and z": (lambda outputs: torch.cat([outputs.h, outputs.z], 1), HIDDEN),
        "h, as many weights": (lambda outputs: outputs.h, (wide_width, HIDDEN[1])),
        "h, linear": (lambda outputs: outputs.h, ()),
    }


def format_grid(values: Tensor) -> Tensor:
    """Reshape (severities · corruptions · images, …) to (severities, corruptions, images, …)."""
    return values.unflatten(0, (len(SEVERITIES), len(CORRUPTIONS), -1))


def ece(z: Tensor, labels: Tensor) -> float:
    """Return the calibration error of all corruptions together at each severity, averaged over severities."""
    levels = zip(format_grid(z), format_grid(labels), strict=True)
    return mean(expected_calibration_error(a.flatten(0, 1).softmax(1), b.flatten()) for a, b in levels)


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """Return the temperature T that maximizes the likelihood of the labels under softmax(z/T).

    With β = 1/T the loss is convex, and its slope, mean(Σ_c p_c z_c − z_y), is solved for zero (Guo et al., ICML 2017,
    arXiv:1706.04599).

    Raises:
        ValueError: no optimal T exists, because every label has the largest logit or the logits favor other classes.
    """
    z, labels = logits.detach().to("cpu", torch.float64), labels.cpu()
    # The softmax depends on differences of logits alone, and cannot overflow if the largest logit is zero.
    z = z - z.max(1, keepdim=True).values
    z_y = z.gather(1, labels[:, None])[:, 0]
    if (z_y == 0).all():
        raise ValueError(
            "every label has the largest logit, so the likelihood has no maximum; use samples that include errors"
        )
    if z_y.mean() <= z.mean():
        raise ValueError(
            "the logits favor other classes than the labels, so no T > 0 is best; do they belong together?"
        )

    # The derivative of the loss with respect to β = 1/T: it increases with β, and is negative at 0.
    def slope(beta: float) -> float:
        return (((beta * z).softmax(1) * z).sum(1) - z_y).mean().item()

    high = 1.0
    while slope(high) < 0:
        high *= 2
    return 1 / scipy.optimize.brentq(slope, 0.0, high, xtol=sys.float_info.min, rtol=1e-14, maxiter=2000)


def evaluate_head(
    predict: Callable[[ModelOutputs], Tensor], clean: ModelOutputs, corrupted: ModelOutputs, calibration: ModelOutputs
) -> dict:
    """Return one row: results on clean and on corrupted images, and with a temperature fitted to calibration images."""
    clean_logits, z, labels = predict(clean), predict(corrupted), corrupted.labels
    temperature = fit_temperature(predict(calibration), calibration.labels)
    correct = (format_grid(z).argmax(-1) == format_grid(labels)).float()
    unseen_corruptions = [i for i, kind in enumerate(CORRUPTIONS) if kind not in TRAIN_CORRUPTIONS]
    row = {
        "clean": accuracy(clean_logits, clean.labels),
        "clean ece": expected_calibration_error(clean_logits.softmax(1), clean.labels),
        "accuracy": correct.mean().item(),
        "accuracy on unseen corruptions": correct[:, unseen_corruptions].mean().item(),
        "accuracy at level 3": correct[SEVERITIES.index(3)].mean().item(),
        "ece": ece(z, labels),
        "nll": cross_entropy(z, labels).item(),
        "temperature": temperature,
        "scaled ece": ece(z / temperature, labels),
    }
    return {name: round(value, 4) for name, value in row.items()}


def accuracy_by_corruption(predict: Callable[[ModelOutputs], Tensor], corrupted: ModelOutputs) -> list[dict]:
    """Return accuracy and ECE for each severity and for each corruption."""
    z, labels = format_grid(predict(corrupted)), format_grid(corrupted.labels)
    parts = [("level", level, z[i], labels[i]) for i, level in enumerate(SEVERITIES)]
    parts += [("corruption", kind, z[:, i], labels[:, i]) for i, kind in enumerate(CORRUPTIONS)]
    rows = []
    for kind, value, a, b in parts:
        a, b = a.flatten(0, 1), b.flatten()
        error = expected_calibration_error(a.softmax(1), b)
        rows.append({"kind": kind, "value": value, "accuracy": round(accuracy(a, b), 4), "ece": round(error, 4)})
    return rows


def compare_heads(
    last_layer: nn.Linear,
    train_outputs: ModelOutputs,
    clean: ModelOutputs,
    corrupted: ModelOutputs,
    calibration: ModelOutputs,
    *,
    heads=None,
    seeds=(0,),
) -> list[dict]:
    """Return the rows of the network and of every head and seed, and for some of them by severity and corruption."""
    rows = []
    inputs = feature_sets(last_layer, train_outputs)
    for head in (NO_CORRUPTION, *inputs) if heads is None else heads:
        for seed in seeds if head in inputs else seeds[:1]:
            predict, weights = (lambda outputs: outputs.z), 0
            if head in inputs:
                compute_input, hidden = inputs[head]
                classifier = MLPHead(hidden).fit(
                    compute_input(train_outputs), train_outputs.labels, epochs=EPOCHS, generator=make_generator(seed)
                )
                weights = sum(p.numel() for p in classifier.network.parameters())
                predict = lambda outputs, compute_input=compute_input, classifier=classifier: classifier.logits(
                    compute_input(outputs)
                )
            base = {"head": head, "seed": seed}
            rows.append(
                {"kind": "head", **base, "weights": weights, **evaluate_head(predict, clean, corrupted, calibration)}
            )
            rows += [{**part, **base} for part in accuracy_by_corruption(predict, corrupted)] if head in PARTS else []
    return rows


def join_parts(parts: list[list[dict]]) -> list[dict]:
    """Return the rows of the heads, and those by severity and corruption, as means over runs and with every accuracy.

    The runs are in the order of the parts and their seeds, so that those of two heads belong together.
    """
    head_rows, groups = [], {}
    for row in (row for rows in parts for row in rows):
        if row["kind"] == "head":
            head_rows.append(row)
        else:
            groups.setdefault(tuple(row[c] for c in ("kind", "value", "trained", "head")), []).append(row)
    for (kind, value, trained, head), group in groups.items():
        means = {column: round(mean(row[column] for row in group), 4) for column in ("accuracy", "ece")}
        runs = {"runs": len(group), "accuracies": [row["accuracy"] for row in group]}
        head_rows.append({"kind": kind, "value": value, "trained": trained, "head": head, **runs, **means})
    return head_rows


def corrupted_outputs(model: nn.Module, images: Tensor, labels: Tensor, seed: int, each: int) -> ModelOutputs:
    """Return the outputs for every corruption and severity; severities use separate images, if there are enough."""
    outputs = []
    for i, level in enumerate(SEVERITIES):
        at = torch.arange(i * each, (i + 1) * each).to(labels.device) % len(images)
        outputs += [
            model_outputs(model, corrupt(images[at], kind, level, generator=make_generator(seed)), labels[at])
            for kind in CORRUPTIONS
        ]
    return ModelOutputs(*(torch.cat(column) for column in zip(*outputs, strict=True)))


def sign_data(n: int, seed: int, device) -> tuple[Tensor, Tensor]:
    """Return images of signs and their labels."""
    labels = torch.arange(n, device=device) % len(SIGNS)
    return render(labels, generator=make_generator(seed), device=device), labels


def part_names() -> list[str]:
    """Return the names of the parts."""
    return list(NETWORKS)


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    """Return the rows of all heads on one network; the first also has heads with more seeds and with fewer images."""
    rows, name, own_seed = [], part, NETWORKS[part]
    test = load("signs", "test", device=device)
    model = network_of(name, device)
    (images, labels), (others, other_labels) = (
        sign_data(N_IMAGES, own_seed, device),
        sign_data(N_IMAGES + N_CALIBRATION, own_seed + UNSEEN_CORRUPTIONS, device),
    )
    clean, corrupted = model_outputs(model, *test[:2]), corrupted_outputs(model, *test[:2], seed, N_PER_GROUP)
    calibration_images, calibration_labels = others[N_IMAGES:], other_labels[N_IMAGES:]
    calibration = {
        "clean": model_outputs(model, calibration_images, calibration_labels),
        "augmented": model_outputs(model, augmented(calibration_images, seed + 1), calibration_labels),
    }
    trained = {
        "clean": model_outputs(model, images, labels),
        "clean, not seen before": model_outputs(model, others[:N_IMAGES], other_labels[:N_IMAGES]),
        "augmented": model_outputs(model, augmented(images, seed), labels),
    }
    trained["few"] = ModelOutputs(*(column[:N_FEW] for column in trained["clean"]))
    jobs = [("clean", None, (seed,)), ("augmented", None, (seed,)), ("clean, not seen before", PARTS, (seed,))]
    if part == next(iter(NETWORKS)):
        more_seeds = tuple(range(seed + 1, seed + HEAD_SEEDS))
        jobs += [
            ("few", (NO_CORRUPTION, *CLASS_PAIR), (seed,)),
            ("clean", CLASS_PAIR, more_seeds),
            ("augmented", CLASS_PAIR, more_seeds),
        ]
    for training_set, heads, seeds in jobs:
        calibration_outputs = calibration["augmented" if training_set == "augmented" else "clean"]
        head_rows = compare_heads(
            model.head, trained[training_set], clean, corrupted, calibration_outputs, heads=heads, seeds=seeds
        )
        base = {"network": name, "trained": training_set, "images": len(trained[training_set].labels)}
        rows += [{**row, **base} for row in head_rows if row["kind"] == "head" or heads is None]
    return rows
