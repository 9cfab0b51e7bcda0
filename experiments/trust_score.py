"""Stand-ins for the manifold: the Trust Score of neighbours, and what mean gradients leave over, both against the softmax."""

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
N_IMAGES = None  # of the pictures to learn from and to be tested on; None: all
SMALL = {"N_IMAGES": 420, "N_PER_GROUP": 5}


def model_outputs(model: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    logits, h = zip(*(penultimate_features(model, x) for x in images.split(250)), strict=True)
    return torch.cat(logits), torch.cat(h)


def auroc(positive: Tensor, score: Tensor, generator: torch.Generator, draws: int = 300) -> dict:
    """How often a positive scores higher than a negative, with the interval of a bootstrap over the pictures."""
    positive, score = positive.cpu(), score.cpu().nan_to_num(posinf=1e30)

    def area(rows: Tensor) -> float:
        return float(roc_auc_score(positive[rows], score[rows]))

    chosen = [torch.randint(len(score), score.shape, generator=generator) for _ in range(draws)]
    # Where hardly anything is wrong, a draw may hold nothing wrong at all, and no area.
    drawn = torch.tensor([area(rows) for rows in chosen if 0 < positive[rows].sum() < len(rows)])
    low, high = drawn.quantile(torch.tensor([0.025, 0.975])).tolist()
    return {"auroc": round(area(torch.arange(len(score))), 4), "low": round(low, 4), "high": round(high, 4)}


def corrupted_copies(images: Tensor, labels: Tensor, seed: int, each: int) -> tuple[Tensor, Tensor]:
    """Every challenge at one level, each on ``each`` pictures of its own where there are enough."""
    places = [torch.arange(i * each, (i + 1) * each) % len(images) for i in range(len(CORRUPTIONS))]
    made = [
        corrupt(images[at], kind, SEVERITY, generator=torch.Generator().manual_seed(seed))
        for at, kind in zip(places, CORRUPTIONS, strict=True)
    ]
    return torch.cat(made), labels[torch.cat(places).to(labels.device)]


def trust_score_rows(
    name: str, model: nn.Module, train, test, counts: tuple[int, ...], seed: int, pixels: bool
) -> list[dict]:
    """Does a score know when the network is right? On fair and on challenged pictures, with neighbours in two spaces and none."""
    generator, rows = torch.Generator().manual_seed(seed), []
    stored_h = model_outputs(model, train.images)[1]
    trials = {
        "fair": (test.images, test.labels),
        "challenged": corrupted_copies(test.images, test.labels, seed, N_PER_GROUP),
    }
    for title, (images, labels) in trials.items():
        logits, h = model_outputs(model, images)
        predicted = logits.argmax(1)
        right = predicted == labels
        row = {"kind": "trust", "network": name, "pictures": title, "count": len(images)}
        row["right"] = round(float(right.float().mean()), 4)
        rows.append({**row, "score": "softmax", "stored": 0, **auroc(right, logits.softmax(1).amax(1), generator)})
        spaces = {"features": (stored_h, h)}
        if pixels:
            spaces["pixels"] = (train.images.flatten(1), images.flatten(1))
        for space, (kept, asked) in spaces.items():
            for n in counts:
                for alpha in (0.0, 0.1):
                    score = TrustScore(alpha=alpha).fit(kept[:n], train.labels[:n]).score(asked, predicted)
                    rows.append({**row, "score": space, "stored": n, "alpha": alpha, **auroc(right, score, generator)})
    return rows


class SampleGradients(NamedTuple):
    """What pictures ask of the last layer when they ask for a shrug, and the cheaper things to know about them."""

    gradient: Tensor
    h: Tensor
    sure: Tensor
    energy: Tensor


def sample_gradients(model: nn.Module, images: Tensor) -> SampleGradients:
    logits, h = model_outputs(model, images)
    gradient = last_layer_gradient_matrix(*last_layer_gradient_factors(logits, h, kl_from_uniform()))
    return SampleGradients(
        gradient, torch.cat([h, torch.ones_like(h[:, :1])], 1), logits.softmax(1).amax(1), logits.logsumexp(1)
    )


def decomposition_rows(name: str, model: nn.Module, train, test, strangers: dict[str, Tensor], seed: int) -> list[dict]:
    """The share of a gradient that the learned classes do not account for, in known pictures and in each kind of stranger.

    Beside it what asks for no gradient: the same share of the features alone, the softmax, the energy.
    """
    generator = torch.Generator().manual_seed(seed)
    learned, known = sample_gradients(model, train.images), sample_gradients(model, test.images)
    means = class_mean_gradients(learned.gradient, train.labels), class_mean_gradients(learned.h, train.labels)

    def scores(images: SampleGradients) -> dict[str, Tensor]:
        return {
            "": decompose_gradients(images.gradient, means[0]).residual_share,
            "features ": decompose_gradients(images.h, means[1]).residual_share,
            "softmax ": -images.sure,
            "energy ": -images.energy,
        }

    usual = scores(known)
    base = {"kind": "remainder", "network": name}
    rows = [{**base, "stranger": "none", "count": len(known.h), "median": round(float(usual[""].median()), 4)}]
    found = {title: sample_gradients(model, images) for title, images in strangers.items()}
    found["all"] = SampleGradients(*(torch.cat(column) for column in zip(*found.values(), strict=True)))
    for title, images in found.items():
        new = scores(images)
        novel = torch.cat([torch.zeros(len(known.h)), torch.ones(len(images.h))]).bool()
        row = {**base, "stranger": title, "count": len(images.h), "median": round(float(new[""].median()), 4)}
        for score in new:
            area = auroc(novel, torch.cat([usual[score], new[score]]), generator, 200)
            row |= {f"{score}{key}": value for key, value in area.items()}
        rows.append(row)
    return rows


def parts() -> list[str]:
    return [*SIGN_NETWORKS, *([PHOTO_NETWORK] if is_available("cifar10") else [])]


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    if part == PHOTO_NETWORK:
        model = load_pretrained(part, device)
        train, test = (load("cifar10", split, limit=N_IMAGES, device=device) for split in ("train", "test"))
        strangers = {
            world: load(world, "test", size=32, device=device).images for world in OOD_DATASETS if is_available(world)
        }
        counts, pixels = (1_000, len(train.images)), True
    else:
        model = network_of(part, device)
        train, test = (load("signs", split, limit=N_IMAGES, device=device) for split in ("train", "test"))
        novel = load("signs", "novel", device=device)
        strangers = {name: novel.images[novel.labels == len(SIGNS) + i] for i, name in enumerate(NOVEL_SIGNS)}
        counts, pixels = (1_400, 10_000), part == SIGN_NETWORKS[0]
    rows = trust_score_rows(part, model, train, test, counts, seed, pixels=pixels)
    return rows + decomposition_rows(part, model, train, test, strangers, seed)


def run(seed: int = 0, device="cpu") -> list[dict]:
    return [row for part in parts() for row in run_part(part, seed, device)]


def sources() -> list[dict]:
    if not is_available("cifar10"):
        return []
    sets = [
        load("cifar10", "train"),
        load("cifar10", "test"),
        *(load(w, "test", size=32) for w in OOD_DATASETS if is_available(w)),
    ]
    return [{"subset": images.description, "sha256": images.sha256} for images in sets]
