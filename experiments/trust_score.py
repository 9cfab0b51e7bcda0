"""The Trust Score, and the part of a gradient that class means do not explain, compared with the softmax."""

from typing import NamedTuple

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from tutorial_lib.data import CORRUPTIONS, NOVEL_SIGNS, SIGNS, corrupt, is_available, load
from tutorial_lib.foundations import TrustScore, class_mean_gradients, decompose_gradients, last_layer_gradient_matrix
from tutorial_lib.gradients import kl_from_uniform, last_layer_gradient_factors, penultimate_features
from tutorial_lib.models import load as network_of
from tutorial_lib.models import load_pretrained

SIGN_NETWORKS = ("signs/classifier", "signs/classifier/1", "signs/classifier/2")
PHOTO_NETWORK = "cifar10/resnet20"
SEVERITY, N_PER_GROUP = 3, 100
OOD_DATASETS = ("gtsrb", "dtd", "mnist", "digits")
N_IMAGES = None  # of the training and of the test images; None: all
SMALL = {"N_IMAGES": 420, "N_PER_GROUP": 5}


def model_outputs(model: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """Return logits and penultimate features of all images."""
    logits, h = zip(*(penultimate_features(model, x) for x in images.split(250)), strict=True)
    return torch.cat(logits), torch.cat(h)


def auroc(positive: Tensor, score: Tensor, generator: torch.Generator, n_resamples: int = 300) -> dict:
    """Return an AUROC with its bootstrap interval over images."""
    positive, score = positive.cpu(), score.cpu().nan_to_num(posinf=1e30)

    def area(rows: Tensor) -> float:
        return float(roc_auc_score(positive[rows], score[rows]))

    samples = [torch.randint(len(score), score.shape, generator=generator) for _ in range(n_resamples)]
    # If one class is rare, a bootstrap sample may not contain it; such samples are skipped.
    areas = torch.tensor([area(rows) for rows in samples if 0 < positive[rows].sum() < len(rows)])
    low, high = areas.quantile(torch.tensor([0.025, 0.975])).tolist()
    return {"auroc": round(area(torch.arange(len(score))), 4), "low": round(low, 4), "high": round(high, 4)}


def corrupted_copies(images: Tensor, labels: Tensor, seed: int, each: int) -> tuple[Tensor, Tensor]:
    """Return images with every corruption at one severity, each on ``each`` images of its own if there are enough."""
    positions = [torch.arange(i * each, (i + 1) * each) % len(images) for i in range(len(CORRUPTIONS))]
    corrupted = [
        corrupt(images[at], kind, SEVERITY, generator=torch.Generator().manual_seed(seed))
        for at, kind in zip(positions, CORRUPTIONS, strict=True)
    ]
    return torch.cat(corrupted), labels[torch.cat(positions).to(labels.device)]


def trust_score_rows(
    name: str, model: nn.Module, train, test, counts: tuple[int, ...], seed: int, pixels: bool
) -> list[dict]:
    """Return the AUROC of each confidence score for correct predictions, on clean and on corrupted images."""
    generator, rows = torch.Generator().manual_seed(seed), []
    stored_h = model_outputs(model, train.images)[1]
    trials = {
        "clean": (test.images, test.labels),
        "corrupted": corrupted_copies(test.images, test.labels, seed, N_PER_GROUP),
    }
    for title, (images, labels) in trials.items():
        logits, h = model_outputs(model, images)
        predicted = logits.argmax(1)
        correct = predicted == labels
        row = {"kind": "trust", "network": name, "images": title, "count": len(images)}
        row["accuracy"] = round(float(correct.float().mean()), 4)
        rows.append({**row, "score": "softmax", "stored": 0, **auroc(correct, logits.softmax(1).amax(1), generator)})
        spaces = {"features": (stored_h, h)}
        if pixels:
            spaces["pixels"] = (train.images.flatten(1), images.flatten(1))
        for space, (stored, queries) in spaces.items():
            for n in counts:
                for alpha in (0.0, 0.1):
                    score = TrustScore(alpha=alpha).fit(stored[:n], train.labels[:n]).score(queries, predicted)
                    rows.append(
                        {**row, "score": space, "stored": n, "alpha": alpha, **auroc(correct, score, generator)}
                    )
    return rows


class SampleGradients(NamedTuple):
    """Last-layer gradients for a uniform target, and scores that need no gradient.

    Attributes:
        gradient: (N, D) gradients of the last layer.
        h: (N, d + 1) penultimate features with a constant 1.
        confidence: (N,) largest softmax probability.
        energy: (N,) logsumexp of the logits.
    """

    gradient: Tensor
    h: Tensor
    confidence: Tensor
    energy: Tensor


def sample_gradients(model: nn.Module, images: Tensor) -> SampleGradients:
    """Return the gradients and scores of all images."""
    logits, h = model_outputs(model, images)
    gradient = last_layer_gradient_matrix(*last_layer_gradient_factors(logits, h, kl_from_uniform()))
    return SampleGradients(
        gradient, torch.cat([h, torch.ones_like(h[:, :1])], 1), logits.softmax(1).amax(1), logits.logsumexp(1)
    )


def decomposition_rows(
    name: str, model: nn.Module, train, test, ood_images: dict[str, Tensor], seed: int
) -> list[dict]:
    """Return the share of the gradient outside the span of the class means, for known images and each kind of OOD
    image.

    The controls need no gradient: the same share of the features, the softmax, and the energy.
    """
    generator = torch.Generator().manual_seed(seed)
    train_gradients, test_gradients = sample_gradients(model, train.images), sample_gradients(model, test.images)
    means = (
        class_mean_gradients(train_gradients.gradient, train.labels),
        class_mean_gradients(train_gradients.h, train.labels),
    )

    def scores(images: SampleGradients) -> dict[str, Tensor]:
        return {
            "": decompose_gradients(images.gradient, means[0]).residual_share,
            "features ": decompose_gradients(images.h, means[1]).residual_share,
            "softmax ": -images.confidence,
            "energy ": -images.energy,
        }

    known_scores = scores(test_gradients)
    base = {"kind": "remainder", "network": name}
    rows = [
        {
            **base,
            "OOD set": "none",
            "count": len(test_gradients.h),
            "median": round(float(known_scores[""].median()), 4),
        }
    ]
    gradients = {title: sample_gradients(model, images) for title, images in ood_images.items()}
    gradients["all"] = SampleGradients(*(torch.cat(column) for column in zip(*gradients.values(), strict=True)))
    for title, images in gradients.items():
        ood_scores = scores(images)
        is_ood = torch.cat([torch.zeros(len(test_gradients.h)), torch.ones(len(images.h))]).bool()
        row = {**base, "OOD set": title, "count": len(images.h), "median": round(float(ood_scores[""].median()), 4)}
        for score in ood_scores:
            area = auroc(is_ood, torch.cat([known_scores[score], ood_scores[score]]), generator, 200)
            row |= {f"{score}{key}": value for key, value in area.items()}
        rows.append(row)
    return rows


def part_names() -> list[str]:
    """Return the names of the parts."""
    return [*SIGN_NETWORKS, *([PHOTO_NETWORK] if is_available("cifar10") else [])]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    """Return the rows of one part."""
    if part == PHOTO_NETWORK:
        model = load_pretrained(part, device)
        train, test = (load("cifar10", split, limit=N_IMAGES, device=device) for split in ("train", "test"))
        ood_images = {
            name: load(name, "test", size=32, device=device).images for name in OOD_DATASETS if is_available(name)
        }
        counts, pixels = (1_000, len(train.images)), True
    else:
        model = network_of(part, device)
        train, test = (load("signs", split, limit=N_IMAGES, device=device) for split in ("train", "test"))
        novel = load("signs", "novel", device=device)
        ood_images = {name: novel.images[novel.labels == len(SIGNS) + i] for i, name in enumerate(NOVEL_SIGNS)}
        counts, pixels = (1_400, 10_000), part == SIGN_NETWORKS[0]
    rows = trust_score_rows(part, model, train, test, counts, seed, pixels=pixels)
    return rows + decomposition_rows(part, model, train, test, ood_images, seed)


def data_sources() -> list[dict]:
    """Return the data sets that the table depends on."""
    if not is_available("cifar10"):
        return []
    sets = [
        load("cifar10", "train"),
        load("cifar10", "test"),
        *(load(name, "test", size=32) for name in OOD_DATASETS if is_available(name)),
    ]
    return [{"subset": images.description, "sha256": images.sha256} for images in sets]
