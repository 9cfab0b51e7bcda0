"""Evaluation of image quality measures with and without a network: rank correlation with severity and with human
ratings.

There are three data sets: synthetic scenes and photographs in the public domain, both distorted here at known levels,
and LIVE, whose images have human ratings. No network is trained on references of its test set: those for photographs
and LIVE are trained on CIFAR-10.
"""

from collections.abc import Callable
from statistics import mean

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from tutorial_lib import quality as e
from tutorial_lib.data import (
    SKIMAGE_PHOTOS,
    QualityDataset,
    iqa_dataset_available,
    load,
    load_iqa_dataset,
    make_distortion_dataset,
    skimage_photos,
)
from tutorial_lib.gradients import objective_values, reconstruction_mse
from tutorial_lib.metrics import average_ranks, bootstrap_interval, krcc, logistic_fit, plcc, rmse, srcc, steiger_test
from tutorial_lib.models import SignAutoencoder, train
from tutorial_lib.models import load as shipped_network
from tutorial_lib.quality.sparse_coding import spearman_power_similarity as rank_agreement

SEEDS = (0, 1, 2)
SCENES, N_FEW, IMAGE_SIZE, EPOCHS = 12, 4, 144, 4
TRAIN_DISTORTIONS = {"signs": ("signs", "train"), "photographs": ("cifar10", "train"), "live": ("cifar10", "train")}
N_TRAIN_IMAGES, PRISTINE = 2_000, 300  # training images, and how many of them for the mean gradient
CODER = {"hidden": 196, "patches": 8_000, "steps": 80}
NO_REFERENCE = ("error", "norm", "alignment")
N_RESAMPLES = 200  # bootstrap samples of an interval
CONTROLS = ("UNIQUE, untrained", "whitened patches")
N_REPEATS = (
    "distance",
    "cosine",
    "unscaled",
    "UNIQUE",
    "surprisal",
    CONTROLS[0],
    *NO_REFERENCE,
)  # measures that depend on the seed

DISTORTION_GROUPS = (
    "measure",
    "shipped",
    "seed",
    "distortion",
    "protocol",
    "image",
    "set",
)  # kinds of rows, in the order of the table
SMALL = {
    "SEEDS": (0,),
    "N_RESAMPLES": 20,
    "SCENES": 2,
    "N_FEW": 1,
    "IMAGE_SIZE": 48,
    "EPOCHS": 1,
    "N_TRAIN_IMAGES": 60,
    "PRISTINE": 20,
    "CODER": {"hidden": 16, "patches": 200, "steps": 5},
}

Measures = dict[str, Callable[[Tensor, Tensor], Tensor]]


def make_generator(seed: int) -> torch.Generator:
    """Return a random generator with a seed."""
    return torch.Generator().manual_seed(seed)


def load_quality_set(name: str) -> QualityDataset:
    """Return a data set of distorted images."""
    if name == "signs":
        return make_distortion_dataset(SCENES, generator=make_generator(1_000))
    if name == "photographs":
        return make_distortion_dataset(
            skimage_photos(IMAGE_SIZE), names=SKIMAGE_PHOTOS, generator=make_generator(1_000)
        )
    return load_iqa_dataset("live")


def available_sets() -> list[str]:
    """Return the names of the available data sets."""
    return ["signs", "photographs", *(["live"] if iqa_dataset_available("live") else [])]


def full_reference_measures(side: int) -> Measures:
    """Return measures that use no network; structural similarity is computed on luma, as published."""
    scales = next(s for s in (5, 4, 3, 2, 1) if 11 * 2 ** (s - 1) <= side)
    bright = lambda f: lambda x, r: f(e.to_luma(x), e.to_luma(r))
    return {
        "PSNR": e.psnr,
        "PSNR, brightness": bright(e.psnr),
        "SSIM": bright(e.ssim),
        "MS-SSIM": bright(lambda x, r: e.ms_ssim(x, r, scales=scales)),
    }


def autoencoder(images: Tensor, seed: int) -> nn.Module:
    """Return a trained autoencoder."""
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        network = SignAutoencoder().to(images.device)
    how = {"loss": mse_loss, "weight_decay": 0.0, "epochs": EPOCHS, "progress": False}
    train(network, images, images, generator=make_generator(seed), **how)
    return network.requires_grad_(False)


def sparse_coding_measures(
    images: Tensor, seed: int, downsample: bool
) -> Callable[[Tensor, Tensor], dict[str, Tensor]]:
    """Return the measures of a sparse coder, and two controls: an untrained coder, and no coder."""
    trained, untrained = (
        e.UNIQUEQuality(CODER["hidden"], downsample=downsample).fit(
            images, patches=CODER["patches"], n_steps=steps, generator=make_generator(seed)
        )
        for steps in (CODER["steps"], 1)
    )

    def score(x: Tensor, r: Tensor) -> dict[str, Tensor]:
        patches = (trained.patches(side) for side in (x, r))
        scores = trained.score(x, r), e.surprisal(trained, x, r), untrained.score(x, r), rank_agreement(*patches)
        return dict(zip(("UNIQUE", "surprisal", *CONTROLS), scores, strict=True))

    return score


def gradient_measures(network: nn.Module, pristine: Tensor) -> Callable[[Tensor, Tensor], dict[str, Tensor]]:
    """Return all measures from gradients of one autoencoder, oriented so that higher means better quality."""
    mean_gradient = e.mean_reconstruction_gradient(network, pristine)

    def score(x: Tensor, r: Tensor) -> dict[str, Tensor]:
        # Three pooling layers need sides that are multiples of eight.
        x, r = (side[..., : side.shape[-2] // 8 * 8, : side.shape[-1] // 8 * 8] for side in (x, r))
        comparison = e.compare_gradients(network, x, r)
        return {
            "distance": -(comparison.distance / comparison.reference_norm).mean(1),
            "cosine": comparison.cosine.mean(1),
            "unscaled": -comparison.distance.square().sum(1).sqrt(),
            "error": -objective_values(network, x, reconstruction_mse(x)),
            "norm": -comparison.distorted_norm.square().sum(1).sqrt(),
            "alignment": e.gradient_alignment(network, x, mean_gradient),
        }

    return score


def score_pairs(
    pairs: QualityDataset, measure: Callable[[Tensor, Tensor], dict[str, Tensor]], device
) -> dict[str, Tensor]:
    """Return {name: (N,) scores}, in small batches if all images have one size, otherwise one by one."""
    equal_sizes = all(isinstance(image, Tensor) for image in pairs.images)
    batches = (
        zip(*(side.split(16) for side in pairs.as_batch())) if equal_sizes else (pairs[i] for i in range(len(pairs)))
    )
    scores: dict[str, list[Tensor]] = {}
    for batch in batches:
        for name, values in measure(*(side.to(device) for side in batch)).items():
            scores.setdefault(name, []).append(values.cpu().double())
    return {name: torch.cat(values) for name, values in scores.items()}


def within_content_correlation(scores: Tensor, pairs: QualityDataset) -> dict[str, float]:
    """Return the signed rank correlation with quality by kind of distortion; 1 if the measure falls at every level."""
    correlations = {}
    for kind in dict.fromkeys(pairs.distortion_types):
        of_kind = torch.tensor([k == kind for k in pairs.distortion_types])
        correlations[kind] = srcc(scores[of_kind], pairs.quality[of_kind])
    return correlations


def correlations(scores: Tensor, pairs: QualityDataset) -> dict:
    """Return the two correlations of a measure on a data set, with bootstrap intervals."""
    by_kind = within_content_correlation(scores, pairs)
    kinds = torch.tensor([list(by_kind).index(k) for k in pairs.distortion_types])

    def mean_correlation(scores: Tensor, quality: Tensor, kinds: Tensor) -> float:
        # A bootstrap sample of a small set may contain hardly any image of one kind.
        samples = [(scores[kinds == k], quality[kinds == k]) for k in range(len(by_kind))]
        return mean(abs(srcc(a, b)) for a, b in samples if len(a.unique()) > 2 and len(b.unique()) > 2)

    intervals = {}
    for name, statistic, data in (
        ("within", mean_correlation, (scores, pairs.quality, kinds)),
        ("pooled", srcc, (scores, pairs.quality)),
    ):
        low, high = bootstrap_interval(
            statistic, *data, paired=True, n_resamples=N_RESAMPLES, generator=make_generator(0)
        )
        intervals |= {f"{name} low": low, f"{name} high": high}
    row = {
        "within": mean(map(abs, by_kind.values())),
        "within, signed": mean(by_kind.values()),
        "pooled": srcc(scores, pairs.quality),
        **intervals,
    }
    return {name: round(number, 4) for name, number in row.items()}


def evaluate_measure(name: str, scores: dict[str, Tensor], pairs: QualityDataset) -> list[dict]:
    """Return correlations after a logistic fit, as quality studies report them, and a rank test against PSNR."""
    rows, ratings = [], pairs.quality
    for measure, s in scores.items():
        fitted = logistic_fit(s, ratings)(s)
        test = steiger_test(average_ranks(s), average_ranks(scores["PSNR"]), average_ranks(ratings))
        numbers = {
            "plcc": plcc(fitted, ratings),
            "srcc": srcc(s, ratings),
            "krcc": krcc(s, ratings),
            "rmse": rmse(fitted, ratings),
        }
        numbers |= {"better than PSNR by": test.difference, "p": test.p}
        rows.append(
            {"kind": "protocol", "set": name, "measure": measure, **{k: round(v, 4) for k, v in numbers.items()}}
        )
    return rows


def average_rows(rows: list[dict]) -> list[dict]:
    """Return the mean over seeds of a measure's correlations, with their range."""
    averages = []
    for name in dict.fromkeys(row["set"] for row in rows):
        for measure in dict.fromkeys(row["measure"] for row in rows if row["set"] == name):
            seed_rows = [row for row in rows if (row["set"], row["measure"]) == (name, measure)]
            row = {
                "kind": "measure",
                "set": name,
                "measure": measure,
                "blind": measure in NO_REFERENCE,
                "seeds": len(seed_rows),
            }
            for number in ("within", "within, signed", "pooled"):
                values = [r[number] for r in seed_rows]
                row |= {number: round(mean(values), 4), f"{number} least": min(values), f"{number} most": max(values)}
            for end in ("within low", "within high", "pooled low", "pooled high"):
                row[end] = round(mean(r[end] for r in seed_rows), 4)
            averages.append(row)
    return averages


def part_names() -> list[str]:
    """Return the names of the parts."""
    return available_sets()


def run_part(part: str, seed: int = 0, device="cpu") -> list[dict]:
    """Return the rows of one part."""
    single, by_kind, protocols, per_image = [], [], [], []
    pairs = load_quality_set(part)
    side = min(s for i in range(len(pairs)) for s in pairs[i][0].shape[-2:])
    fixed_scores = score_pairs(
        pairs, lambda x, r, m=full_reference_measures(side): {k: f(x, r) for k, f in m.items()}, device
    )
    images = load(*TRAIN_DISTORTIONS[part], limit=N_TRAIN_IMAGES, device=device).images
    for own_seed in [seed + s for s in SEEDS]:
        network = autoencoder(images, own_seed)
        gradients, codes = (
            gradient_measures(network, images[:PRISTINE]),
            sparse_coding_measures(images, own_seed, side >= 128),
        )
        scores = fixed_scores | score_pairs(pairs, lambda x, r, f=gradients, g=codes: f(x, r) | g(x, r), device)
        for measure, s in scores.items():
            if own_seed == seed + SEEDS[0] or measure in N_REPEATS:
                single.append({"set": part, "measure": measure, "seed": own_seed, **correlations(s, pairs)})
                values = {k: round(v, 4) for k, v in within_content_correlation(s, pairs).items()}
                by_kind += [
                    {
                        "kind": "distortion",
                        "set": part,
                        "measure": measure,
                        "seed": own_seed,
                        "distortion": k,
                        "srcc": v,
                    }
                    for k, v in values.items()
                ]
        if own_seed == seed + SEEDS[0]:
            protocols += evaluate_measure(part, {k: v for k, v in scores.items() if k not in NO_REFERENCE}, pairs)
            if part == "live":
                for i, (reference, kind, rating) in enumerate(
                    zip(pairs.references, pairs.distortion_types, pairs.scores.tolist(), strict=True)
                ):
                    values = {k: round(v[i].item(), 5) for k, v in scores.items()}
                    rows = {
                        "kind": "image",
                        "set": part,
                        "reference": reference,
                        "distortion": kind,
                        "dmos": round(rating, 3),
                    }
                    per_image.append({**rows, **values})
            description = {
                "kind": "set",
                "set": part,
                "images": len(pairs),
                "references": len(set(pairs.references)),
                "distortions": len(set(pairs.distortion_types)),
                "score": pairs.score_description,
                "learned from": " ".join(TRAIN_DISTORTIONS[part]),
                "to learn from": len(images),
                "weights": sum(p.numel() for p in network.parameters()),
            }
    shipped = [shipped_network_row(device)] if part == "signs" else []
    return (
        average_rows(single)
        + shipped
        + [{"kind": "seed", **row} for row in single]
        + by_kind
        + protocols
        + per_image
        + [description]
    )


def join_parts(parts: list[list[dict]]) -> list[dict]:
    """Return the rows sorted by kind, each kind in the order of the data sets."""
    return sorted((row for rows in parts for row in rows), key=lambda row: DISTORTION_GROUPS.index(row["kind"]))


def shipped_network_row(device="cpu") -> dict:
    """Return the row of the shipped autoencoder on few scenes, which the chapter recomputes and compares."""
    network, pairs = (
        shipped_network("signs/autoencoder", device),
        make_distortion_dataset(N_FEW, generator=make_generator(1_000)),
    )
    scores = score_pairs(
        pairs, lambda x, r: {"distance": -e.gradient_distance(network, x, r), "SSIM": e.ssim(x, r)}, device
    )
    numbers = {
        name: round(mean(map(abs, within_content_correlation(s, pairs).values())), 4) for name, s in scores.items()
    }
    return {"kind": "shipped", "set": "signs", "scenes": N_FEW, **numbers}


def data_sources() -> list[dict]:
    """Return the data sets that the table depends on."""
    training_set = load("cifar10", "train", limit=N_TRAIN_IMAGES)
    sources = [{"subset": training_set.description, "sha256": training_set.sha256}]
    if iqa_dataset_available("live"):
        live = load_iqa_dataset("live")
        sources.append({"subset": live.description, "sha256": live.sha256})
    return sources
